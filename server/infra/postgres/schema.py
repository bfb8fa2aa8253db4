"""Migrations on PostgreSQL: one process at a time, each step in a transaction of its own."""

from __future__ import annotations

import time
from typing import Any, Final

import structlog

from server.infra import migrations
from server.kernel.database import DatabaseUnavailableError, SchemaBehindError

log: Final = structlog.get_logger(__name__)

DIALECT: Final[migrations.Dialect] = {
    "$ID": "UUID",
    "$INT": "BIGINT",
    # In the order of bytes, as SQLite compares.
    "$TEXT": 'TEXT COLLATE "C"',
    "$BYTES": "BYTEA",
    "$AUTO_ID": "BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY",
    "$TABLE_END": "",
    "$TABLE_END_CLUSTERED": "",
}
_LOCK: Final = 0x7061726C6579
"""Of ``pg_advisory_xact_lock``: any number that nobody else takes ("parley" in ASCII)."""
_STEP_TIMEOUT_S: Final = 3_600.0
"""A step may rewrite a large table, or wait for another process that does."""
_RECORD: Final = (
    "INSERT INTO schema_migrations (number, name, checksum, applied_at_ms) VALUES ($1, $2, $3, $4)"
)


async def migrate(connection: Any) -> None:  # noqa: ANN401 - asyncpg's connections come with and without a pool's proxy
    """Apply what is missing; processes that start together wait for each other.

    Raises:
        DatabaseUnavailableError: it was written by a newer Parley.
    """
    while True:
        async with connection.transaction():
            await connection.execute("SELECT pg_advisory_xact_lock($1)", _LOCK, timeout=_STEP_TIMEOUT_S)
            missing = await _missing(connection)
            if not missing:
                return
            await connection.execute(migrations.translate(migrations.LEDGER, DIALECT))
            step = missing[0]
            for statement in step.statements(DIALECT):
                await connection.execute(statement, timeout=_STEP_TIMEOUT_S)
            now_ms = time.time_ns() // 1_000_000
            await connection.execute(_RECORD, step.number, step.name, step.checksum, now_ms)
        log.info("migration_applied", number=step.number, name=step.name)


async def check(connection: Any) -> None:  # noqa: ANN401 - see migrate
    """Change nothing.

    Raises:
        DatabaseUnavailableError: it was written by a newer Parley.
        SchemaBehindError: something is missing in it.
    """
    missing = await _missing(connection)
    if missing:
        raise SchemaBehindError([migration.label for migration in missing])


async def _missing(connection: Any) -> list[migrations.Migration]:  # noqa: ANN401 - see migrate
    applied = {}
    if await connection.fetchval("SELECT to_regclass('schema_migrations') IS NOT NULL"):
        applied = dict(await connection.fetch("SELECT number, checksum FROM schema_migrations"))
    try:
        return migrations.pending(migrations.load(), applied)
    except migrations.MigrationError as problem:
        raise DatabaseUnavailableError(f"the database can't be used: {problem}") from problem
