"""Token buckets of one user, shared by all their sessions and REST calls: cheap enough for every request."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Final

from common.errors import Code, ParleyError
from common.limits import Limits
from server.kernel.clock import Clock

_TYPING_EVERY_S: Final = 2.5
"""Clients say it every 3 s at most; what they send takes now longer, now shorter."""
_TYPING_ROOMS: Final = 64
"""In so many within that time nobody writes."""


class Bucket:
    """``rate`` tokens a second up to ``burst``; a rate of 0 never refuses."""

    __slots__ = ("_at", "_burst", "_rate", "_tokens")

    def __init__(self, *, rate: float, burst: int, now: float) -> None:
        self._rate = rate
        self._burst = float(burst)
        self._tokens = float(burst)
        self._at = now

    def take(self, now: float) -> int:
        """0, or the milliseconds until there is a token. ``now`` is monotonic seconds."""
        if self._rate <= 0:
            return 0
        self._tokens = min(self._burst, self._tokens + (now - self._at) * self._rate)
        self._at = now
        if self._tokens >= 1:
            self._tokens -= 1
            return 0
        return max(1, int((1 - self._tokens) / self._rate * 1_000))

    def full(self, now: float) -> bool:
        """Whether forgetting it would change nothing."""
        return self._rate <= 0 or self._tokens + (now - self._at) * self._rate >= self._burst


class Allowance:
    """What one user may send. It outlives a session, or reconnecting would fill the buckets."""

    __slots__ = ("_typed", "messages", "requests")

    def __init__(self, limits: Limits, now: float) -> None:
        self.messages = Bucket(rate=limits.messages_per_second, burst=limits.messages_burst, now=now)
        self.requests = Bucket(rate=limits.requests_per_second, burst=limits.requests_burst, now=now)
        self._typed: dict[str, float] = {}
        """When it was last told that the user writes in a room."""

    def typing(self, room_id: str, now: float) -> bool:
        """Whether it may be told again, and then counted as told."""
        told = self._typed
        if now - told.get(room_id, -math.inf) < _TYPING_EVERY_S:
            return False
        if len(told) >= _TYPING_ROOMS:
            told = self._typed = {one: at for one, at in told.items() if now - at < _TYPING_EVERY_S}
            if len(told) >= _TYPING_ROOMS:
                return False
        told[room_id] = now
        return True

    def full(self, now: float) -> bool:
        """Whether forgetting it would change nothing."""
        return self.messages.full(now) and self.requests.full(now)


class Allowances:
    """Of all users of this process; each gateway counts for itself."""

    def __init__(self, limits: Limits, clock: Clock) -> None:
        self.limits = limits
        self._clock = clock
        self._known: dict[str, Allowance] = {}

    def __len__(self) -> int:
        """How many are kept."""
        return len(self._known)

    def of(self, user_id: str) -> Allowance:
        """The one of a user; who keeps it has to say so to ``forget``."""
        allowance = self._known.get(user_id)
        if allowance is None:
            allowance = self._known[user_id] = Allowance(self.limits, self._clock.monotonic())
        return allowance

    def request(self, user_id: str) -> None:
        """Count one.

        Raises:
            ParleyError: ``rate_limited`` with the time to wait.
        """
        _spend(self.of(user_id).requests, self._clock)

    def message(self, user_id: str) -> None:
        """Count one, or whatever is told to as many.

        Raises:
            ParleyError: ``rate_limited`` with the time to wait.
        """
        _spend(self.of(user_id).messages, self._clock)

    def forget(self, kept: Callable[[str], object]) -> None:
        """Those that are full, but for users whose allowance somebody keeps."""
        now = self._clock.monotonic()
        for user_id in [one for one, each in self._known.items() if each.full(now) and not kept(one)]:
            del self._known[user_id]


def _spend(bucket: Bucket, clock: Clock) -> None:
    wait_ms = bucket.take(clock.monotonic())
    if wait_ms:
        raise ParleyError(Code.RATE_LIMITED, "too many requests", retry_after_ms=wait_ms)
