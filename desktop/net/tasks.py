"""Every task of the desktop has an owner: the only place here that calls ``create_task``."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any, Final

log: Final = logging.getLogger(__name__)


class TaskOwner:
    """Keeps references to tasks, reports what they raise, and ends them in time."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._tasks: set[asyncio.Task[Any]] = set()

    def __len__(self) -> int:
        """How many run."""
        return len(self._tasks)

    def spawn(
        self,
        coroutine: Coroutine[Any, Any, Any],
        *,
        name: str = "task",
        handle: Callable[[BaseException], bool] | None = None,
    ) -> asyncio.Task[Any]:
        """Run it in the background. An exception is logged as an error, by name, unless ``handle`` takes it.

        Connect a Qt signal with ``signal.connect(lambda: owner.spawn(work()))``: ``asyncSlot`` loses
        references and arguments.
        """
        task = asyncio.get_running_loop().create_task(coroutine, name=f"{self._name}.{name}")
        self._tasks.add(task)
        task.add_done_callback(partial(self._done, handle))
        return task

    async def close(self, *, timeout_s: float = 5.0) -> None:
        """Cancel all and wait; what does not end in time is logged by name and left."""
        mine = set(self._tasks) - {asyncio.current_task()}
        for task in mine:
            task.cancel()
        if mine:
            _, late = await asyncio.wait(mine, timeout=timeout_s)
            for task in late:
                log.error("task did not end: %s", task.get_name())

    def _done(self, handle: Callable[[BaseException], bool] | None, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if task.cancelled() or (error := task.exception()) is None:
            return
        if handle is None or not handle(error):
            log.error("task failed: %s", task.get_name(), exc_info=error)
