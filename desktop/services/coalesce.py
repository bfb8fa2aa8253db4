"""Many changes, one signal: flags gather during a turn of the event loop and go out together."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

FRAME_S = 0.016


class Coalescer:
    """Calls ``flush`` once per turn, and at most once per frame: a burst costs what a single change costs."""

    def __init__(self, flush: Callable[[], None]) -> None:
        self._flush = flush
        self._handle: asyncio.Handle | None = None
        self._last = 0.0
        self._closed = False

    def poke(self) -> None:
        """Something changed."""
        if self._handle is not None or self._closed:
            return
        loop = asyncio.get_running_loop()
        due = self._last + FRAME_S - loop.time()
        self._handle = loop.call_soon(self._run) if due <= 0 else loop.call_later(due, self._run)

    def close(self) -> None:
        """Nothing is called any more."""
        self._closed = True
        if self._handle is not None:
            self._handle.cancel()

    def _run(self) -> None:
        self._handle = None
        self._last = asyncio.get_running_loop().time()
        self._flush()
