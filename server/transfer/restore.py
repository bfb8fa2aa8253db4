"""A backup put back: verified before anything is changed, and all of it or nothing."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Final

from server.infra import migrations
from server.infra.crypto.identity import ServerIdentity
from server.infra.crypto.keyfiles import put_key
from server.infra.durable import rename_durably
from server.infra.folder_blobs import FolderBlobs
from server.infra.folder_lock import FolderLock
from server.infra.migrations.tables import Table
from server.infra.sqlite.database import BUILT, SqliteDatabase
from server.kernel.database import DamagedDatabaseError, IntegrityError, Tx
from server.kernel.meta import INCOMPLETE, owner, renew_history_epoch, set_fact
from server.settings import BLOBS_FOLDER, DATABASE_FILE, Settings
from server.stores import choose_database
from server.transfer.archive import Manifest, Reader
from server.transfer.backup import write_archive
from server.transfer.places import (
    STATEMENT_TIMEOUT_S,
    TransferError,
    check_identity,
    looked_at,
    refuse_another,
    started,
)
from server.transfer.progress import Progress
from server.transfer.rows import BLOBS, Carried, Summary, any_rows, empty

_BUILT: Final = f"{DATABASE_FILE}{BUILT}"
_UNFINISHED: Final = "a restore into this database has not ended: run parley-server restore again"
_LOGS: Final = ("-wal", "-shm")


def verify(file: Path) -> Manifest:
    """Read all of a backup.

    Raises:
        ArchiveError: it can't be restored; says why.
        OSError: it can't be read.
    """
    with Reader(file) as reader:
        with Progress("verify", _total(reader.manifest)) as progress:
            reader.verify(progress)
        return reader.manifest


async def restore(settings: Settings, file: Path, *, replace: bool = False) -> Manifest:
    """Make these data what the backup says; the history's epoch is new, so that clients drop their caches.

    A crash leaves what was there before; where nothing was, no server starts until it is run again. No
    server may run on them.

    Raises:
        ArchiveError: the file can't be restored; nothing was changed.
        TransferError: there are data already, and not to ``replace``; another server's identity key.
        DatabaseUnavailableError: the database can't be used.
    """
    manifest = verify(file)
    has_key = check_identity(settings.identity_path, manifest.server_id)
    check = partial(_check_target, server_id=manifest.server_id, replace=replace)
    if settings.standalone:
        # Before it is migrated: one that is refused stays as it is, for a server of an older version too.
        await looked_at(settings, check)
    with Reader(file) as reader:
        pem = None if has_key else reader.identity()
    try:
        async with _of_today(file, settings) as today:
            with Reader(today) as reader:
                if settings.standalone:
                    await _into_database(settings, reader, pem, check)
                else:
                    await _into_folder(settings, reader, pem, replace=replace)
    except IntegrityError as problem:
        raise TransferError(f"{file} contradicts itself; nothing was changed: {problem}") from problem
    return manifest


@contextlib.asynccontextmanager
async def _of_today(file: Path, settings: Settings) -> AsyncIterator[Path]:
    """The file, or one of this version's schema made of it: SQLite is filled, and migrates."""
    with Reader(file) as reader:
        schema = reader.manifest.schema
        if schema == len(migrations.load()):
            yield file
            return
        settings.data.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix="upgrade-", dir=settings.data) as folder:
            path = Path(folder) / DATABASE_FILE
            with Progress("upgrade", _total(reader.manifest)) as progress:
                async with started(SqliteDatabase(path, up_to=schema)) as before:
                    await before.write(_fill, reader, reader.tables, progress)
            passing = ServerIdentity(Path(folder) / "passing.pem")
            async with started(SqliteDatabase(path)) as migrated:
                upgraded = Path(folder) / "upgraded"
                with Progress("upgrade", _total(reader.manifest)) as progress:
                    # Nobody but the next lines ever sees it: it is signed by a key made for that.
                    await write_archive(migrated, None, passing, upgraded, pem=None, progress=progress)
            yield upgraded


async def _into_database(
    settings: Settings, reader: Reader, pem: bytes | None, check: Callable[[Tx], Awaitable[bool]]
) -> None:
    database = choose_database(settings, migrate=True, statement_timeout_s=STATEMENT_TIMEOUT_S)
    async with started(database):
        if await database.read(check):
            await database.write(set_fact, INCOMPLETE, _UNFINISHED)
        _put_identity(settings.identity_path, pem)
        with Progress("restore", _total(reader.manifest)) as progress:
            # All in one transaction: a crash leaves what was there before.
            await database.write(_replace, reader, reader.tables, progress)


async def _check_target(
    tx: Tx, known: Sequence[Table] | None = None, *, server_id: str, replace: bool
) -> bool:
    """Whether it is empty.

    Raises:
        TransferError: it is not, and is not to be replaced; or it is another server's, which it stays.
    """
    refuse_another(await owner(tx), server_id)
    empty_yet = not await any_rows(tx, known)
    if not empty_yet and not replace:
        raise TransferError("the database is not empty: --replace deletes what is in it")
    return empty_yet


async def _into_folder(settings: Settings, reader: Reader, pem: bytes | None, *, replace: bool) -> None:
    path = settings.data / DATABASE_FILE
    lock = FolderLock(settings.data)
    lock.acquire()
    try:
        if path.exists():
            if not replace:
                raise TransferError(f"there is a server in {settings.data} already: --replace deletes it")
            await _fold_log(path)
        built = settings.data / _BUILT
        _remove(built)
        # Seen by whoever starts a server here: see ``SqliteDatabase``.
        built.touch()
        _put_identity(settings.identity_path, pem)
        tables = [table for table in reader.tables if table.name != BLOBS]
        with Progress("restore", _total(reader.manifest)) as progress:
            async with started(SqliteDatabase(built, lock=False)) as database:
                await database.write(_replace, reader, tables, progress)
            keys = await _put_blobs(settings, reader, progress)
        # The log of the file before would be taken for the new one's.
        for suffix in _LOGS:
            path.with_name(path.name + suffix).unlink(missing_ok=True)
        rename_durably(built, path)
        await _remove_other_blobs(settings, keys)
    finally:
        lock.release()


async def _fold_log(path: Path) -> None:
    """Into the file that is to be replaced: until the new one has its name, the old one is whole.

    A damaged one can't be: the check at its start makes a copy of it, with its log.
    """
    with contextlib.suppress(DamagedDatabaseError):
        async with started(SqliteDatabase(path, lock=False)):
            pass


async def _replace(tx: Tx, reader: Reader, tables: Sequence[Carried], progress: Progress) -> None:
    await empty(tx)
    await _fill(tx, reader, tables, progress)
    await renew_history_epoch(tx)


async def _fill(
    tx: Tx, reader: Reader, tables: Sequence[Carried], progress: Callable[[str, int], None]
) -> None:
    """And compare: what the database gives back is what the manifest says."""
    for table in tables:
        for rows in reader.pages(table):
            await tx.execute_many(table.insert, rows)
            progress(table.name, len(rows))
        expected = reader.manifest.tables[table.name]
        if await table.summary(tx) != Summary(expected.rows, expected.sha256):
            raise TransferError(f"the table {table.name} is not what was written to it; nothing was changed")


async def _put_blobs(settings: Settings, reader: Reader, progress: Progress) -> set[str]:
    """Beside those that are there: a key's content never changes. The keys."""
    blobs = FolderBlobs(settings.data / BLOBS_FOLDER)
    await blobs.start()
    keys = set[str]()
    table = next(table for table in reader.tables if table.name == BLOBS)
    for rows in reader.pages(table):
        for key, data in rows:
            await blobs.put(key, data)
            keys.add(key)
        progress(BLOBS, len(rows))
    return keys


async def _remove_other_blobs(settings: Settings, keys: set[str]) -> None:
    blobs = FolderBlobs(settings.data / BLOBS_FOLDER)
    for key in await blobs.keys():
        if key not in keys:
            await blobs.delete(key)


def _put_identity(path: Path, pem: bytes | None) -> None:
    """Before the data: those without their key would make the next start invent another."""
    if pem is not None:
        put_key(path, pem)


def _remove(path: Path) -> None:
    for suffix in ("", *_LOGS):
        path.with_name(path.name + suffix).unlink(missing_ok=True)


def _total(manifest: Manifest) -> int:
    return sum(table.rows for table in manifest.tables.values())
