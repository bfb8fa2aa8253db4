"""Kicks over the bus: as many as are needed, and none is forgotten."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from server.infra.memory.bus import MemoryBus
from server.kernel.bus import BusUnavailableError
from server.kernel.kick import RemoteKick
from tests.support.wait import until


class Slow(MemoryBus):
    """Publishes when the gate opens."""

    def __init__(self) -> None:
        super().__init__()
        self.published = 0
        self.away = False
        self.gate = asyncio.Event()

    async def publish(self, topic: Any, key: str, payload: Any) -> None:
        await self.gate.wait()
        if self.away:
            raise BusUnavailableError
        self.published += 1


async def test_those_that_come_while_one_is_told_are_told_once_after_it() -> None:
    bus = Slow()
    kick = RemoteKick(bus)
    for _ in range(5):
        kick()
        await asyncio.sleep(0)
    bus.gate.set()
    await until(lambda: bus.published == 2)
    await kick.stop()
    assert bus.published == 2


async def test_one_that_comes_in_the_moment_that_another_is_through_is_told() -> None:
    bus = Slow()
    bus.gate.set()
    kick = RemoteKick(bus)
    kick()
    (task,) = kick._tasks._tasks
    # Called as the task is done, before its owner has heard of it: it was added first.
    task.remove_done_callback(kick._tasks._done)
    task.add_done_callback(lambda _: kick())
    task.add_done_callback(kick._tasks._done)
    await until(lambda: bus.published == 2)
    await kick.stop()


async def test_what_could_not_be_told_is_logged_and_the_next_is_told(
    expect_log: Callable[..., None],
) -> None:
    expect_log("outbox_kick_not_told")
    bus = Slow()
    bus.away = True
    bus.gate.set()
    kick = RemoteKick(bus)
    kick()
    await until(lambda: not kick._telling)
    bus.away = False
    kick()
    await until(lambda: bus.published == 1)
    await kick.stop()
