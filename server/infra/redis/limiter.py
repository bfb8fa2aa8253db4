"""``RateLimiter`` in Redis: the times of the last events of each key, looked at and counted in one step."""

from __future__ import annotations

from typing import Final

import redis.asyncio as redis

from server.infra.redis.connection import in_words
from server.kernel.clock import Clock

_PREFIX: Final = "parley:limit:"
# One key a call, so that it works on a cluster. Times are Redis's own, unless a test brings a clock.
_SCRIPT: Final = """
local now
if ARGV[3] == '' then
  local t = redis.call('TIME')
  now = t[1] * 1000000 + t[2]
else
  now = tonumber(ARGV[3])
end
local limit, window = tonumber(ARGV[1]), tonumber(ARGV[2]) * 1000
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - window)
local there = redis.call('ZCARD', KEYS[1])
if there >= limit then
  local first = redis.call('ZRANGE', KEYS[1], there - limit, there - limit, 'WITHSCORES')
  return math.max(1, math.ceil((tonumber(first[2]) + window - now) / 1000))
end
local number = redis.call('INCR', KEYS[1] .. ':n')
redis.call('PEXPIRE', KEYS[1] .. ':n', window / 1000 + 1000)
redis.call('ZADD', KEYS[1], now, number)
redis.call('PEXPIRE', KEYS[1], window / 1000 + 1000)
return 0
"""


class RedisLimiter:
    """Exact sliding windows, the same for every process. ``clock``: for tests; Redis has its own."""

    def __init__(self, client: redis.Redis, *, clock: Clock | None = None) -> None:
        self._script = client.register_script(_SCRIPT)
        self._client = client
        self._clock = clock

    async def hit(self, key: str, *, limit: int, window_ms: int) -> int:
        """Count unless over the limit; 0, or the milliseconds to wait."""
        if limit <= 0:
            return 0
        now = "" if self._clock is None else str(round(self._clock.monotonic() * 1_000_000))
        async with in_words():
            wait = await self._script(keys=[_name(key)], args=[limit, window_ms, now])
        return int(wait)

    async def take_back(self, key: str) -> None:
        """The latest counts no more."""
        async with in_words():
            await self._client.zpopmax(_name(key))

    async def reset(self, key: str) -> None:
        """Forget the key."""
        async with in_words():
            await self._client.delete(_name(key))


def _name(key: str) -> str:
    # In braces: the counter beside it lies on the same node of a cluster.
    return f"{_PREFIX}{{{key}}}"
