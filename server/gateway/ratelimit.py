"""Token buckets of one session's user: cheap enough for every request."""

from __future__ import annotations


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
