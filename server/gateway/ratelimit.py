"""Token buckets of one user, shared by all their sessions: cheap enough for every request."""

from __future__ import annotations

from common.limits import Limits


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

    __slots__ = ("messages", "requests")

    def __init__(self, limits: Limits, now: float) -> None:
        self.messages = Bucket(rate=limits.messages_per_second, burst=limits.messages_burst, now=now)
        self.requests = Bucket(rate=limits.requests_per_second, burst=limits.requests_burst, now=now)

    def full(self, now: float) -> bool:
        """Whether forgetting it would change nothing."""
        return self.messages.full(now) and self.requests.full(now)
