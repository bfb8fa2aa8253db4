"""Which adapters a server stands on: those of one process, or PostgreSQL, Redis and Kafka."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from server.kernel.blobs import BlobStore
from server.kernel.bus import EventBus
from server.kernel.clock import Clock
from server.kernel.database import Database
from server.kernel.limiter import RateLimiter
from server.kernel.presence import Presence
from server.kernel.telemetry import SILENCE, Telemetry
from server.settings import BLOBS_FOLDER, DATABASE_FILE, Role, Settings, SettingsError

if TYPE_CHECKING:
    from server.infra.kafka.brokers import Brokers

STATEMENT_TIMEOUT_S: Final = 30.0
"""On PostgreSQL, of what a server does."""
_ASKED_FOR: Final = ("database_url", "redis_url", "kafka_servers")


@dataclass(frozen=True, slots=True, kw_only=True)
class Stores:
    """Not started yet; ``close`` comes last of all."""

    database: Database
    bus: EventBus
    presence: Presence
    limiter: RateLimiter
    blobs: BlobStore
    close: Callable[[], Awaitable[None]]


def choose(settings: Settings, clock: Clock, telemetry: Telemetry = SILENCE) -> Stores:
    """Embedded, unless the three services are named.

    Raises:
        SettingsError: only some of them are, or an address can't be read.
    """
    named = [name for name in _ASKED_FOR if getattr(settings, name)]
    if not named:
        if settings.role is not Role.ALL:
            raise SettingsError(f"role {settings.role} needs PostgreSQL, Redis and Kafka")
        return _embedded(settings, clock)
    if len(named) < len(_ASKED_FOR):
        lacking = ", ".join(sorted(set(_ASKED_FOR) - set(named)))
        raise SettingsError(f"PostgreSQL, Redis and Kafka go together; missing: {lacking}")
    try:
        return _standalone(settings, telemetry)
    except ValueError as problem:
        raise SettingsError(str(problem)) from None


def choose_database(
    settings: Settings,
    *,
    migrate: bool | None = None,
    as_is: bool = False,
    telemetry: Telemetry = SILENCE,
    statement_timeout_s: float = STATEMENT_TIMEOUT_S,
) -> Database:
    """The database alone, for commands that need no more; ``migrate`` in place of ``migrate_at_start``.

    ``as_is``: PostgreSQL whatever its schema, for who only looks what it is.
    """
    current = settings.migrate_at_start if migrate is None else migrate
    if not settings.standalone:
        from server.infra.sqlite.database import SqliteDatabase

        return SqliteDatabase(settings.data / DATABASE_FILE, migrate=current)
    from server.infra.postgres.database import PostgresDatabase

    return PostgresDatabase(
        settings.database_url,
        connections=settings.database_connections,
        prepared=settings.database_prepared,
        migrate=None if as_is else current,
        telemetry=telemetry,
        statement_timeout_s=statement_timeout_s,
    )


def kafka_brokers(settings: Settings) -> Brokers:
    """Where Kafka is, and how it is spoken to.

    Raises:
        ValueError: the settings of it can't be used; says which.
    """
    from server.infra.kafka.brokers import Brokers

    return Brokers(
        settings.kafka_servers,
        protocol=settings.kafka_security_protocol.value,
        ca_file=settings.kafka_ca_file,
        mechanism=settings.kafka_sasl_mechanism.value,
        username=settings.kafka_username,
        password=settings.kafka_password,
    )


def _embedded(settings: Settings, clock: Clock) -> Stores:
    from server.infra.folder_blobs import FolderBlobs
    from server.infra.memory.bus import MemoryBus
    from server.infra.memory.limiter import MemoryLimiter
    from server.infra.memory.presence import MemoryPresence

    async def close() -> None:
        """Nothing is held."""

    return Stores(
        database=choose_database(settings),
        bus=MemoryBus(),
        presence=MemoryPresence(),
        limiter=MemoryLimiter(clock),
        blobs=FolderBlobs(settings.data / BLOBS_FOLDER),
        close=close,
    )


def _standalone(settings: Settings, telemetry: Telemetry) -> Stores:
    # A desktop that hosts has none of the three drivers.
    from server.infra.database_blobs import DatabaseBlobs
    from server.infra.kafka.bus import KafkaBus
    from server.infra.redis.connection import connect
    from server.infra.redis.limiter import RedisLimiter
    from server.infra.redis.presence import RedisPresence

    client = connect(settings.redis_url, telemetry)
    database = choose_database(settings, telemetry=telemetry)
    return Stores(
        database=database,
        bus=KafkaBus(
            kafka_brokers(settings),
            prefix=settings.kafka_prefix,
            partitions=settings.kafka_partitions,
            replication=settings.kafka_replication,
            telemetry=telemetry,
        ),
        presence=RedisPresence(client),
        limiter=RedisLimiter(client),
        blobs=DatabaseBlobs(database),
        close=client.aclose,
    )
