from __future__ import annotations

import asyncio
from collections.abc import Callable

from server.kernel.tasks import TaskOwner
from tests.support.wait import until


async def test_close_cancels_and_waits() -> None:
    owner = TaskOwner("test")
    ended: list[str] = []

    async def forever() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("cleaned up")

    task = owner.spawn(forever(), name="forever")
    await asyncio.sleep(0)
    assert len(owner) == 1
    assert task.get_name() == "test.forever"
    await owner.close()
    assert ended == ["cleaned up"]
    assert len(owner) == 0


async def test_what_a_task_raises_is_logged(expect_log: Callable[..., None]) -> None:
    expect_log("task_failed")
    owner = TaskOwner("test")

    async def fail() -> None:
        raise LookupError("seen by nobody else")

    owner.spawn(fail(), name="fail")
    await until(lambda: len(owner) == 0)


async def test_a_task_that_does_not_end_is_named_and_left(expect_log: Callable[..., None]) -> None:
    expect_log("task_did_not_end.*stubborn")
    owner = TaskOwner("test")
    release = asyncio.Event()

    async def stubborn() -> None:
        while not release.is_set():
            try:
                await release.wait()
            except asyncio.CancelledError:
                continue

    task = owner.spawn(stubborn(), name="stubborn")
    await asyncio.sleep(0)
    await owner.close(timeout_s=0.01)
    release.set()
    await task


async def test_close_of_an_empty_owner_is_nothing() -> None:
    await TaskOwner("test").close()
