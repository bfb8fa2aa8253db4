"""A clock that only a test moves."""

from __future__ import annotations

from typing import Final

START_MS: Final = 1_700_000_000_000


class ManualClock:
    """`Clock` that stands still until `advance`."""

    def __init__(self, *, now_ms: int = START_MS) -> None:
        self._now_ms = now_ms
        self._monotonic_ms = 0

    def now_ms(self) -> int:
        return self._now_ms

    def monotonic(self) -> float:
        return self._monotonic_ms / 1_000

    def advance(self, *, ms: int) -> None:
        """Let `ms` milliseconds pass, on both clocks."""
        self._now_ms += ms
        self._monotonic_ms += ms

    def set_wall(self, now_ms: int) -> None:
        """Somebody set the machine's clock; what is waited for does not move."""
        self._now_ms = now_ms
