"""One client for all that is kept in Redis, and its errors in the words of the ports."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import redis.asyncio as redis
from redis.asyncio.retry import Retry
from redis.backoff import ExponentialBackoff
from redis.exceptions import RedisError

from common.errors import Code, ParleyError

TIMEOUT_S: Final = 2.0
_RETRIES: Final = 2
_CONNECTIONS: Final = 32


class RedisUnavailableError(ParleyError):
    """It does not answer; nothing was changed that is not refreshed soon."""

    def __init__(self) -> None:
        super().__init__(Code.UNAVAILABLE, "the server can't reach its presence store", retry_after_ms=1_000)


def connect(url: str) -> redis.Redis:
    """A client with bounds on every wait; it connects at the first command."""
    pool = redis.BlockingConnectionPool.from_url(
        url,
        timeout=TIMEOUT_S,
        socket_timeout=TIMEOUT_S,
        socket_connect_timeout=TIMEOUT_S,
        max_connections=_CONNECTIONS,
        retry=Retry(ExponentialBackoff(cap=0.2, base=0.02), _RETRIES),
        decode_responses=True,
    )
    return redis.Redis.from_pool(pool)


@asynccontextmanager
async def in_words() -> AsyncIterator[None]:
    """Raises ``RedisUnavailableError`` for whatever the client says."""
    try:
        yield
    except (RedisError, OSError, TimeoutError) as problem:
        raise RedisUnavailableError from problem
