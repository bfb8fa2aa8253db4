"""Finds threads and asyncio tasks that outlive the test that started them."""

from __future__ import annotations

import asyncio
import asyncio.runners
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

PATIENCE_S: Final = 5.0
STEP_S: Final = 0.1


@contextmanager
def threads_must_end() -> Iterator[None]:
    """Raises AssertionError when a thread that began inside still runs `PATIENCE_S` after it."""
    before = set(threading.enumerate())
    yield
    deadline = time.monotonic() + PATIENCE_S
    while started := [
        thread for thread in threading.enumerate() if thread not in before and _is_ours(thread)
    ]:
        if time.monotonic() > deadline:
            raise AssertionError(f"threads left running: {sorted(thread.name for thread in started)}")
        started[0].join(STEP_S)


@contextmanager
def tasks_must_end() -> Iterator[None]:
    """Raises AssertionError when an event loop, in any thread, is closed while it still has tasks.

    asyncio cancels them then and says nothing; its one private function that does so is where they show.
    """
    leaked: list[str] = []
    cancel_all = asyncio.runners._cancel_all_tasks  # type: ignore[attr-defined]  # see above

    def watching(loop: asyncio.AbstractEventLoop) -> None:
        leaked.extend(f"{task.get_name()}: {task.get_coro()!r}" for task in asyncio.all_tasks(loop))
        cancel_all(loop)

    asyncio.runners._cancel_all_tasks = watching  # type: ignore[attr-defined]  # see above
    try:
        yield
    finally:
        asyncio.runners._cancel_all_tasks = cancel_all  # type: ignore[attr-defined]  # see above
    if leaked:
        raise AssertionError(f"tasks left running: {leaked}")


def _is_ours(thread: threading.Thread) -> bool:
    # A dummy stands for a thread of Qt's or another library's own pool that once called Python.
    return not isinstance(thread, threading._DummyThread)
