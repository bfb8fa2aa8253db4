"""Order, gaps, duplicates and membership at the fan-out, with a database that answers when told."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import cast

import pytest

from common.errors import Code
from common.ids import new_id
from common.protocol.codec import decode_pushes
from common.protocol.pushes import (
    AccountEvent,
    AccountProfile,
    AccountRead,
    AccountRoomAdded,
    AccountRoomRemoved,
    Error,
    MessageNew,
    Ok,
    Push,
    RoomEvent,
    RoomRemoved,
    TypingShown,
)
from common.protocol.types import Head, HistoryAccess, Message, Role, RoomKind, User, Visibility
from server.gateway.hub import Entrance, Hub
from server.gateway.ports import Account
from server.gateway.session import Session
from server.infra.memory.presence import MemoryPresence
from server.kernel.delivery import Answers, Origin, RoomDelivery, TypingDelivery, UserDelivery

ROOM, MIRA, DARIO = new_id(), new_id(), new_id()
KEY = new_id()


def message(seq: int) -> MessageNew:
    return MessageNew(ROOM, seq, Message(ROOM, seq, seq, seq, DARIO, KEY, f"{seq}", 1))


def removed(seq: int, user_id: str) -> RoomRemoved:
    return RoomRemoved(ROOM, seq, DARIO, user_id, 1)


def head(seq: int) -> Head:
    return Head(
        ROOM,
        RoomKind.GROUP,
        "Release 1.0",
        "",
        Visibility.PRIVATE,
        HistoryAccess.SINCE_JOIN,
        Role.MEMBER,
        2,
        seq,
        seq,
        0,
        0,
        0,
        0,
        1,
        0,
        0,
        1,
    )


class Receiver:
    """What the hub needs of a session."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.rooms: set[str] = set()
        self.got: list[Push] = []
        self.pushed: list[Push] = []
        self.answers: list[object] = []

    def push(self, *pushes: Push) -> None:
        self.pushed += pushes

    def answered(self, *keys: object) -> None:
        self.answers += keys

    def write(self, frame: bytes) -> None:
        size = frame[1]
        at = 2 if size < 126 else 4
        self.got += decode_pushes(frame[at:])

    @property
    def seqs(self) -> list[int]:
        return [push.seq for push in self.got if isinstance(push, MessageNew | RoomRemoved)]


class Stored:
    """The chat context: a room of ``events``; ``heads`` wait for the gate when there is one."""

    def __init__(self) -> None:
        self.events: list[RoomEvent] = [message(seq) for seq in range(1, 6)]
        self.member_of = {ROOM}
        self.gates: list[asyncio.Event] = []
        self.loads: list[tuple[int, int]] = []

    async def room_ids(self, user_id: str) -> Sequence[str]:
        return sorted(self.member_of)

    async def heads(self, user_id: str) -> Sequence[Head]:
        seq = self.events[-1].seq
        if self.gates:
            await self.gates.pop(0).wait()
        return [head(seq)] if self.member_of else []

    async def head_seqs(self, room_ids: Sequence[str]) -> dict[str, int]:
        return dict.fromkeys(room_ids, self.events[-1].seq)

    async def room_events(self, room_id: str, *, after_seq: int, before_seq: int) -> Sequence[RoomEvent]:
        self.loads.append((after_seq, before_seq))
        await asyncio.sleep(0)
        return [event for event in self.events if after_seq < event.seq < before_seq]

    def append(self, event: RoomEvent) -> RoomDelivery:
        self.events.append(event)
        return RoomDelivery(ROOM, [event])


class Streams:
    """The account streams as the database has them."""

    def __init__(self) -> None:
        self.kept: dict[str, list[AccountEvent]] = {MIRA: [], DARIO: []}
        self.loads: list[tuple[str, int]] = []

    async def account(self, user_id: str) -> Account:
        raise NotImplementedError(user_id)

    async def account_seqs(self, user_ids: Sequence[str]) -> dict[str, int]:
        return {user_id: len(self.kept[user_id]) for user_id in user_ids}

    async def account_events(self, user_id: str, *, after_seq: int) -> Sequence[AccountEvent]:
        self.loads.append((user_id, after_seq))
        return [event for event in self.kept[user_id] if event.account_seq > after_seq]

    async def signed_out(self) -> Sequence[str]:
        return ()

    def profile(self, name: str) -> AccountProfile:
        event = AccountProfile(len(self.kept[MIRA]) + 1, User(MIRA, "mira", name))
        self.kept[MIRA].append(event)
        return event


@pytest.fixture
def stored() -> Stored:
    return Stored()


@pytest.fixture
def streams() -> Streams:
    return Streams()


@pytest.fixture
def hub(stored: Stored, streams: Streams) -> Hub:
    return Hub(rooms=stored, accounts=streams, presence=MemoryPresence(), ordinal=0)


async def enter(hub: Hub, receiver: Receiver, user_id: str, *, account_seq: int = 0) -> Entrance:
    session = cast("Session", receiver)
    hub.add(session, user_id)
    await hub.expect(user_id)
    return await hub.enter(session, user_id, account_seq)


async def test_what_was_delivered_already_is_dropped(hub: Hub, stored: Stored) -> None:
    mira = Receiver(1)
    await enter(hub, mira, MIRA)
    await hub.deliver([RoomDelivery(ROOM, [message(4), message(5)]), stored.append(message(6))])
    await hub.deliver([RoomDelivery(ROOM, [message(6)])])
    assert mira.seqs == [6]


async def test_a_gap_is_loaded_before_what_follows(hub: Hub, stored: Stored) -> None:
    mira = Receiver(1)
    await enter(hub, mira, MIRA)
    stored.append(message(6))
    stored.append(message(7))
    await hub.deliver([stored.append(message(8))])
    assert mira.seqs == [6, 7, 8]
    await hub.deliver([RoomDelivery(ROOM, [message(6), message(7)])])
    assert mira.seqs == [6, 7, 8]


async def test_a_removal_that_was_lost_still_ends_the_subscription_first(hub: Hub, stored: Stored) -> None:
    mira, dario = Receiver(1), Receiver(2)
    await enter(hub, mira, MIRA)
    await enter(hub, dario, DARIO)
    stored.append(message(6))
    stored.append(removed(7, MIRA))
    await hub.deliver([stored.append(message(8))])
    assert mira.seqs == [6]
    assert dario.seqs == [6, 7, 8]


async def test_events_before_the_first_heads_are_held_and_none_is_lost_or_repeated(
    hub: Hub, stored: Stored
) -> None:
    gate = asyncio.Event()
    stored.gates = [gate]
    mira = Receiver(1)
    entering = asyncio.ensure_future(enter(hub, mira, MIRA))
    await asyncio.sleep(0)
    await hub.deliver([RoomDelivery(ROOM, [message(5)]), stored.append(message(6))])
    assert mira.seqs == []
    gate.set()
    await entering
    assert mira.seqs == [6]


async def test_a_session_whose_heads_are_older_than_the_rooms_begin_gets_what_lies_between(
    hub: Hub, stored: Stored
) -> None:
    slow, fast = asyncio.Event(), asyncio.Event()
    stored.gates = [slow, fast]
    mira, dario = Receiver(1), Receiver(2)
    first = asyncio.ensure_future(enter(hub, mira, MIRA))
    await asyncio.sleep(0)
    delivery = stored.append(message(6))
    second = asyncio.ensure_future(enter(hub, dario, DARIO))
    await asyncio.sleep(0)
    fast.set()
    await second
    await hub.deliver([delivery])
    slow.set()
    entrance = await first
    assert [chunk[0].seq for chunk in entrance.heads] == [5]
    assert [event.seq for event in entrance.missed] == [6]
    await hub.deliver([stored.append(message(7))])
    assert (mira.seqs, dario.seqs) == ([7], [7])


async def test_a_new_room_brings_what_came_before_its_route_was_known(hub: Hub, stored: Stored) -> None:
    stored.member_of = set()
    mira = Receiver(1)
    await enter(hub, mira, MIRA)
    stored.append(message(6))
    stored.append(message(7))
    await hub.deliver([UserDelivery(MIRA, [AccountRoomAdded(1, head(6))])])
    assert isinstance(mira.got[0], AccountRoomAdded)
    assert mira.seqs == [7]


async def test_a_message_that_overtakes_the_news_of_the_room_is_not_missed(hub: Hub, stored: Stored) -> None:
    dario = Receiver(2)
    await enter(hub, dario, DARIO)
    stored.member_of = set()
    mira = Receiver(1)
    await enter(hub, mira, MIRA)
    stored.append(message(6))
    await hub.deliver([stored.append(message(7))])
    await hub.deliver([UserDelivery(MIRA, [AccountRoomAdded(1, head(6))])])
    assert (mira.seqs, dario.seqs) == ([7], [6, 7])


async def test_news_of_a_room_that_overtake_its_events_show_nothing_from_before(
    hub: Hub, stored: Stored
) -> None:
    dario = Receiver(2)
    await enter(hub, dario, DARIO)
    stored.member_of = set()
    mira = Receiver(1)
    await enter(hub, mira, MIRA)
    before, joined = stored.append(message(6)), stored.append(message(7))
    await hub.deliver([UserDelivery(MIRA, [AccountRoomAdded(1, head(7))])])
    await hub.deliver([before, joined, stored.append(message(8))])
    assert (mira.seqs, dario.seqs) == ([8], [6, 7, 8])


async def test_a_lost_room_sends_nothing_more(hub: Hub, stored: Stored) -> None:
    mira = Receiver(1)
    await enter(hub, mira, MIRA)
    await hub.deliver([UserDelivery(MIRA, [AccountRoomRemoved(1, ROOM)]), stored.append(message(6))])
    assert [type(push) for push in mira.got] == [AccountRoomRemoved]


async def test_typing_is_shown_to_the_others_only(hub: Hub) -> None:
    mira, dario = Receiver(1), Receiver(2)
    await enter(hub, mira, MIRA)
    await enter(hub, dario, DARIO)
    await hub.deliver([TypingDelivery(ROOM, DARIO)])
    assert (mira.got, dario.got) == ([TypingShown(ROOM, DARIO)], [])


async def test_who_left_is_forgotten(hub: Hub, stored: Stored) -> None:
    mira = Receiver(1)
    await enter(hub, mira, MIRA)
    await hub.leave(cast("Session", mira), MIRA)
    await hub.deliver([stored.append(message(6))])
    assert (mira.got, len(hub), mira.rooms) == ([], 0, set())


async def test_comparing_brings_the_last_message_that_no_delivery_brought(hub: Hub, stored: Stored) -> None:
    mira = Receiver(1)
    await enter(hub, mira, MIRA)
    lost = [stored.append(message(seq)) for seq in range(6, 9)]
    await hub.compare()
    assert mira.seqs == [6, 7, 8]
    # A delivery that was only late.
    await hub.deliver(lost)
    await hub.compare()
    assert mira.seqs == [6, 7, 8]


async def test_comparing_ends_the_subscription_of_who_was_removed_meanwhile(hub: Hub, stored: Stored) -> None:
    mira, dario = Receiver(1), Receiver(2)
    await enter(hub, mira, MIRA)
    await enter(hub, dario, DARIO)
    stored.append(message(6))
    stored.append(removed(7, MIRA))
    stored.append(message(8))
    await hub.compare()
    assert (mira.seqs, dario.seqs) == ([6], [6, 7, 8])


async def test_comparing_brings_account_events_that_were_lost(hub: Hub, streams: Streams) -> None:
    first = streams.profile("Mira")
    mira = Receiver(1)
    await enter(hub, mira, MIRA, account_seq=1)
    second, third = streams.profile("Mira K."), streams.profile("M. K.")
    await hub.compare()
    await hub.deliver([UserDelivery(MIRA, [first, second, third])])
    await hub.compare()
    assert mira.got == [second, third]
    assert streams.loads == [(MIRA, 1)]


async def test_a_gap_in_an_account_stream_is_filled_before_what_shows_it(hub: Hub, streams: Streams) -> None:
    mira = Receiver(1)
    await enter(hub, mira, MIRA)
    first, second, third = (streams.profile(name) for name in "abc")
    # One's own marks are told with the head of the stream, and say nothing of what came before.
    marks = AccountRead(3, ROOM, 5, 5, 0, 0)
    await hub.deliver([UserDelivery(MIRA, [marks, third])])
    assert mira.got == [marks, first, second, third]


async def test_another_session_of_a_user_does_not_move_what_the_first_knows(
    hub: Hub, streams: Streams
) -> None:
    mira, phone = Receiver(1), Receiver(2)
    await enter(hub, mira, MIRA)
    lost = streams.profile("Mira")
    await enter(hub, phone, MIRA, account_seq=1)
    await hub.compare()
    assert mira.got == [lost]
    await hub.leave(cast("Session", mira), MIRA)
    await hub.leave(cast("Session", phone), MIRA)
    streams.profile("Nobody looks")
    await hub.compare()
    assert len(mira.got) == 1


async def test_who_sent_a_message_is_told_by_the_message_itself(hub: Hub, stored: Stored) -> None:
    mira, dario = Receiver(1), Receiver(2)
    await enter(hub, mira, MIRA)
    await enter(hub, dario, DARIO)
    await hub.deliver([stored.append(message(6))])
    assert (mira.answers, dario.answers) == ([], [KEY])


async def test_other_answers_go_to_the_session_that_asked(hub: Hub) -> None:
    mira, dario = Receiver(1), Receiver(2)
    await enter(hub, mira, MIRA)
    await enter(hub, dario, DARIO)
    refusal = Error(8, Code.GONE, "gone", KEY)
    await hub.deliver([Answers(Origin(0, 1), [Ok(7), refusal]), Answers(Origin(1, 2), [Ok(9)])])
    assert (mira.pushed, dario.pushed) == ([Ok(7), refusal], [])
    assert (mira.answers, dario.answers) == ([7, 8, KEY], [])
