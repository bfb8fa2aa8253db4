from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest

from server.infra import migrations
from server.infra.folder_lock import FolderInUseError, FolderNotWritableError
from server.infra.sqlite.database import SqliteDatabase
from server.kernel.database import (
    DamagedDatabaseError,
    DatabaseUnavailableError,
    Tx,
)

PUT = "INSERT INTO meta (key, value) VALUES ($1, $2)"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "parley.db"


@pytest.fixture
async def database(path: Path) -> AsyncIterator[SqliteDatabase]:
    opened = SqliteDatabase(path)
    await opened.start()
    yield opened
    await opened.stop()


async def put(tx: Tx, key: str, value: str = "v") -> None:
    await tx.execute(PUT, key, value)


async def keys(tx: Tx) -> list[str]:
    return [row[0] for row in await tx.fetch("SELECT key FROM meta ORDER BY key")]


async def make(path: Path, *, rows: int = 0) -> None:
    """A database file with some pages in it, closed."""
    database = SqliteDatabase(path)
    await database.start()

    async def body(tx: Tx) -> None:
        await tx.execute_many(PUT, [(f"{n:06}", "x" * 200) for n in range(rows)])

    await database.write(body)
    await database.stop()


async def test_two_servers_never_open_one_folder(database: SqliteDatabase, path: Path) -> None:
    second = SqliteDatabase(path)
    with pytest.raises(FolderInUseError, match="another Parley server is using"):
        await second.start()
    await database.write(put, "a")
    await database.stop()
    await second.start()
    assert await second.read(keys) == ["a"]
    await second.stop()


async def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    folder = tmp_path / "file" / "data"
    with pytest.raises(FolderNotWritableError) as refusal:
        await SqliteDatabase(folder / "parley.db").start()
    assert str(folder) in refusal.value.message


async def test_stop_without_start_and_twice_is_fine(path: Path) -> None:
    database = SqliteDatabase(path)
    await database.stop()
    await database.start()
    await database.stop()
    await database.stop()
    await database.start()
    await database.write(put, "a")
    await database.stop()


def _expect_damaged(path: Path) -> None:
    before = path.read_bytes()
    message = ""
    for _ in range(2):
        with pytest.raises(DamagedDatabaseError) as found:
            asyncio.run(SqliteDatabase(path).start())
        message = str(found.value)
    assert path.read_bytes() == before
    copies = list(path.parent.glob("parley.db.damaged-*"))
    assert [copy.read_bytes() for copy in copies] == [before]
    assert str(path) in message
    assert copies[0].name in message
    assert "Restore a backup" in message


def test_a_file_that_is_no_database_is_kept_and_named(path: Path) -> None:
    path.parent.mkdir(parents=True)
    path.write_bytes(b"this was never a database" * 1_000)
    _expect_damaged(path)


@pytest.mark.parametrize("page", [1, 3, 9])
def test_an_overwritten_page_is_found_at_start(path: Path, page: int) -> None:
    asyncio.run(make(path, rows=2_000))
    with path.open("r+b") as file:
        file.seek(page * 4_096)
        file.write(b"\xde\xad\xbe\xef" * 1_024)
    _expect_damaged(path)


def test_a_truncated_file_is_found_at_start(path: Path) -> None:
    asyncio.run(make(path, rows=2_000))
    with path.open("r+b") as file:
        file.truncate(path.stat().st_size // 2)
    _expect_damaged(path)


def test_a_newer_database_is_refused_in_plain_words(path: Path) -> None:
    asyncio.run(make(path))
    newer = len(migrations.load()) + 1
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("INSERT INTO schema_migrations VALUES (?, 'later', 'c', 0)", (newer,))
        connection.commit()
    before = path.read_bytes()
    with pytest.raises(DatabaseUnavailableError, match="newer Parley") as refusal:
        asyncio.run(SqliteDatabase(path).start())
    assert "install the newer version" in refusal.value.message
    assert path.read_bytes() == before


async def test_a_migration_that_was_edited_later_is_noticed(path: Path) -> None:
    await make(path)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("UPDATE schema_migrations SET checksum = 'another' WHERE number = 1")
        connection.commit()
    with pytest.raises(DatabaseUnavailableError, match="migration 1 is not the one"):
        await SqliteDatabase(path).start()


async def test_the_ledger_says_what_was_applied(database: SqliteDatabase) -> None:
    async def applied(tx: Tx) -> list[tuple[int, str, str]]:
        rows = await tx.fetch("SELECT number, name, checksum FROM schema_migrations ORDER BY number")
        return [(row[0], row[1], row[2]) for row in rows]

    known = [(migration.number, migration.name, migration.checksum) for migration in migrations.load()]
    assert await database.read(applied) == known
