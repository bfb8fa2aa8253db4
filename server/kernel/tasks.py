"""Every task has an owner: what starts tasks holds a ``TaskOwner`` and closes it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Final

import structlog

log: Final = structlog.get_logger(__name__)

_AGAIN_S: Final = 1.0
_AGAIN_MAX_S: Final = 60.0


class TaskOwner:
    """Keeps references to tasks, reports what they raise, and ends them in time.

    The only place of the server that calls ``create_task`` (a test sees to that).
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._tasks: set[asyncio.Task[Any]] = set()

    def __len__(self) -> int:
        """How many run."""
        return len(self._tasks)

    def spawn(self, coroutine: Coroutine[Any, Any, Any], *, name: str) -> asyncio.Task[Any]:
        """Run it in the background. An exception is logged as an error, by name."""
        task = asyncio.get_running_loop().create_task(coroutine, name=f"{self._name}.{name}")
        self._tasks.add(task)
        task.add_done_callback(self._done)
        return task

    def keep(self, work: Callable[[], Coroutine[Any, Any, None]], *, name: str) -> asyncio.Task[Any]:
        """As ``spawn``, for work that has no end: after an exception it begins anew, later each time."""
        return self.spawn(_kept(work, f"{self._name}.{name}"), name=name)

    async def close(self, *, timeout_s: float = 5.0) -> None:
        """Cancel all and wait; what does not end in time is logged by name and left."""
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            _, late = await asyncio.wait(set(self._tasks), timeout=timeout_s)
            for task in late:
                log.error("task_did_not_end", task=task.get_name())

    def _done(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("task_failed", task=task.get_name(), exc_info=error)


async def _kept(work: Callable[[], Coroutine[Any, Any, None]], name: str) -> None:
    again_s, loop = _AGAIN_S, asyncio.get_running_loop()
    while True:
        began = loop.time()
        try:
            return await work()
        except Exception:
            if loop.time() - began > _AGAIN_MAX_S:
                again_s = _AGAIN_S
            log.exception("task_failed", task=name, again_s=again_s)
        await asyncio.sleep(again_s)
        again_s = min(again_s * 2, _AGAIN_MAX_S)
