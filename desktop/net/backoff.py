"""When to try again: exponential back-off with full jitter (AWS Architecture Blog, 2015)."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Final

FIRST_S: Final = 0.5
EARLY_S: Final = 5.0
"""The ceiling of about the first minute: most servers that end are back by then, and nobody waits long."""
EARLY_TRIES: Final = 24
LONGEST_S: Final = 30.0


class Backoff:
    """Delays drawn from 0 to a ceiling that doubles with each failure: to 5 s, after 24 tries to 30 s."""

    def __init__(self, *, draw: Callable[[], float] = random.random) -> None:
        self._draw = draw
        self._failures = 0

    def next_s(self, *, retry_after_s: float | None = None) -> float:
        """Seconds until the next try. What the server asked for is the least, jitter comes on top."""
        late = self._failures - EARLY_TRIES
        if late < 0:
            ceiling = min(EARLY_S, FIRST_S * float(1 << self._failures))
        else:
            ceiling = min(LONGEST_S, EARLY_S * float(2 << min(late, 16)))
        self._failures += 1
        return (retry_after_s or 0.0) + self._draw() * ceiling

    def reset(self) -> None:
        """A try succeeded."""
        self._failures = 0
