"""What every service of this context works with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from common.limits import Limits
from server.kernel.clock import Clock
from server.kernel.database import Database
from server.kernel.limiter import RateLimiter


@dataclass(frozen=True, slots=True, kw_only=True)
class Means:
    """``kick`` tells the outbox relay of new events."""

    database: Database
    clock: Clock
    limiter: RateLimiter
    limits: Limits
    kick: Callable[[], None]
