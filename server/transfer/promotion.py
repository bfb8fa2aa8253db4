"""Embedded data carried to PostgreSQL: the same server, at another place.

A table is copied a page a transaction, with how far it came beside it, so a promotion that was killed goes
on. What counts is the comparison at the end: every table of both sides, as lines. Only when all are equal
the old data are marked as moved, and only then the new ones may be served: never both.
"""

from __future__ import annotations

import bisect
import contextlib
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

import msgspec

from server.infra.crypto.identity import ServerIdentity
from server.infra.crypto.keyfiles import put_key
from server.infra.folder_blobs import FolderBlobs
from server.infra.migrations.tables import Table
from server.infra.sqlite.database import SqliteDatabase
from server.kernel.database import Database, Row, Tx, UnstorableTextError
from server.kernel.meta import INCOMPLETE, MOVED_TO, claim, fact, forget_fact, owner, set_fact
from server.settings import BLOBS_FOLDER, DATABASE_FILE, IDENTITY_FILE, KEYS_FOLDER, Settings
from server.stores import choose_database
from server.transfer.places import (
    STATEMENT_TIMEOUT_S,
    TransferError,
    check_identity,
    looked_at,
    refuse_another,
    started,
)
from server.transfer.progress import Progress
from server.transfer.rows import BLOBS, META, USERS, Carried, Digest, Summary, carried, empty

_UNFINISHED: Final = "a promotion into this database has not ended: run parley-server promote again"
_PLACE: Final = "local.promotion"
"""In the target: how far it came, and from which server."""


class _Place(msgspec.Struct, frozen=True, kw_only=True):
    """Where a promotion stands: all of ``table`` up to ``after``, and all tables before it."""

    server_id: str
    table: str = ""
    after: str | None = None
    done: bool = False


@dataclass(frozen=True, slots=True)
class Compared:
    """A table on both sides; ``target`` is None where nothing was compared."""

    name: str
    source: Summary
    target: Summary | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a promotion found and did. ``again``: it had ended before."""

    server_id: str
    tables: Sequence[Compared]
    again: bool = False
    dry: bool = False


@dataclass(frozen=True, slots=True)
class _Source:
    database: Database
    blobs: FolderBlobs
    blob_keys: Sequence[str]
    """Sorted. Nobody writes meanwhile."""
    key_file: Path
    server_id: str

    async def page(
        self, table: Carried, after: tuple[Any, ...] | None
    ) -> tuple[list[Row], tuple[Any, ...] | None]:
        """As ``Carried.page``; the blobs are those of the folder."""
        if table.name != BLOBS:
            return await self.database.read(table.page, after)
        start = 0 if after is None else bisect.bisect_right(self.blob_keys, after[0])
        keys = self.blob_keys[start : start + table.page_rows]
        rows: list[Row] = []
        for key in keys:
            data = await self.blobs.get(key)
            if data is not None:
                rows.append((key, data))
        return rows, (keys[-1],) if len(keys) == table.page_rows else None

    async def summary(
        self, table: Carried, seen: Callable[[int], None], *, until: tuple[Any, ...] | None = None
    ) -> Summary:
        """Of all rows, or of those up to a key."""
        digest = Digest()
        after: tuple[Any, ...] | None = None
        while True:
            rows, after = await self.page(table, after)
            if until is not None:
                rows = [row for row in rows if table.key_of(row) <= until]
            digest.add(table.lines(rows), len(rows))
            seen(len(rows))
            if after is None or (until is not None and after >= until):
                return digest.summary

    async def count(self, table: Carried) -> int:
        if table.name == BLOBS:
            return len(self.blob_keys)
        return await self.database.read(table.count)


async def promote(
    folder: Path,
    settings: Settings,
    *,
    url: str,
    dry_run: bool = False,
    anew: bool = False,
    close: bool = False,
) -> Outcome:
    """Carry the server in ``folder`` to the database of ``settings``; ``url`` is where it will be reached.

    ``anew``: also one that moved before, to a database that has nothing of it. ``close``: also close a folder
    that is not the one whose data are there already.

    Raises:
        TransferError: why not, or that both sides are not equal in the end.
        FileNotFoundError: there is no server in the folder.
        DatabaseUnavailableError: a server runs on the folder, or PostgreSQL can't be reached.
    """
    if not settings.standalone:
        raise TransferError("the target needs PostgreSQL: give --database-url, or a file that has it")
    key_file = _key_file(folder, settings)
    server_id = ServerIdentity(key_file).server_id
    has_key = check_identity(settings.identity_path, server_id)
    # Before either side is migrated: what is refused stays as it is, for a server of an older version too.
    place = await looked_at(settings, partial(_place_of, server_id=server_id))
    async with _source(folder, key_file, server_id, migrate=not dry_run) as source:
        moved = await source.database.read(fact, MOVED_TO)
        _check_moved(folder, moved, place, anew=anew, close=close)
        if dry_run:
            return await _tell(source)
        if place is not None and place.done:
            await source.database.write(set_fact, MOVED_TO, url)
            return Outcome(server_id=server_id, tables=(), again=True)
        target = choose_database(settings, migrate=True, statement_timeout_s=STATEMENT_TIMEOUT_S)
        async with started(target):
            if not has_key:
                put_key(settings.identity_path, source.key_file.read_bytes())
            return await _carry(source, target, place, url)


def _check_moved(folder: Path, moved: str | None, place: _Place | None, *, anew: bool, close: bool) -> None:
    """Whether what the source says of itself fits what the target says.

    Raises:
        TransferError: it does not.
    """
    if moved is not None and place is None and not anew:
        raise TransferError(f"it moved to {moved} already, and this database has nothing of it: --anew")
    if moved is None and place is not None and place.done and not close:
        raise TransferError(
            f"this server was promoted to this database before, and {folder} is not what was carried: a "
            "copy, or a backup that was put back. What was written in it since is not in the database. "
            "--close closes it all the same"
        )


def _key_file(folder: Path, settings: Settings) -> Path:
    """The source's identity key: in its folder, or where the target's is said to be."""
    if not (folder / DATABASE_FILE).exists():
        raise FileNotFoundError(f"there is no server in {folder}: {DATABASE_FILE} is missing")
    places = (folder / KEYS_FOLDER / IDENTITY_FILE, settings.identity_path)
    for place in places:
        if place.exists():
            return place
    raise FileNotFoundError(
        f"the identity key of the server in {folder} is neither at {places[0]} nor at {places[1]}: give "
        "--identity-file"
    )


@contextlib.asynccontextmanager
async def _source(folder: Path, key_file: Path, server_id: str, *, migrate: bool) -> AsyncIterator[_Source]:
    async with started(SqliteDatabase(folder / DATABASE_FILE, migrate=migrate)) as database:
        found = await database.read(owner)
        if found != server_id:
            raise TransferError(f"the data in {folder} and its identity key are not of the same server")
        blobs = FolderBlobs(folder / BLOBS_FOLDER)
        yield _Source(database, blobs, await blobs.keys(), key_file, server_id)


async def _tell(source: _Source) -> Outcome:
    """What would be carried; changes nothing."""
    tables = carried()
    found = []
    with Progress("read", sum([await source.count(table) for table in tables])) as progress:
        for table in tables:
            summary = await source.summary(table, lambda rows, name=table.name: progress(name, rows))  # type: ignore[misc]  # a default binds the loop variable
            found.append(Compared(table.name, summary, None))
    return Outcome(server_id=source.server_id, tables=found, dry=True)


async def _place_of(tx: Tx, known: Sequence[Table] | None = None, *, server_id: str) -> _Place | None:
    """Where an earlier promotion of this server stands; None: the target has no account yet.

    Raises:
        TransferError: the target is somebody else's or in use.
    """
    text = await fact(tx, _PLACE)
    place = None if text is None else msgspec.json.decode(text, type=_Place)
    refuse_another((await owner(tx)) if place is None else place.server_id, server_id)
    has_users = known is None or any(table.name == USERS for table in known)
    if place is None and has_users and await tx.fetch_one(f"SELECT 1 FROM {USERS} LIMIT 1") is not None:
        raise TransferError("the database is in use already: it has accounts. Give an empty one")
    return place


async def _carry(source: _Source, target: Database, place: _Place | None, url: str) -> Outcome:
    tables = carried()
    total = sum([await source.count(table) for table in tables])
    if place is not None:
        # Somebody may have used the old server since: then what was copied is old.
        place = await _still_good(source, target, tables, place)
    if place is None:
        place = _Place(server_id=source.server_id)
        await target.write(_begin, place)
    with Progress("copy", total) as progress:
        await _copy(source, target, tables, place, progress)
    with Progress("compare", total) as progress:
        compared = [await _compare(source, target, table, progress) for table in tables]
    unequal = [each.name for each in compared if each.source != each.target]
    if unequal:
        await target.write(_begin, _Place(server_id=source.server_id))
        raise TransferError(f"not equal: {', '.join(unequal)}. Nothing has moved; run it again")
    # In this order: a crash between the two leaves both closed, and running it again ends it.
    await source.database.write(set_fact, MOVED_TO, url)
    await target.write(_end, source.server_id)
    return Outcome(server_id=source.server_id, tables=compared)


async def _still_good(
    source: _Source, target: Database, tables: Sequence[Carried], place: _Place
) -> _Place | None:
    """``place``, if what was copied is what is there now."""
    begun = tables[: 1 + _number(tables, place)] if place.table else []
    with Progress("check", 0) as progress:
        for table in begun:
            last = table.name == place.table and place.after is not None
            until = table.key_from(place.after or "") if last else None
            compared = await _compare(source, target, table, progress, until=until)
            if compared.source != compared.target:
                return None
    return place


def _number(tables: Sequence[Carried], place: _Place) -> int:
    return [table.name for table in tables].index(place.table) if place.table else 0


async def _copy(
    source: _Source, target: Database, tables: Sequence[Carried], place: _Place, progress: Progress
) -> None:
    for table in tables[_number(tables, place) :]:
        after: tuple[Any, ...] | None = None
        if table.name == place.table and place.after is not None:
            after = table.key_from(place.after)
        while True:
            rows, last = await source.page(table, after)
            key = after if not rows else table.key_of(rows[-1])
            stand = _Place(
                server_id=source.server_id,
                table=table.name,
                after=None if key is None else table.key_text(last or key),
            )
            try:
                await target.write(_put, table, rows, stand)
            except UnstorableTextError as problem:
                raise TransferError(
                    f"the table {table.name} holds a text that PostgreSQL does not keep; nothing has moved"
                ) from problem
            progress(table.name, len(rows))
            if last is None:
                break
            after = last


async def _put(tx: Tx, table: Carried, rows: Sequence[Row], stand: _Place) -> None:
    if table.name == META:
        # The target was claimed when it began, in the same words.
        keys = [row[0] for row in rows]
        await tx.execute("DELETE FROM meta WHERE key IN $1", keys)
    await tx.execute_many(table.insert, rows)
    await set_fact(tx, _PLACE, msgspec.json.encode(stand).decode())


async def _begin(tx: Tx, place: _Place) -> None:
    await empty(tx)
    await claim(tx, place.server_id)
    await set_fact(tx, INCOMPLETE, _UNFINISHED)
    await set_fact(tx, _PLACE, msgspec.json.encode(place).decode())


async def _end(tx: Tx, server_id: str) -> None:
    await set_fact(tx, _PLACE, msgspec.json.encode(_Place(server_id=server_id, done=True)).decode())
    await forget_fact(tx, INCOMPLETE)


async def _compare(
    source: _Source,
    target: Database,
    table: Carried,
    progress: Progress,
    *,
    until: tuple[Any, ...] | None = None,
) -> Compared:
    here = await source.summary(table, lambda rows: progress(table.name, rows), until=until)
    return Compared(table.name, here, await target.read(table.summary))
