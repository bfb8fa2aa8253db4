"""One client for all that is kept in Redis, and its errors in the words of the ports."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

import redis.asyncio as redis
from redis.asyncio.retry import Retry
from redis.backoff import ExponentialBackoff
from redis.exceptions import RedisError

from common.errors import Code, ParleyError
from server.kernel.telemetry import SILENCE, Dependency, Telemetry

TIMEOUT_S: Final = 2.0
ANSWER_S: Final = 1.0
"""For one answer, whatever the client tries for it: its tries to connect are nested in those to ask."""
_RETRIES: Final = 2
_CONNECTIONS: Final = 32


class RedisUnavailableError(ParleyError):
    """It does not answer; nothing was changed that is not refreshed soon."""

    def __init__(self) -> None:
        super().__init__(Code.UNAVAILABLE, "the server can't reach its presence store", retry_after_ms=1_000)


class _ToldRetry(Retry):
    """Tells of each command that failed, its tries included."""

    def __init__(self, telemetry: Telemetry) -> None:
        super().__init__(ExponentialBackoff(cap=0.2, base=0.02), _RETRIES)
        self._telemetry = telemetry

    def __deepcopy__(self, _: object) -> _ToldRetry:
        """The client makes one for each of its connections."""
        return _ToldRetry(self._telemetry)

    async def call_with_retry(self, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - as the library has it
        try:
            return await super().call_with_retry(*args, **kwargs)
        except (RedisError, OSError, TimeoutError, asyncio.CancelledError):
            # Cancelled by who did not wait any longer, as a rule.
            self._telemetry.failed(Dependency.REDIS)
            raise


def connect(url: str, telemetry: Telemetry = SILENCE) -> redis.Redis:
    """A client with bounds on every wait; it connects at the first command.

    Raises:
        ValueError: the URL can't be read. Nothing of it is said, for a password may be in it.
    """
    try:
        pool = redis.BlockingConnectionPool.from_url(
            url,
            timeout=TIMEOUT_S,
            socket_timeout=TIMEOUT_S,
            socket_connect_timeout=TIMEOUT_S,
            max_connections=_CONNECTIONS,
            retry=_ToldRetry(telemetry),
            decode_responses=True,
        )
        # An option that does not exist would be found by the first command only.
        pool.connection_class(**pool.connection_kwargs)
    except (ValueError, TypeError):
        raise ValueError(
            "redis_url can't be read: redis://[[USER]:PASSWORD@]HOST[:PORT][/NUMBER], rediss:// with TLS; "
            "what is not a letter or digit of the password as %XX"
        ) from None
    return redis.Redis.from_pool(pool)


@asynccontextmanager
async def in_words(within_s: float = ANSWER_S) -> AsyncIterator[None]:
    """Raises ``RedisUnavailableError`` for whatever the client says, and where it says nothing in time."""
    try:
        async with asyncio.timeout(within_s):
            yield
    except (RedisError, OSError, TimeoutError) as problem:
        raise RedisUnavailableError from problem
