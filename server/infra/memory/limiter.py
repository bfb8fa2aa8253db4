"""``RateLimiter`` in memory: the times of the last events of each key."""

from __future__ import annotations

import math
from collections import OrderedDict, deque
from typing import Final

from server.kernel.clock import Clock

_MAX_KEYS: Final = 50_000


class MemoryLimiter:
    """Exact sliding windows. The keys that were quiet longest are forgotten first."""

    def __init__(self, clock: Clock, *, max_keys: int = _MAX_KEYS) -> None:
        self._clock = clock
        self._max_keys = max_keys
        self._events: OrderedDict[str, deque[float]] = OrderedDict()

    async def hit(self, key: str, *, limit: int, window_ms: int) -> int:
        """Count unless over the limit; 0, or the milliseconds to wait."""
        wait = self._wait(key, limit, window_ms)
        if wait == 0 and limit > 0:
            self._events.setdefault(key, deque()).append(self._now())
            self._events.move_to_end(key)
            if len(self._events) > self._max_keys:
                self._events.popitem(last=False)
        return wait

    def _wait(self, key: str, limit: int, window_ms: int) -> int:
        events = self._events.get(key)
        if limit <= 0 or events is None:
            return 0
        now = self._now()
        while events and events[0] <= now - window_ms:
            events.popleft()
        if len(events) < limit:
            return 0
        return max(1, math.ceil(events[-limit] + window_ms - now))

    async def take_back(self, key: str) -> None:
        """The latest counts no more."""
        events = self._events.get(key)
        if events:
            events.pop()

    async def reset(self, key: str) -> None:
        """Forget the key."""
        self._events.pop(key, None)

    def _now(self) -> float:
        return self._clock.monotonic() * 1_000
