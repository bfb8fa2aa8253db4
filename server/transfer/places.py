"""Where a server's data lie, and what belongs to them beside the database."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from pathlib import Path
from typing import Final, TypeVar

from common.ids import short_key
from server.infra import migrations
from server.infra.crypto.identity import ServerIdentity
from server.infra.folder_blobs import FolderBlobs
from server.infra.migrations.tables import Table, tables
from server.infra.sqlite.snapshots import SqliteSnapshots
from server.kernel.database import Database, Row, SchemaBehindError, Tx
from server.kernel.failures import OperatorError
from server.settings import BLOBS_FOLDER, DATABASE_FILE, Settings
from server.stores import choose_database

T = TypeVar("T")

STATEMENT_TIMEOUT_S: Final = 3_600.0
"""Counting or deleting a large table takes its time."""


class TransferError(OperatorError):
    """Why data were not carried; says what to do."""


def identity_of(settings: Settings) -> ServerIdentity:
    """The server's own.

    Raises:
        FileNotFoundError: there is no key where it should be.
    """
    path = settings.identity_path
    if not path.exists():
        raise FileNotFoundError(f"there is no identity key at {path}: give --identity-file")
    return ServerIdentity(path)


def folder_blobs(settings: Settings) -> FolderBlobs | None:
    """The blobs that are not in the database."""
    return None if settings.standalone else FolderBlobs(settings.data / BLOBS_FOLDER)


@contextlib.asynccontextmanager
async def started(database: Database) -> AsyncIterator[Database]:
    """Open for as long as the block."""
    await database.start()
    try:
        yield database
    finally:
        await database.stop()


def readable(settings: Settings) -> Database:
    """The database as it is, beside a server that may run."""
    if not settings.standalone:
        return SqliteSnapshots(settings.data / DATABASE_FILE)
    return choose_database(settings, migrate=False, statement_timeout_s=STATEMENT_TIMEOUT_S)


async def looked_at(settings: Settings, look: Callable[[Tx, Sequence[Table]], Awaitable[T]]) -> T | None:
    """What ``look`` finds in a PostgreSQL before anything is changed in it; None where nothing was ever made.

    It is told which tables there are, for the schema may be an older one.

    Raises:
        DatabaseUnavailableError: it can't be reached, or a newer Parley wrote it.
    """
    steps, missing = migrations.load(), 0
    try:
        async with started(choose_database(settings, migrate=False)) as database:
            return await database.read(look, tables(steps))
    except SchemaBehindError as behind:
        missing = len(behind.missing)
    if missing == len(steps):
        return None
    async with started(choose_database(settings, as_is=True)) as database:
        return await database.read(look, tables(steps[:-missing]))


def refuse_another(found: str | None, server_id: str) -> None:
    """Whose a database is that another server's data are to go to.

    Raises:
        TransferError: another server's.
    """
    if found is not None and found != server_id:
        raise TransferError(
            f"the database belongs to another server ({short_key(found)}, not {short_key(server_id)})"
        )


async def each_blob(blobs: FolderBlobs, use: Callable[[Row], None]) -> None:
    """All that are there, in order."""
    for key in await blobs.keys():
        data = await blobs.get(key)
        if data is not None:
            use((key, data))


def check_identity(path: Path, server_id: str) -> bool:
    """Whether a server's key lies there; nothing there is fine.

    Raises:
        TransferError: another server's does.
    """
    if not path.exists():
        return False
    found = ServerIdentity(path).server_id
    if found != server_id:
        raise TransferError(
            f"{path} is the identity key of another server ({short_key(found)}, not {short_key(server_id)}): "
            "move it away, or give --identity-file"
        )
    return True
