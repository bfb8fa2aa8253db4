"""The rate-limit port: token buckets and failure counters by key."""

from __future__ import annotations

from typing import Protocol


class RateLimiter(Protocol):
    """Counts per key; shared by all processes of a cluster, in memory when embedded."""

    async def hit(self, key: str, *, limit: int, window_ms: int) -> int:
        """Count one event; 0 if it is within ``limit`` per sliding ``window_ms``, else the
        milliseconds to wait. A ``limit`` of 0 switches the limit off.
        """
        ...

    async def take_back(self, key: str) -> None:
        """The latest event that was counted is none after all. Nothing counted is fine."""
        ...

    async def reset(self, key: str) -> None:
        """Forget the key (a login succeeded)."""
        ...
