from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from common.ids import new_id
from common.protocol import pushes
from common.protocol.pushes import HistoryPage, RoomEvent
from common.protocol.types import Head, HistoryAccess, Message, Quote, Role, RoomKind, User, Visibility
from common.text import excerpt
from desktop.storage import cache
from desktop.storage.fold import fold
from desktop.storage.outbox import Draft, add_draft, load_outbox
from desktop.storage.schema import prepare

ROOM, ME, BOB = new_id(), new_id(), new_id()
EMOJI = ("👍", "🎉")


@pytest.fixture
def db(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(tmp_path / "account.db", isolation_level=None)
    prepare(connection)
    yield connection
    connection.close()


def message(seq: int, *, msg_no: int | None = None, author: str = BOB, body: str = "") -> Message:
    return Message(ROOM, seq, msg_no or seq, seq, author, new_id(), body or f"text {seq}", seq * 1_000)


def new(seq: int, **options: Any) -> pushes.MessageNew:
    return pushes.MessageNew(ROOM, seq, message(seq, **options))


def page(first: int, last: int, *, at_start: bool = False, at_end: bool = False) -> HistoryPage:
    return HistoryPage(
        1, ROOM, [message(seq) for seq in range(first, last + 1)], first, last, at_start, at_end
    )


def head(seq: int = 0) -> Head:
    return Head(
        room_id=ROOM,
        kind=RoomKind.GROUP,
        title="Everyone",
        topic="",
        visibility=Visibility.PUBLIC,
        history=HistoryAccess.ALL,
        role=Role.MEMBER,
        member_count=2,
        seq=seq,
        msg_no=seq,
        delivered=0,
        read=0,
        unread=0,
        mentions=0,
        visible_from_seq=1,
        min_delivered=0,
        min_read=0,
        created_at_ms=0,
    )


def seqs(found: cache.Page | None) -> list[int]:
    assert found is not None
    return [row.seq for row in found.rows]


class Truth:
    """The server's side: a stream and the state that a fresh fetch gives."""

    def __init__(self) -> None:
        self.events: list[RoomEvent] = []
        self.messages: dict[int, Message] = {}

    def add(self, kind: int, pick: int, who: int) -> None:
        seq = len(self.events) + 1
        targets = [one.seq for one in self.messages.values() if not one.deleted]
        target = targets[pick % len(targets)] if targets else 0
        user = (ME, BOB)[who % 2]
        emoji = EMOJI[who // 2 % 2]
        event: RoomEvent
        if kind == 1 and target:
            event = pushes.MessageEdited(ROOM, seq, target, f"edited {seq}", seq)
        elif kind == 2 and target:
            event = pushes.MessageDeleted(ROOM, seq, target, user)
        elif kind == 3 and target:
            event = pushes.ReactionAdded(ROOM, seq, target, user, emoji)
        elif kind == 4 and target:
            event = pushes.ReactionRemoved(ROOM, seq, target, user, emoji)
        elif kind == 5:
            event = pushes.RoomChanged(ROOM, seq, user, seq, title=f"Title {seq}")
        else:
            quote = None
            if target and who % 3 == 0:
                quoted = self.messages[target]
                quote = Quote(target, quoted.author_id, excerpt(quoted.body))
            fresh = Message(
                ROOM, seq, len(self.messages) + 1, seq, user, new_id(), f"text {seq}", seq, reply_to=quote
            )
            self.messages[seq] = fresh
            event = pushes.MessageNew(ROOM, seq, fresh)
        self._fold(event)
        self.events.append(event)

    def _fold(self, event: RoomEvent) -> None:
        if isinstance(
            event,
            pushes.MessageEdited | pushes.MessageDeleted | pushes.ReactionAdded | pushes.ReactionRemoved,
        ):
            self.messages[event.target] = fold(self.messages[event.target], event)

    def page(self, first: int, last: int) -> HistoryPage:
        messages = [self._shown(one) for one in self.messages.values() if first <= one.seq <= last]
        return HistoryPage(1, ROOM, messages, first, last, first <= 1, last >= len(self.events))

    def _shown(self, one: Message) -> Message:
        """Quotes as they are when they are read."""
        if one.reply_to is None:
            return one
        quoted = self.messages[one.reply_to.seq]
        quote = Quote(quoted.seq, quoted.author_id, excerpt(quoted.body), quoted.deleted)
        raw = {name: getattr(one, name) for name in one.__struct_fields__}
        return Message(**{**raw, "reply_to": quote})

    def fresh(self) -> list[Message]:
        return self.page(1, len(self.events)).messages


STEPS = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 50), st.integers(0, 5)), min_size=1, max_size=60)


@given(steps=STEPS, cut=st.integers(0, 60), batch=st.integers(1, 9))
@example(steps=[(0, 0, 0), (0, 0, 0), (1, 0, 0), (0, 0, 0)], cut=0, batch=1)
def test_events_over_a_page_give_what_a_fresh_fetch_gives(
    steps: list[tuple[int, int, int]], cut: int, batch: int
) -> None:
    """A client that fetched after `cut` events and then saw the rest live, in any batches."""
    db = sqlite3.connect(":memory:", isolation_level=None)
    prepare(db)
    truth = Truth()
    for step in steps[:cut]:
        truth.add(*step)
    if truth.events:
        cache.merge_page(db, truth.page(1, len(truth.events)), ME)
    for step in steps[cut:]:
        truth.add(*step)
    later = truth.events[cut:]
    for start in range(0, len(later), batch):
        # The overlap is what comes twice after a reconnect.
        cache.apply_events(db, ROOM, later[max(0, start - 2) : start + batch], ME)
    found = cache.read_tail(db, ROOM, 1_000)
    assert found is not None
    assert [row for row in found.rows if isinstance(row, Message)] == truth.fresh()
    db.close()


@given(steps=STEPS, late=st.integers(1, 60), first=st.integers(1, 60))
def test_a_page_that_is_older_than_live_events_loses_no_change(
    steps: list[tuple[int, int, int]], late: int, first: int
) -> None:
    """The server read the page before `late` events; it arrives after they were applied."""
    db = sqlite3.connect(":memory:", isolation_level=None)
    prepare(db)
    truth = Truth()
    cut = max(1, len(steps) - late)
    for step in steps[:cut]:
        truth.add(*step)
    first = min(first, cut)
    cache.merge_page(db, truth.page(first, cut), ME)
    older = truth.page(1, first - 1) if first > 1 else None
    for step in steps[cut:]:
        truth.add(*step)
    later = truth.events[cut:]
    cache.apply_events(db, ROOM, later, ME)
    if older is not None:
        changes = [
            event
            for event in later
            if isinstance(
                event,
                pushes.MessageEdited | pushes.MessageDeleted | pushes.ReactionAdded | pushes.ReactionRemoved,
            )
        ]
        cache.merge_page(db, older, ME, changes)
    found = cache.read_tail(db, ROOM, 1_000)
    assert found is not None
    kept = {row.seq: row for row in found.rows if isinstance(row, Message)}
    assert {seq: (one.rev, one.body, one.reactions) for seq, one in kept.items()} == {
        one.seq: (one.rev, one.body, one.reactions) for one in truth.fresh()
    }
    db.close()


def test_the_tail_grows_and_a_gap_stops_it(db: sqlite3.Connection) -> None:
    first = cache.apply_events(db, ROOM, [new(5), new(6)], ME)
    assert (first.tail, first.gap) == ((5, 6), False)
    second = cache.apply_events(db, ROOM, [new(8)], ME)
    assert (second.tail, second.gap, second.rows) == ((5, 6), True, [])
    third = cache.apply_events(db, ROOM, [new(6), new(7), new(8)], ME)
    assert third.tail == (5, 8)


def test_pages_join_ranges_and_do_not_pass_the_tail(db: sqlite3.Connection) -> None:
    cache.apply_events(db, ROOM, [new(50), new(51)], ME)
    cache.merge_page(db, page(10, 20), ME)
    assert seqs(cache.read_before(db, ROOM, 50, 9)) == []
    assert seqs(cache.read_after(db, ROOM, 15, 9)) == [16, 17, 18, 19, 20]
    cache.merge_page(db, page(21, 60), ME)
    found = cache.read_tail(db, ROOM, 100)
    assert seqs(found) == list(range(10, 52))
    assert found is not None
    assert (found.from_seq, found.to_seq, found.starts) == (10, 51, False)
    cache.merge_page(db, page(1, 9, at_start=True), ME)
    found = cache.read_tail(db, ROOM, 100)
    assert found is not None
    assert found.starts
    assert found.ends


def test_without_a_tail_only_the_newest_page_starts_one(db: sqlite3.Connection) -> None:
    assert cache.merge_page(db, page(10, 20), ME).tail is None
    assert cache.read_tail(db, ROOM, 9) is None
    assert cache.merge_page(db, page(30, 40, at_end=True), ME).tail == (30, 40)


def test_around_reads_both_sides(db: sqlite3.Connection) -> None:
    cache.merge_page(db, page(1, 100, at_start=True, at_end=True), ME)
    found = cache.read_around(db, ROOM, 50, before=5, after=3)
    assert seqs(found) == [46, 47, 48, 49, 50, 51, 52, 53]
    assert found is not None
    assert not found.ends
    assert cache.read_around(db, ROOM, 101, before=5, after=3) is None


def test_an_own_message_leaves_the_outbox_with_its_row(db: sqlite3.Connection) -> None:
    draft = Draft(room_id=ROOM, client_msg_id=new_id(), body="hi", created_at_ms=1)
    add_draft(db, draft)
    mine = Message(ROOM, 1, 1, 1, ME, draft.client_msg_id, "hi", 1)
    applied = cache.apply_events(db, ROOM, [pushes.MessageNew(ROOM, 1, mine)], ME)
    assert applied.sent == [draft.client_msg_id]
    assert load_outbox(db) == []


def test_a_message_behind_a_gap_stays_in_the_outbox(db: sqlite3.Connection) -> None:
    draft = Draft(room_id=ROOM, client_msg_id=new_id(), body="hi", created_at_ms=1)
    add_draft(db, draft)
    cache.apply_events(db, ROOM, [new(1)], ME)
    mine = Message(ROOM, 9, 9, 9, ME, draft.client_msg_id, "hi", 1)
    assert cache.apply_events(db, ROOM, [pushes.MessageNew(ROOM, 9, mine)], ME).sent == []
    assert load_outbox(db) == [draft]


def test_heads_people_drafts_come_back_without_messages(db: sqlite3.Connection) -> None:
    user = User(id=BOB, username="bob", display_name="Bob")
    cache.save_heads(db, [head(7)])
    cache.save_users(db, [user])
    cache.apply_events(db, ROOM, [new(7)], ME)
    loaded = cache.load(db)
    assert (loaded.heads, loaded.users, loaded.tails) == ([head(7)], [user], {ROOM: (7, 7)})


def test_another_epoch_drops_the_cache_and_keeps_the_outbox(db: sqlite3.Connection) -> None:
    draft = Draft(room_id=ROOM, client_msg_id=new_id(), body="hi", created_at_ms=1)
    add_draft(db, draft)
    cache.save_heads(db, [head(1)])
    cache.apply_events(db, ROOM, [new(1)], ME)
    cache.start_epoch(db, "second")
    loaded = cache.load(db)
    assert (loaded.heads, loaded.tails, loaded.epoch) == ([], {}, "second")
    assert cache.read_tail(db, ROOM, 9) is None
    assert load_outbox(db) == [draft]


def test_a_left_room_leaves_nothing(db: sqlite3.Connection) -> None:
    cache.save_heads(db, [head(1)])
    cache.apply_events(db, ROOM, [new(1)], ME)
    cache.forget_room(db, ROOM)
    assert cache.load(db).heads == []
    assert db.execute("SELECT count(*) FROM items").fetchone() == (0,)
