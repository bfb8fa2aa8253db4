from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from desktop.net.tasks import TaskOwner
from tests.support.wait import until


async def test_what_a_task_raises_is_reported(expect_log: Callable[..., None]) -> None:
    expect_log("task failed: mine.work", level=logging.ERROR)

    async def work() -> None:
        raise ValueError("seen")

    owner = TaskOwner("mine")
    owner.spawn(work(), name="work")
    await until(lambda: not len(owner))


async def test_closing_ends_what_runs() -> None:
    owner = TaskOwner("mine")
    task = owner.spawn(asyncio.Event().wait())
    await owner.close()
    assert task.cancelled()
    assert len(owner) == 0


async def test_what_is_handled_is_not_logged() -> None:
    owner = TaskOwner("owner")
    seen: list[BaseException] = []

    def handle(error: BaseException) -> bool:
        seen.append(error)
        return True

    async def fail() -> None:
        raise ValueError("told in place")

    await asyncio.wait({owner.spawn(fail(), handle=handle)})
    await asyncio.sleep(0)
    assert [str(error) for error in seen] == ["told in place"]
    await owner.close()


async def test_what_is_cancelled_before_it_began_leaves_no_coroutine_behind() -> None:
    owner = TaskOwner("owner")

    async def work() -> None:
        raise AssertionError("it never runs")

    owner.spawn(work(), handle=lambda _error: False)
    await owner.close()
    assert len(owner) == 0
