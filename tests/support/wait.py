"""Waiting on a condition with a deadline, instead of sleeping."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

PATIENCE_S: Final = 10.0
_STEP_S: Final = 0.002


async def until(condition: Callable[[], object], *, timeout_s: float = PATIENCE_S) -> None:
    """Returns when `condition()` is true.

    Raises:
        TimeoutError: it was not in time.
    """
    async with asyncio.timeout(timeout_s):
        while not condition():
            await asyncio.sleep(_STEP_S)


async def until_async(condition: Callable[[], Awaitable[object]], *, timeout_s: float = PATIENCE_S) -> None:
    """As `until`, for a condition that has to be awaited."""
    async with asyncio.timeout(timeout_s):
        while not await condition():
            await asyncio.sleep(_STEP_S)
