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
