"""Backups that an older Parley made."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from server.infra import migrations
from server.infra.crypto.identity import ServerIdentity
from server.infra.sqlite.database import SqliteDatabase
from server.kernel.database import Tx
from server.offline import missing_migrations, opened
from server.settings import DATABASE_FILE, Settings
from server.stores import choose_database
from server.transfer.archive import Manifest
from server.transfer.backup import backup, write_archive
from server.transfer.places import TransferError, started
from server.transfer.progress import Progress
from server.transfer.restore import restore, verify
from tests.integration.server.test_backup import embedded, standalone


@pytest.fixture(params=[embedded, standalone], ids=["sqlite", "postgres"])
async def target(request: pytest.FixtureRequest, tmp_path: Path) -> Settings:
    found: Settings = await request.param(tmp_path)
    return found


async def backup_of_a_version_before(
    file: Path, missing: int, rows: Callable[[Tx, str], Awaitable[None]], monkeypatch: pytest.MonkeyPatch
) -> Manifest:
    """Made by a Parley that knew so many migrations less."""
    folder = file.parent / "old"
    folder.mkdir()
    identity = ServerIdentity(folder / "identity.pem")
    known = migrations.load()[:-missing]
    with monkeypatch.context() as patch:
        patch.setattr("server.infra.migrations.load", lambda: known)
        patch.setattr("server.infra.migrations.tables.load", lambda: known)
        database = SqliteDatabase(folder / DATABASE_FILE)
        await database.start()
        try:
            await database.write(rows, identity.server_id)
            with Progress("backup", 0) as progress:
                pem = (folder / "identity.pem").read_bytes()
                return await write_archive(database, None, identity, file, pem=pem, progress=progress)
        finally:
            await database.stop()


async def test_a_backup_of_a_version_before_is_brought_up_to_date(
    target: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, everything = tmp_path / "a", migrations.load()
    before = await backup_of_a_version_before(file, 2, some_rows, monkeypatch)
    assert before.schema == len(everything) - 2
    await restore(target, file)
    after = await backup(target, tmp_path / "b")
    assert after.schema == len(everything)
    assert {name: table.rows for name, table in after.tables.items() if table.rows} == {"meta": 2, "users": 2}


async def some_rows(tx: Tx, server_id: str) -> None:
    await tx.execute("INSERT INTO meta (key, value) VALUES ('server_id', $1)", server_id)
    for number in range(2):
        name = f"n{number}"
        await tx.execute(
            "INSERT INTO users (id, username, username_key, display_name, display_key, about, password_hash, "
            "admin, account_seq, created_at_ms) VALUES ($1, $2, $2, $2, $2, '', '', 0, 0, 0)",
            bytes([number] * 16),
            name,
        )


async def rows_with_nul(tx: Tx, server_id: str) -> None:
    """As SQLite took them from clients once."""
    await some_rows(tx, server_id)
    user, room = bytes([0] * 16), bytes([9] * 16)
    for number, name in enumerate(("La\x00ptop", "\x00", "Phone")):
        await tx.execute(
            "INSERT INTO devices (id, user_id, name, created_at_ms, last_seen_at_ms, family_hash, "
            "current_hash) VALUES ($1, $2, $3, 0, 0, $1, $1)",
            bytes([number] * 16),
            user,
            name,
        )
    await tx.execute(
        "INSERT INTO rooms (id, kind, unique_key, title, topic, visibility, history, seq, msg_no, "
        "created_at_ms) VALUES ($1, 'group', $1, '', '', 'private', 'all', 0, 0, 0)",
        room,
    )
    for emoji in ("\U0001f44d", "\U0001f44d\x00"):
        await tx.execute(
            "INSERT INTO reactions (room_id, seq, emoji, user_id, at_seq) VALUES ($1, 1, $2, $3, 1)",
            room,
            emoji,
            user,
        )


async def test_texts_of_before_that_postgresql_does_not_keep_are_mended(
    target: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "a"
    before = await backup_of_a_version_before(file, 1, rows_with_nul, monkeypatch)
    assert verify(file) == before
    await restore(target, file)

    async def texts(tx: Tx) -> list[list[str]]:
        names = await tx.fetch("SELECT name FROM devices ORDER BY id")
        emojis = await tx.fetch("SELECT emoji FROM reactions")
        return [[row[0] for row in names], [row[0] for row in emojis]]

    async with opened(target) as database:
        assert await database.read(texts) == [["La", "", "Phone"], ["\U0001f44d"]]
    await backup(target, tmp_path / "b")


async def test_a_database_that_is_refused_is_not_migrated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "a"
    await backup_of_a_version_before(file, 1, some_rows, monkeypatch)
    target = await standalone(tmp_path)
    async with opened(target, migrate=True) as database:
        await database.write(some_rows, "another server")
        await database.write(_forget_last)
    missing = await missing_migrations(target)
    assert len(missing) == 1
    for replace in (False, True):
        with pytest.raises(TransferError, match="belongs to another server"):
            await restore(target, file, replace=replace)
        assert await missing_migrations(target) == missing
    async with started(choose_database(target, as_is=True)) as database:
        await database.write(_disown)
    with pytest.raises(TransferError, match="--replace"):
        await restore(target, file)
    assert await missing_migrations(target) == missing
    await restore(target, file, replace=True)
    assert await missing_migrations(target) == []


async def _forget_last(tx: Tx) -> None:
    # What it did is done again without harm.
    await tx.execute("DELETE FROM schema_migrations WHERE number = 7")


async def _disown(tx: Tx) -> None:
    await tx.execute("DELETE FROM meta")
