from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from server.kernel import tasks
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


async def test_what_is_kept_begins_anew_after_what_it_raises(
    expect_log: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    expect_log("task_failed.*test.steady")
    monkeypatch.setattr(tasks, "_AGAIN_S", 0.001)
    owner, begun = TaskOwner("test"), list[int]()

    async def steady() -> None:
        begun.append(1)
        if len(begun) < 4:
            raise LookupError("seen by nobody else")
        await asyncio.Event().wait()

    owner.keep(steady, name="steady")
    await until(lambda: len(begun) == 4)
    assert len(owner) == 1
    await owner.close()
    assert len(owner) == 0


async def test_what_is_kept_may_end_by_itself() -> None:
    owner = TaskOwner("test")

    async def through() -> None:
        await asyncio.sleep(0)

    owner.keep(through, name="through")
    await until(lambda: len(owner) == 0)
