from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from common.errors import Code, ParleyError
from common.protocol import requests
from desktop.storage.outbox import Draft, load_outbox
from tests.support.rig import ME, ROOM, Rig, Stream, head
from tests.support.wait import until


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    rig = Rig(tmp_path)
    await rig.open(head())
    yield rig
    await rig.close()


def drafts(rig: Rig) -> list[Draft]:
    return rig.core.outbox.drafts(ROOM)


def write(rig: Rig, body: str) -> None:
    rig.core.send(ROOM, body, reply_to=None, mentions=())


async def take(rig: Rig, stream: Stream) -> str:
    """The server stores the next message."""
    await until(lambda: rig.line.asks(requests.MessageSend))
    asked = rig.line.take(requests.MessageSend)
    assert isinstance(asked.request, requests.MessageSend)
    event = stream.say(author=ME, key=asked.request.client_msg_id, body=asked.request.body)
    asked.on_answer(event)
    rig.hear(event)
    return event.message.body


async def kept(rig: Rig) -> list[str]:
    return [draft.body for draft in await rig.worker.run(load_outbox)]


async def test_what_the_disk_refused_leaves_after_a_retry(rig: Rig) -> None:
    rig.worker.full = True
    write(rig, "first")
    await until(lambda: drafts(rig)[0].error)
    assert "disk is full" in (drafts(rig)[0].error or "")
    # Again, and the disk is as full as it was: failed as before, no clock that nothing will stop.
    rig.core.sender.retry(ROOM, drafts(rig)[0].client_msg_id)
    assert drafts(rig)[0].error is None
    await until(lambda: drafts(rig)[0].error)
    rig.worker.full = False
    write(rig, "second")
    stream = Stream()
    assert await take(rig, stream) == "second"
    rig.core.sender.retry(ROOM, drafts(rig)[0].client_msg_id)
    await until(lambda: rig.line.asks(requests.MessageSend))
    assert await kept(rig) == ["first"]
    write(rig, "third")
    assert [await take(rig, stream), await take(rig, stream)] == ["first", "third"]
    await until(lambda: not len(rig.core.outbox))


async def test_a_retry_of_what_the_server_refused_is_no_second_row(rig: Rig) -> None:
    write(rig, "hello")
    await until(lambda: rig.line.asks(requests.MessageSend))
    rig.line.take(requests.MessageSend).on_answer(ParleyError(Code.FORBIDDEN, "no"))
    assert drafts(rig)[0].error
    rig.core.sender.retry(ROOM, drafts(rig)[0].client_msg_id)
    assert await kept(rig) == ["hello"]
    assert await take(rig, Stream()) == "hello"


async def test_a_failure_of_the_disk_does_not_hold_back_what_follows(rig: Rig) -> None:
    rig.worker.full = True
    write(rig, "first")
    rig.worker.full = False
    write(rig, "second")
    assert await take(rig, Stream()) == "second"
