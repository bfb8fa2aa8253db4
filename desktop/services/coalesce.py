"""Many changes, one signal: flags gather for a frame and go out together."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

SOON_S: Final = 0.016
"""What follows a change at once goes with it: what is seen when it comes is read before it is counted."""
APART_S: Final = 0.1
"""Nobody reads a list of rooms that changes more often."""


class Coalescer:
    """Calls ``flush`` a frame after a change, and ten times a second at most: a burst costs no more."""

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
        self._handle = loop.call_later(max(SOON_S, self._last + APART_S - loop.time()), self._run)

    def close(self) -> None:
        """Nothing is called any more."""
        self._closed = True
        if self._handle is not None:
            self._handle.cancel()

    def _run(self) -> None:
        self._handle = None
        self._last = asyncio.get_running_loop().time()
        self._flush()
