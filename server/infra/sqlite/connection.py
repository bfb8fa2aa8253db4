"""One connection to the file: how it is opened, checked, and what a transaction body gets."""

from __future__ import annotations

import shutil
import sqlite3
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import structlog

from server.infra import migrations
from server.infra.sqlite.errors import port_error
from server.infra.sqlite.statements import Statements
from server.kernel.database import (
    Change,
    DamagedDatabaseError,
    DatabaseUnavailableError,
    Row,
    SchemaBehindError,
    StorageFullError,
)

log: Final = structlog.get_logger(__name__)

BUSY_MS: Final = 5_000
_CACHED_STATEMENTS: Final = 512
_WRITER_CACHE_KIB: Final = 32 * 1024
_READER_CACHE_KIB: Final = 8 * 1024
_CHECKPOINT_PAGES: Final = 2_000
_WAL_KEPT_BYTES: Final = 16 * 1024 * 1024


class SqliteTx:
    """``Tx`` on a connection: nothing here ever suspends."""

    __slots__ = ("_connection", "_statements")

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._statements = Statements()

    async def execute(self, sql: str, *args: object) -> int:
        """Run a statement; returns the number of rows it changed."""
        try:
            changed = self._connection.execute(*self._statements.bind(sql, args)).rowcount
        except sqlite3.Error as error:
            raise port_error(error) from error
        return max(changed, 0)

    async def execute_many(self, sql: str, rows: Sequence[Sequence[object]]) -> None:
        """Run one statement for each row of parameters."""
        bound = self._statements.bind_many(sql, rows)
        try:
            if bound is None:
                for row in rows:
                    self._connection.execute(*self._statements.bind(sql, tuple(row)))
            else:
                for text, values in bound:
                    self._connection.execute(text, values)
        except sqlite3.Error as error:
            raise port_error(error) from error

    async def execute_all(self, changes: Sequence[Change]) -> None:
        """One after the other: there is no way to go."""
        for sql, rows in changes:
            await self.execute_many(sql, rows)

    async def fetch(self, sql: str, *args: object) -> list[Row]:
        """All rows."""
        try:
            return self._connection.execute(*self._statements.bind(sql, args)).fetchall()
        except sqlite3.Error as error:
            raise port_error(error) from error

    async def fetch_one(self, sql: str, *args: object) -> Row | None:
        """The first row, or None."""
        try:
            cursor = self._connection.execute(*self._statements.bind(sql, args))
            row: Row | None = cursor.fetchone()
            # An unfinished cursor would hold its statement open over the end of the transaction.
            cursor.close()
        except sqlite3.Error as error:
            raise port_error(error) from error
        return row

    async def fetch_locked(self, sql: str, *args: object) -> list[Row]:
        """A write transaction holds the whole file from its first statement."""
        return await self.fetch(sql, *args)


def open_writer(path: Path, *, check: bool, migrate: bool, up_to: int | None = None) -> sqlite3.Connection:
    """The one connection that writes, on a file that is whole and of this program's schema.

    ``up_to``: of the schema of that migration, to be filled with what an earlier Parley kept.

    Raises:
        DamagedDatabaseError: the file is damaged; it is left as it is, a copy lies beside it.
        DatabaseUnavailableError: it can't be opened, or a newer Parley wrote it.
        SchemaBehindError: something is missing in it, and it may not ``migrate``.
    """
    existed = path.exists()
    if not existed and not migrate:
        raise SchemaBehindError([migration.label for migration in migrations.load()])
    connection = _connect(path)
    try:
        _tune(connection, cache_kib=_WRITER_CACHE_KIB)
        _prepare(connection, check=check and existed)
        _migrate(connection, may=migrate, up_to=up_to)
    except BaseException as error:
        problem = _start_error(path, error)
        connection.close()
        if problem is None:
            raise
        raise problem from error
    return connection


def open_reader(path: Path) -> sqlite3.Connection:
    """A connection that refuses to write."""
    connection = _connect(path)
    try:
        _tune(connection, cache_kib=_READER_CACHE_KIB)
        connection.execute("PRAGMA query_only = ON")
    except sqlite3.Error as error:
        connection.close()
        raise _not_opened(path, error) from error
    return connection


def _connect(path: Path) -> sqlite3.Connection:
    try:
        return sqlite3.connect(
            path, timeout=BUSY_MS / 1_000, isolation_level=None, cached_statements=_CACHED_STATEMENTS
        )
    except sqlite3.Error as error:
        raise _not_opened(path, error) from error


def _tune(connection: sqlite3.Connection, *, cache_kib: int) -> None:
    connection.execute(f"PRAGMA cache_size = -{cache_kib}")
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("PRAGMA temp_store = MEMORY")


def _prepare(connection: sqlite3.Connection, *, check: bool) -> None:
    (mode,) = connection.execute("PRAGMA journal_mode = WAL").fetchone()
    if mode != "wal":
        raise DatabaseUnavailableError(f"the file system of the data folder can't do WAL (journal: {mode})")
    connection.execute("PRAGMA synchronous = FULL")
    # Only F_FULLFSYNC survives a power cut on macOS; elsewhere these two do nothing.
    connection.execute("PRAGMA fullfsync = ON")
    connection.execute("PRAGMA checkpoint_fullfsync = ON")
    connection.execute(f"PRAGMA wal_autocheckpoint = {_CHECKPOINT_PAGES}")
    connection.execute(f"PRAGMA journal_size_limit = {_WAL_KEPT_BYTES}")
    if check:
        _check(connection)


def _check(connection: sqlite3.Connection) -> None:
    started = time.monotonic()
    (verdict,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    if verdict != "ok":
        raise DamagedDatabaseError(verdict)
    log.info("database_checked", seconds=round(time.monotonic() - started, 3))


def _migrate(connection: sqlite3.Connection, *, may: bool, up_to: int | None) -> None:
    """Apply what is missing, each step in a transaction of its own."""
    missing = migrations.pending(migrations.load(), _applied(connection))
    if missing and not may:
        raise SchemaBehindError([migration.label for migration in missing])
    if up_to is not None:
        missing = [migration for migration in missing if migration.number <= up_to]
    connection.execute(migrations.translate(migrations.LEDGER, migrations.SQLITE))
    for migration in missing:
        connection.execute("BEGIN IMMEDIATE")
        try:
            for statement in migration.statements(migrations.SQLITE):
                connection.execute(statement)
            connection.execute(
                "INSERT INTO schema_migrations (number, name, checksum, applied_at_ms) VALUES (?, ?, ?, ?)",
                (migration.number, migration.name, migration.checksum, time.time_ns() // 1_000_000),
            )
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise
        log.info("migration_applied", number=migration.number, name=migration.name)


def missing_in(connection: sqlite3.Connection) -> list[str]:
    """The migrations that a file lacks.

    Raises:
        MigrationError: see ``migrations.pending``.
    """
    return [migration.label for migration in migrations.pending(migrations.load(), _applied(connection))]


def _applied(connection: sqlite3.Connection) -> dict[int, str]:
    if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'schema_migrations'").fetchall():
        return {}
    return dict(connection.execute("SELECT number, checksum FROM schema_migrations").fetchall())


def _start_error(path: Path, error: BaseException) -> Exception | None:
    """What to say of a failed start; None: ``error`` says it already, or is a bug."""
    if isinstance(error, migrations.MigrationError):
        return DatabaseUnavailableError(f"the database {path} can't be used: {error}")
    if isinstance(error, DamagedDatabaseError):
        return _set_aside(path, str(error))
    if not isinstance(error, sqlite3.Error):
        return None
    mapped = port_error(error)
    if isinstance(mapped, DamagedDatabaseError):
        return _set_aside(path, str(error))
    return mapped if isinstance(mapped, StorageFullError) else _not_opened(path, error)


def _not_opened(path: Path, error: sqlite3.Error) -> DatabaseUnavailableError:
    return DatabaseUnavailableError(f"the database {path} can't be opened: {error}")


def _set_aside(path: Path, verdict: str) -> DamagedDatabaseError:
    """Copy a damaged file, with its log, before anything touches it again; the error that says so.

    Named by the time of the last change, so that starting again and again makes one copy only.
    """
    changed = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(path.stat().st_mtime))
    copy = path.with_name(f"{path.name}.damaged-{changed}")
    kept = f"A copy of it, as it was found, is {copy.name}."
    try:
        if not copy.exists():
            shutil.copy2(path, copy)
            log_file = path.with_name(f"{path.name}-wal")
            if log_file.exists() and log_file.stat().st_size:
                shutil.copy2(log_file, copy.with_name(f"{copy.name}-wal"))
    except OSError as failure:
        copy.unlink(missing_ok=True)
        kept = f"It could not be copied ({failure.strerror})."
    return DamagedDatabaseError(
        f"the database {path} is damaged ({verdict}). {kept} "
        f"Restore a backup in its place, or move it away to begin with an empty one."
    )
