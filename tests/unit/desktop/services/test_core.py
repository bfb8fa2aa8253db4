from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from common.errors import Code, ParleyError
from common.protocol import pushes, requests
from desktop.services.state import ServiceError
from tests.support.rig import ROOM, Rig, head
from tests.support.wait import until


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    rig = Rig(tmp_path)
    await rig.open(head())
    yield rig
    await rig.close()


async def test_a_change_that_is_refused_at_once_is_not_asked_without_end(rig: Rig) -> None:
    """Online, and yet nothing can be posted: the queue is full, the session just going."""
    rig.line.full = True
    deleting = rig.tasks.spawn(rig.core.delete(ROOM, 1))
    for _ in range(100):
        await asyncio.sleep(0)
    assert not deleting.done()
    assert rig.line.refused < 50
    rig.line.full = False
    await until(lambda: rig.line.asks(requests.MessageDelete))
    asked = rig.line.take(requests.MessageDelete)
    asked.on_answer(pushes.Ok(asked.request.id))
    await until(deleting.done)


async def test_a_change_waits_as_long_as_the_server_says(rig: Rig) -> None:
    deleting = rig.tasks.spawn(rig.core.delete(ROOM, 1))
    await until(lambda: rig.line.asks(requests.MessageDelete))
    loop = asyncio.get_running_loop()
    first, said = rig.line.take(requests.MessageDelete), loop.time()
    first.on_answer(ParleyError(Code.UNAVAILABLE, "later", retry_after_ms=100))
    await until(lambda: rig.line.asks(requests.MessageDelete))
    assert loop.time() - said >= 0.1
    again = rig.line.take(requests.MessageDelete)
    assert isinstance(again.request, requests.MessageDelete)
    assert isinstance(first.request, requests.MessageDelete)
    assert again.request.client_msg_id == first.request.client_msg_id
    again.on_answer(pushes.Ok(again.request.id))
    await until(deleting.done)


async def test_a_change_that_would_wait_too_long_is_refused(rig: Rig) -> None:
    refused: list[BaseException] = []

    def handle(problem: BaseException) -> bool:
        refused.append(problem)
        return True

    rig.tasks.spawn(rig.core.delete(ROOM, 1), handle=handle)
    await until(lambda: rig.line.asks(requests.MessageDelete))
    rig.line.take(requests.MessageDelete).on_answer(
        ParleyError(Code.UNAVAILABLE, "later", retry_after_ms=60_000)
    )
    await until(lambda: refused)
    assert isinstance(refused[0], ServiceError)
    assert refused[0].code is Code.UNAVAILABLE
