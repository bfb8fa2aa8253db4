"""Catching up goes on after whatever stood in its way, and a person learns what their disk refuses."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from common.errors import Code, ParleyError
from common.ids import new_id
from common.protocol import requests
from common.protocol.types import Head
from desktop.services import sync
from tests.support.rig import ROOM, Asked, Rig, Stream, bodies, head, seqs
from tests.support.wait import until

FULL = "The disk is full. Free some space; nothing was lost."


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    rig = Rig(tmp_path)
    yield rig
    await rig.close()


def streams(count: int, *, length: int = 5) -> list[Stream]:
    found = [Stream(new_id()) for _ in range(count)]
    for stream in found:
        for _ in range(length):
            stream.say()
    return found


def heads_of(several: list[Stream]) -> list[Head]:
    return [head(one.room_id, seq=one.seq, msg_no=one.seq) for one in several]


def answer(rig: Rig, several: list[Stream], asked: Asked) -> None:
    """As a server does."""
    assert isinstance(asked.request, requests.History | requests.Sync)
    room_id = asked.request.room_id
    push = next(one for one in several if one.room_id == room_id).answer(asked.request)
    asked.on_answer(push)
    rig.hear(push)


async def answer_all(rig: Rig, several: list[Stream]) -> None:
    def stored() -> bool:
        return all((tail := rig.core.rooms[one.room_id].tail) and tail[1] == one.seq for one in several)

    while not stored():
        await until(lambda: rig.line.asks(requests.History) or stored())
        if rig.line.asks(requests.History):
            answer(rig, several, rig.line.take(requests.History))


async def test_what_the_server_has_no_time_for_is_asked_again_after_as_long_as_it_says(rig: Rig) -> None:
    several = streams(8)
    await rig.open(*heads_of(several))
    asked_before = rig.line.count(requests.History)
    loop = asyncio.get_running_loop()
    said = loop.time()
    for _ in range(asked_before):
        rig.line.take(requests.History).on_answer(
            ParleyError(Code.RATE_LIMITED, "too fast", retry_after_ms=100)
        )
    assert rig.line.count(requests.History) == asked_before
    await until(lambda: rig.line.count(requests.History) > asked_before)
    assert loop.time() - said >= 0.1
    await answer_all(rig, several)


@pytest.mark.parametrize("code", [Code.TIMEOUT, Code.UNAVAILABLE, Code.INTERNAL])
async def test_what_got_no_answer_is_asked_again(rig: Rig, code: Code) -> None:
    several = streams(1)
    await rig.open(*heads_of(several))
    rig.line.take(requests.History).on_answer(ParleyError(code, "not now"))
    await answer_all(rig, several)


async def test_what_can_not_be_posted_is_asked_later(rig: Rig) -> None:
    several = streams(3)
    rig.line.full = True
    await rig.open(*heads_of(several))
    assert not rig.line.asks(requests.History)
    rig.line.full = False
    await answer_all(rig, several)


async def test_a_room_that_is_gone_is_not_asked_for_again_and_holds_nothing_up(rig: Rig) -> None:
    several = streams(6)
    await rig.open(*heads_of(several))
    gone = rig.line.take(requests.History)
    gone.on_answer(ParleyError(Code.NOT_FOUND, "no member"))
    assert isinstance(gone.request, requests.History)
    rest = [one for one in several if one.room_id != gone.request.room_id]
    await answer_all(rig, rest)
    assert rig.line.count(requests.History) == len(several)


async def test_the_room_that_is_looked_at_goes_first(rig: Rig) -> None:
    several = streams(8)
    await rig.open(*heads_of(several))
    asked = {one.room_id for one in rig.line.seen if isinstance(one, requests.History)}
    last = list(rig.core.sync._wanted)[-1]
    assert last not in asked
    rig.core.sync.first(last)
    answer(rig, several, rig.line.take(requests.History))
    newest = rig.line.seen[-1]
    assert isinstance(newest, requests.History)
    assert newest.room_id == last


# A disk that is full, or can't be read.


async def test_what_a_full_disk_refused_is_said_and_shown_once_there_is_room(
    rig: Rig, expect_log: Callable[..., None]
) -> None:
    expect_log("events not stored")
    stream = Stream()
    stream.say()
    await rig.open(head())
    await rig.told_all(stream)
    timeline = rig.timeline()
    await until(lambda: timeline.at_end)
    rig.worker.full = True
    rig.hear(stream.say(body="the last word"))
    await until(lambda: rig.told.troubles)
    assert rig.told.troubles == [FULL]
    assert bodies(timeline) == ["text 1"]
    # Nothing comes after it that could show the gap: it is asked for all the same, and again.
    await rig.serve(stream, requests.Sync)
    await until(lambda: rig.line.asks(requests.Sync))
    assert rig.told.troubles == [FULL]
    rig.worker.full = False
    await rig.serve(stream, requests.Sync)
    await until(lambda: bodies(timeline) == ["text 1", "the last word"])


async def test_pages_that_wait_behind_one_that_failed_are_answered(
    rig: Rig, expect_log: Callable[..., None]
) -> None:
    expect_log("events not stored")
    stream = Stream()
    for _ in range(100):
        stream.say()
    await rig.open(head(seq=100, msg_no=100))
    await rig.serve(stream, requests.History)
    await rig.stored(100)
    problems: list[BaseException] = []

    def handle(problem: BaseException) -> bool:
        problems.append(problem)
        return True

    for before in (50, 40):
        rig.tasks.spawn(rig.core.sync.history(ROOM, before=before, limit=5), handle=handle)
    await until(lambda: rig.line.count(requests.History) == 3)
    rig.worker.full = True
    for asked in (rig.line.take(requests.History), rig.line.take(requests.History)):
        answer(rig, [stream], asked)
    await until(lambda: len(problems) == 2)


async def test_a_page_that_is_never_stored_does_not_wait_for_ever(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sync, "HISTORY_TIMEOUT_S", 0.02)
    monkeypatch.setattr(sync, "STORE_TIMEOUT_S", 0.02)
    stream = Stream()
    stream.say()
    await rig.open(head())
    rig.line.waiting.clear()
    rig.worker.hold()
    asking = asyncio.gather(rig.core.sync.history(ROOM), return_exceptions=True)
    await until(lambda: rig.line.asks(requests.History))
    answer(rig, [stream], rig.line.take(requests.History))
    (problem,) = await asking
    assert isinstance(problem, ParleyError)
    assert problem.code is Code.TIMEOUT
    assert not rig.core.sync._pages
    rig.worker.release()


async def test_a_room_that_can_not_be_read_is_none_without_messages(rig: Rig) -> None:
    stream = Stream()
    stream.say()
    await rig.open(head())
    await rig.told_all(stream)
    rig.worker.unreadable = True
    timeline = rig.timeline()
    await until(lambda: rig.told.troubles)
    assert timeline.loading
    assert not timeline.at_end
    rig.worker.unreadable = False
    await until(lambda: not timeline.loading)
    assert seqs(timeline) == [1]


async def test_a_room_that_the_server_has_no_time_for_opens_later(rig: Rig) -> None:
    stream = Stream()
    stream.say()
    await rig.open(head(seq=1, msg_no=1))
    rig.line.waiting.clear()
    timeline = rig.timeline()
    await until(lambda: rig.line.asks(requests.History))
    rig.line.take(requests.History).on_answer(ParleyError(Code.RATE_LIMITED, "too fast"))
    await until(lambda: rig.line.asks(requests.History))
    assert timeline.loading
    await rig.serve(stream, requests.History)
    await until(lambda: seqs(timeline) == [1])
