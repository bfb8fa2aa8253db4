"""What a Redis says of itself: for whoever looks after it, not for the server."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from server.infra.redis.connection import connect, in_words

_PATIENCE_S: Final = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class RedisFacts:
    """``now_s``: its clock, in seconds since 1970. ``evicts``: it may forget keys before their time."""

    version: str
    now_s: float
    evicts: bool


async def inspect(url: str) -> RedisFacts:
    """Nothing is changed.

    Raises:
        RedisUnavailableError: it does not answer.
    """
    client = connect(url)
    try:
        async with in_words(_PATIENCE_S):
            seconds, micros = await client.time()
            found = await client.info("server")
            memory = await client.info("memory")
    finally:
        await client.aclose()
    version = found.get("valkey_version") or found.get("redis_version") or "unknown"
    # Of all keys, so also of those that do not expire by themselves; ours all do.
    return RedisFacts(
        version=str(version),
        now_s=seconds + micros / 1_000_000,
        evicts=str(memory.get("maxmemory_policy", "noeviction")) != "noeviction",
    )
