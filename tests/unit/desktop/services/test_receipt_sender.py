"""Marks reach the server, whatever becomes of one receipt."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from common.errors import Code, ParleyError
from common.protocol import pushes, requests
from tests.support.rig import ROOM, Asked, Rig, Stream, head
from tests.support.wait import until


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    rig = Rig(tmp_path)
    rig.core.receipts.interval_s = 0.01
    yield rig
    await rig.close()


@pytest.fixture
def stream() -> Stream:
    stream = Stream()
    for _ in range(5):
        stream.say()
    return stream


async def receipt(rig: Rig) -> Asked:
    await until(lambda: rig.line.asks(requests.Receipt))
    return rig.line.take(requests.Receipt)


def marks(asked: Asked) -> tuple[int, int]:
    assert isinstance(asked.request, requests.Receipt)
    return asked.request.delivered, asked.request.read


async def test_what_was_lost_with_the_connection_goes_again(rig: Rig, stream: Stream) -> None:
    await rig.open(head())
    await rig.told_all(stream)
    rig.core.mark_read(ROOM, 4, 4)
    await until(lambda: any(isinstance(one, requests.Receipt) and one.read == 4 for one in rig.line.seen))
    rig.lose()
    rig.come(head(seq=5, msg_no=5, unread=5))
    assert marks(await receipt(rig)) == (5, 4)
    rig.lose()
    # This time it had arrived, only its answer was lost.
    rig.come(head(seq=5, msg_no=5, delivered=5, read=4, unread=1))
    assert not rig.line.asks(requests.Receipt)


async def test_one_that_is_refused_or_can_not_be_posted_goes_again(rig: Rig, stream: Stream) -> None:
    await rig.open(head())
    rig.line.full = True
    await rig.told_all(stream)
    assert not rig.line.asks(requests.Receipt)
    rig.line.full = False
    rig.core.receipts._rooms[ROOM].due_at = None
    rig.core.receipt_sender.send()
    refusal = ParleyError(Code.RATE_LIMITED, "too fast", retry_after_ms=10)
    first = await receipt(rig)
    first.on_answer(refusal)
    second = await receipt(rig)
    assert marks(first) == marks(second) == (5, 0)
    second.on_answer(pushes.Ok(second.request.id))
    assert rig.core.receipts.next_time() is None


async def test_what_is_stored_here_is_told_though_the_last_run_could_not(rig: Rig, stream: Stream) -> None:
    await rig.open(head())
    await rig.told_all(stream)
    (await receipt(rig)).on_answer(ParleyError(Code.NOT_FOUND, "never mind"))
    rig.core.receipts.forget(ROOM)
    rig.come(head(seq=5, msg_no=5, unread=5))
    assert marks(await receipt(rig)) == (5, 0)


async def test_what_came_while_one_read_offline_is_unread(rig: Rig, stream: Stream) -> None:
    await rig.open(head())
    await rig.told_all(stream)
    rig.lose()
    rig.core.mark_read(ROOM, 5, 5)
    assert rig.core.rooms[ROOM].head.unread == 0
    # The server knows nothing of that yet: to it all five are unread, and two more.
    rig.come(head(seq=7, msg_no=7, unread=7, mentions=1))
    here = rig.core.rooms[ROOM].head
    assert (here.read, here.unread, here.mentions) == (5, 2, 1)
    rig.hear(pushes.AccountRead(1, ROOM, 5, 5, 2, 0))
    here = rig.core.rooms[ROOM].head
    assert (here.unread, here.mentions) == (2, 0)


async def test_read_offline_to_the_end_stays_read(rig: Rig, stream: Stream) -> None:
    await rig.open(head())
    await rig.told_all(stream)
    rig.lose()
    rig.core.mark_read(ROOM, 5, 5)
    rig.come(head(seq=5, msg_no=5, unread=5, mentions=1))
    here = rig.core.rooms[ROOM].head
    assert (here.unread, here.mentions) == (0, 0)
