from __future__ import annotations

from server.infra.memory.limiter import MemoryLimiter
from tests.support.clock import ManualClock


async def test_memory_is_bounded_and_the_quietest_key_is_forgotten_first() -> None:
    limiter = MemoryLimiter(ManualClock(), max_keys=3)
    for key in ("a", "b", "c", "a", "d"):
        await limiter.hit(key, limit=2, window_ms=1_000)
    # "b" was quiet longest and made room for "d"; "a" is still at its limit.
    assert await limiter.hit("a", limit=2, window_ms=1_000) > 0
    assert await limiter.hit("c", limit=1, window_ms=1_000) > 0
    assert await limiter.hit("d", limit=1, window_ms=1_000) > 0
    assert await limiter.hit("b", limit=1, window_ms=1_000) == 0
