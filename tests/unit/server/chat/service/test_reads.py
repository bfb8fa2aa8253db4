"""Reading: pages that say what they cover, catching up, heads, lists."""

from __future__ import annotations

from collections.abc import Awaitable, Sequence

import pytest

from common import limits
from common.errors import Code, ParleyError
from common.ids import new_id
from common.limits import SYNC_MAX_EVENTS
from common.protocol import requests, rest
from common.protocol.codec import encode
from common.protocol.pushes import HistoryPage
from common.protocol.types import Visibility
from server.chat.repository import rooms as room_rows
from tests.support.chat import Chat


async def _refused(call: Awaitable[object]) -> Code:
    with pytest.raises(ParleyError) as refusal:
        await call
    return refusal.value.code


@pytest.fixture
async def talk(chat: Chat) -> tuple[str, str]:
    """Mira, and her room: messages at 4, 6, 8, 10, 12, and another event after each."""
    mira, dario = await chat.people("mira", "dario")
    room = await chat.group(mira, dario)
    for n in range(5):
        seq = 4 + 2 * n
        await chat.handle(
            chat.send(mira, room, f"message {n}"),
            chat.record(dario, requests.ReactionAdd(1, new_id(), room, seq, "👍")),
        )
    return mira, room


def _covers(page: HistoryPage) -> tuple[list[int], int, int, bool, bool]:
    return [m.seq for m in page.messages], page.from_seq, page.to_seq, page.at_start, page.at_end


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        pytest.param({}, ([4, 6, 8, 10, 12], 1, 13, True, True), id="all"),
        pytest.param({"limit": 2}, ([10, 12], 10, 13, False, True), id="newest"),
        pytest.param({"before": 10, "limit": 2}, ([6, 8], 6, 9, False, False), id="before"),
        pytest.param({"before": 6, "limit": 2}, ([4], 1, 5, True, False), id="before, the first"),
        pytest.param({"before": 1}, ([], 1, 0, True, False), id="before the beginning"),
        pytest.param({"before": 99, "limit": 1}, ([12], 12, 13, False, True), id="before, beyond the head"),
        pytest.param({"after": 4, "limit": 2}, ([6, 8], 5, 8, False, False), id="after"),
        pytest.param({"after": 0, "limit": 1}, ([4], 1, 4, True, False), id="after, from the beginning"),
        pytest.param({"after": 12}, ([], 13, 13, False, True), id="after the last message"),
        pytest.param({"after": 99}, ([], 14, 13, False, True), id="after the head"),
        pytest.param({"around": 8, "limit": 3}, ([6, 8, 10], 6, 10, False, False), id="around"),
        pytest.param({"around": 8, "limit": 1}, ([8], 8, 8, False, False), id="around, only it"),
        pytest.param({"around": 7, "limit": 2}, ([6, 8], 6, 8, False, False), id="around what is no message"),
        pytest.param({"around": 4, "limit": 4}, ([4, 6], 1, 6, True, False), id="around the first"),
        pytest.param({"around": 99, "limit": 2}, ([10, 12], 10, 13, False, True), id="around, beyond"),
    ],
)
async def test_a_page_says_what_it_covers(
    chat: Chat,
    talk: tuple[str, str],
    asked: dict[str, int],
    expected: tuple[list[int], int, int, bool, bool],
) -> None:
    """Expected: the messages, the stretch from and to, whether it reaches start and end."""
    mira, room = talk
    page = await chat.reads.history(mira, requests.History(1, room, **asked))
    assert _covers(page) == expected


async def test_only_one_bound_at_a_time(chat: Chat, talk: tuple[str, str]) -> None:
    mira, room = talk
    both = requests.History(1, room, before=4, after=4)
    assert await _refused(chat.reads.history(mira, both)) is Code.BAD_FIELD


async def test_pages_in_either_direction_miss_and_repeat_nothing(chat: Chat, talk: tuple[str, str]) -> None:
    mira, room = talk
    seqs: list[int] = []
    after = 0
    for _ in range(10):
        page = await chat.reads.history(mira, requests.History(1, room, after=after, limit=2))
        assert page.from_seq == after + 1
        seqs += [m.seq for m in page.messages]
        after = page.to_seq
        if page.at_end:
            break
    assert seqs == [4, 6, 8, 10, 12]
    assert [m.seq for m in await chat.history(mira, room)] == seqs


async def test_too_many_missing_events_are_truncated(chat: Chat) -> None:
    mira = await chat.person("mira")
    room = await chat.group(mira)
    for _ in range(5):
        await chat.handle(*(chat.send(mira, room) for _ in range(SYNC_MAX_EVENTS // 5)))
    head = (await chat.head(mira, room)).seq
    answer = await chat.reads.sync(mira, requests.Sync(1, room, head - SYNC_MAX_EVENTS - 1))
    assert (answer.truncated, answer.events, answer.head) == (True, [], head)
    seen: list[int] = []
    after = head - SYNC_MAX_EVENTS
    while after < head:
        answer = await chat.reads.sync(mira, requests.Sync(1, room, after))
        assert (answer.truncated, answer.head) == (False, head)
        seen += [event.seq for event in answer.events]
        after = seen[-1]
    assert seen == list(range(head - SYNC_MAX_EVENTS + 1, head + 1))
    assert (await chat.reads.sync(mira, requests.Sync(1, room, head + 7))).events == []


async def test_no_answer_is_larger_than_a_frame_and_none_of_it_is_missing(chat: Chat) -> None:
    mira = await chat.person("mira")
    room = await chat.group(mira)
    long = "\N{CYRILLIC SMALL LETTER DE}" * (limits.BODY_MAX_BYTES // 2)
    await chat.handle(*(chat.send(mira, room, long) for _ in range(20)))
    head = (await chat.head(mira, room)).seq
    wanted = list(range(head - 19, head + 1))

    down: list[int] = []
    before = head + 1
    while not down or before > wanted[0]:
        page = await chat.reads.history(mira, requests.History(1, room, before=before, limit=20))
        assert len(encode(page)) < limits.FRAME_MAX_BYTES
        assert page.to_seq == before - 1
        down[:0] = [m.seq for m in page.messages]
        before = page.from_seq
    assert down == wanted

    up: list[int] = []
    after = 0
    at_end = False
    while not at_end:
        page = await chat.reads.history(mira, requests.History(1, room, after=after, limit=20))
        assert len(encode(page)) < limits.FRAME_MAX_BYTES
        assert page.from_seq == after + 1
        up += [m.seq for m in page.messages]
        after, at_end = page.to_seq, page.at_end
    assert up == wanted

    middle = await chat.reads.history(mira, requests.History(1, room, around=wanted[10], limit=20))
    assert len(encode(middle)) < limits.FRAME_MAX_BYTES
    around = [m.seq for m in middle.messages]
    assert around == list(range(middle.from_seq, middle.to_seq + 1))
    assert around[0] < wanted[10] < around[-1]
    assert (middle.at_start, middle.at_end) == (False, False)


async def test_heads_come_with_the_latest_room_first(chat: Chat) -> None:
    mira, dario = await chat.people("mira", "dario")
    first, second = await chat.group(mira), await chat.group(mira)
    chat.clock.advance(ms=10)
    await chat.handle(chat.send(mira, first))
    chat.clock.advance(ms=10)
    direct = (await chat.rooms.direct(dario, mira)).room_id
    heads = await chat.reads.heads(mira)
    assert [head.room_id for head in heads][:2] == [direct, first]
    assert {head.room_id for head in heads} == set(await chat.reads.room_ids(mira))
    assert second in {head.room_id for head in heads}


async def test_members_come_by_rank_and_name_in_pages(chat: Chat) -> None:
    yuki, mira, dario = await chat.people("yuki", "mira", "dario")
    room = await chat.group(yuki, mira, dario)
    names: list[str] = []
    after: str | None = ""
    while after is not None:
        page = await chat.reads.members(mira, room, after=after, limit=2)
        names += [member.user.username for member in page.members]
        after = page.next_after
    assert names == ["yuki", "dario", "mira"]


async def test_public_rooms_by_title_in_pages(chat: Chat) -> None:
    mira, dario = await chat.people("mira", "dario")
    for title in ("100% Tea", "Tea", "Tea", "Coffee"):
        request = rest.GroupCreate(new_id(), title, visibility=Visibility.PUBLIC)
        await chat.rooms.create(mira, request)
    await chat.group(mira)
    found: list[tuple[str, bool]] = []
    after: str | None = ""
    while after is not None:
        page = await chat.reads.public_rooms(dario, query="", after=after, limit=1)
        found += [(room.title, room.joined) for room in page.rooms]
        after = page.next_after
    assert found == [
        ("100% Tea", False),
        ("Coffee", False),
        ("Everyone", True),
        ("Tea", False),
        ("Tea", False),
    ]
    for query, count in (("TEA", 3), ("0%", 1), ("_", 0)):
        assert len((await chat.reads.public_rooms(dario, query=query, after="", limit=9)).rooms) == count


@pytest.mark.parametrize(
    ("title", "queries", "strangers"),
    [
        ("Ärzte", ("Ärzte", "ärzte", "ÄRZTE", "rzt", "äR"), ("arzte", "örzte")),
        ("ЖУРНАЛ Цифры", ("журнал", "ЖУРНАЛ", "цифры", "Л ц"), ("журнул",)),
        ("Größe ẞ", ("GRÖßE", "größe ß"), ("gro",)),
        ("İstanbul ΣΊΣΥΦΟΣ", ("İstanbul", "σίσυφο"), ("Kstanbul",)),
        ("日本語 100%_", ("日本", "%_"), ("日語",)),
    ],
)
async def test_a_public_room_is_found_by_any_part_of_its_title_in_capitals_or_not(
    chat: Chat, title: str, queries: Sequence[str], strangers: Sequence[str]
) -> None:
    mira = await chat.person("mira")
    await chat.rooms.create(mira, rest.GroupCreate(new_id(), title, visibility=Visibility.PUBLIC))
    for wanted, found in ((queries, [title]), (strangers, [])):
        for query in wanted:
            page = await chat.reads.public_rooms(mira, query=query, after="", limit=9)
            assert [room.title for room in page.rooms] == found, query


async def test_a_look_for_every_letter_there_is_at_once_is_answered(chat: Chat) -> None:
    mira = await chat.person("mira")
    title = "".join(capital for capital, _ in room_rows._capitals()[100:180])
    await chat.rooms.create(mira, rest.GroupCreate(new_id(), title, visibility=Visibility.PUBLIC))
    for query, count in ((title, 1), (title.lower(), 1), (title[::-1], 0)):
        assert len((await chat.reads.public_rooms(mira, query=query, after="", limit=9)).rooms) == count


async def test_control_characters_are_nothing_to_look_for(chat: Chat) -> None:
    mira = await chat.person("mira")
    for query, after in (("a\x00b", ""), ("", f"{new_id()}:a\x00b")):
        look = chat.reads.public_rooms(mira, query=query, after=after, limit=9)
        assert await _refused(look) is Code.BAD_TEXT
