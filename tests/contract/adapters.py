"""The adapters of each port. A new one (PostgreSQL, Kafka, Redis) is a line here and passes all suites."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Final, Protocol

from server.infra.database_blobs import DatabaseBlobs
from server.infra.folder_blobs import FolderBlobs
from server.infra.memory.bus import MemoryBus
from server.infra.memory.limiter import MemoryLimiter
from server.infra.memory.presence import MemoryPresence
from server.infra.sqlite.database import SqliteDatabase
from server.kernel.blobs import BlobStore
from server.kernel.bus import EventBus
from server.kernel.clock import Clock
from server.kernel.database import Database
from server.kernel.limiter import RateLimiter
from server.kernel.presence import Presence
from tests.support.services import services
from tests.support.stores import pgbouncer_url, postgres_url, redis_client

_numbers: Final = itertools.count(1)
DatabaseOpener = Callable[[Path], AbstractAsyncContextManager[Database]]


class BusOpener(Protocol):
    """Opens a bus that is not started yet, with these bounds."""

    def __call__(
        self, *, capacity: int = 10_000, publish_timeout_s: float = 5.0, drain_timeout_s: float = 5.0
    ) -> EventBus: ...


@asynccontextmanager
async def _sqlite(folder: Path) -> AsyncIterator[Database]:
    database = SqliteDatabase(folder / "parley.db")
    await database.start()
    try:
        yield database
    finally:
        await database.stop()


def _memory_bus(
    *, capacity: int = 10_000, publish_timeout_s: float = 5.0, drain_timeout_s: float = 5.0
) -> EventBus:
    return MemoryBus(
        capacity=capacity,
        publish_timeout_s=publish_timeout_s,
        drain_timeout_s=drain_timeout_s,
        back_off_s=0.001,
    )


def _kafka_bus(
    *, capacity: int = 10_000, publish_timeout_s: float = 5.0, drain_timeout_s: float = 5.0
) -> EventBus:
    from server.infra.kafka.brokers import Brokers
    from server.infra.kafka.bus import KafkaBus

    del capacity, drain_timeout_s  # Kafka keeps what is not handled
    prefix = f"t{next(_numbers)}."
    servers = Brokers(services().url("kafka"))
    return KafkaBus(
        servers, prefix=prefix, partitions=4, publish_timeout_s=max(publish_timeout_s, 5.0), back_off_s=0.001
    )


@asynccontextmanager
async def _postgres(folder: Path) -> AsyncIterator[Database]:
    from server.infra.postgres.database import PostgresDatabase

    database = PostgresDatabase(await postgres_url(folder))
    await database.start()
    try:
        yield database
    finally:
        await database.stop()


@asynccontextmanager
async def _pgbouncer(folder: Path) -> AsyncIterator[Database]:
    from server.infra.postgres.database import PostgresDatabase

    database = PostgresDatabase(await pgbouncer_url(folder), prepared=False)
    await database.start()
    try:
        yield database
    finally:
        await database.stop()


@asynccontextmanager
async def _memory_presence() -> AsyncIterator[Presence]:
    yield MemoryPresence()


@asynccontextmanager
async def _memory_limiter(clock: Clock) -> AsyncIterator[RateLimiter]:
    yield MemoryLimiter(clock)


@asynccontextmanager
async def _redis_presence() -> AsyncIterator[Presence]:
    from server.infra.redis.presence import RedisPresence

    async with redis_client() as client:
        # As if it had not been emptied just now.
        await client.set("parley:routes:epoch", 0)
        yield RedisPresence(client)


@asynccontextmanager
async def _redis_limiter(clock: Clock) -> AsyncIterator[RateLimiter]:
    from server.infra.redis.limiter import RedisLimiter

    async with redis_client() as client:
        yield RedisLimiter(client, clock=clock)


@asynccontextmanager
async def _folder_blobs(folder: Path) -> AsyncIterator[BlobStore]:
    yield FolderBlobs(folder)


@asynccontextmanager
async def _database_blobs(folder: Path) -> AsyncIterator[BlobStore]:
    async with _postgres(folder) as database:
        yield DatabaseBlobs(database)


DATABASES: Final[Mapping[str, DatabaseOpener]] = {
    "sqlite": _sqlite,
    "postgres": _postgres,
    "pgbouncer": _pgbouncer,
}
"""Each opens the same database again when called twice with one folder."""
BUSES: Final[Mapping[str, BusOpener]] = {"memory": _memory_bus, "kafka": _kafka_bus}
BOUNDED_BUSES: Final[Mapping[str, BusOpener]] = {"memory": _memory_bus}
"""Those that hold no more than ``capacity``; Kafka's bound is a disk."""
PRESENCES: Final[Mapping[str, Callable[[], AbstractAsyncContextManager[Presence]]]] = {
    "memory": _memory_presence,
    "redis": _redis_presence,
}
LIMITERS: Final[Mapping[str, Callable[[Clock], AbstractAsyncContextManager[RateLimiter]]]] = {
    "memory": _memory_limiter,
    "redis": _redis_limiter,
}
BLOB_STORES: Final[Mapping[str, Callable[[Path], AbstractAsyncContextManager[BlobStore]]]] = {
    "folder": _folder_blobs,
    "database": _database_blobs,
}
