"""Backup and restore, embedded and on PostgreSQL."""

from __future__ import annotations

import asyncio
import json
import random
import shutil
import sqlite3
import subprocess
import sys
import zipfile
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from common.ids import short_key
from server.bootstrap import Server
from server.infra.crypto.identity import ServerIdentity
from server.kernel.database import DatabaseUnavailableError, Tx
from server.kernel.failures import OperatorError
from server.kernel.meta import check_whole, fact
from server.offline import opened
from server.settings import DATABASE_FILE, Settings
from server.transfer.archive import ArchiveError, Manifest
from server.transfer.backup import backup
from server.transfer.places import TransferError
from server.transfer.restore import restore, verify
from tests.integration.server.test_commands import command
from tests.support.crashing import CRASHED
from tests.support.lived_in import UNLIMITED, Lived, histories, live_in
from tests.support.stores import postgres_url


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Lived:
    return asyncio.run(live_in(tmp_path_factory.mktemp("lived") / "data"))


@pytest.fixture
def lived(made: Lived, tmp_path: Path) -> Settings:
    """A copy of the server's folder, to be changed."""
    folder = tmp_path / "lived"
    shutil.copytree(made.folder, folder)
    return Settings(data=folder, port=0, limits=UNLIMITED)


async def embedded(folder: Path) -> Settings:
    return Settings(data=folder / "other", port=0, limits=UNLIMITED)


async def standalone(folder: Path) -> Settings:
    return Settings(data=folder / "other", database_url=await postgres_url(folder))


@pytest.fixture(params=[embedded, standalone], ids=["sqlite", "postgres"])
async def target(request: pytest.FixtureRequest, tmp_path: Path) -> Settings:
    found: Settings = await request.param(tmp_path)
    return found


def sums(manifest: Manifest) -> dict[str, str]:
    """Without the facts, among which is the epoch."""
    return {name: table.sha256 for name, table in manifest.tables.items() if name != "meta"}


async def epoch(settings: Settings) -> str | None:
    async with opened(settings) as database:
        return await database.read(fact, "history_epoch")


async def test_there_and_back_every_table_is_equal(lived: Settings, target: Settings, tmp_path: Path) -> None:
    first = await backup(lived, tmp_path / "a", with_keys=True)
    for name in ("users", "devices", "members", "messages", "events", "reactions", "mentions", "invites",
                 "reset_codes", "account_events", "token_keys", "blobs", "meta"):  # fmt: skip
        assert first.tables[name].rows, name
    assert verify(tmp_path / "a") == first
    await restore(target, tmp_path / "a")
    assert target.identity_path.read_bytes() == lived.identity_path.read_bytes()
    second = await backup(target, tmp_path / "b")
    assert sums(second) == sums(first)
    assert second.identity_sha256 is None
    assert await epoch(target) not in {None, await epoch(lived)}
    # And back to where it came from.
    await restore(lived, tmp_path / "b", replace=True)
    third = await backup(lived, tmp_path / "c")
    assert sums(third) == sums(first)
    assert third.tables["meta"].rows == first.tables["meta"].rows


async def test_a_restored_server_has_the_history_and_the_sessions(
    lived: Settings, made: Lived, tmp_path: Path
) -> None:
    target = await embedded(tmp_path)
    server = Server(lived)
    await server.start()
    try:
        before = await histories(server.url, made, made.people)
        # While it runs, and somebody writes.
        await backup(lived, tmp_path / "a", with_keys=True)
    finally:
        await server.stop()
    await restore(target, tmp_path / "a")
    again = Server(target)
    await again.start()
    try:
        assert again.server_id == made.server_id
        assert await histories(again.url, made, made.people) == before
    finally:
        await again.stop()


async def test_what_was_replaced_leaves_nothing(lived: Settings, target: Settings, tmp_path: Path) -> None:
    await backup(lived, tmp_path / "a", with_keys=True)
    await restore(target, tmp_path / "a")
    await change(target)
    if not target.standalone:
        (target.data / "blobs" / "avatars" / "another.blob").write_bytes(b"x")
    with pytest.raises(TransferError, match="--replace"):
        await restore(target, tmp_path / "a")
    assert await changed(target)
    await restore(target, tmp_path / "a", replace=True)
    assert not await changed(target)
    assert sums(await backup(target, tmp_path / "b")) == sums(verify(tmp_path / "a"))


async def change(settings: Settings) -> None:
    async def body(tx: Tx) -> None:
        await tx.execute("UPDATE users SET about = 'changed'")

    async with opened(settings) as database:
        await database.write(body)


async def changed(settings: Settings) -> bool:
    async def body(tx: Tx) -> bool:
        return await tx.fetch_one("SELECT 1 FROM users WHERE about = 'changed'") is not None

    async with opened(settings) as database:
        return await database.read(body)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    # In the middle of the longest member.
    with zipfile.ZipFile(path) as archive:
        longest = max(archive.infolist(), key=lambda info: info.compress_size)
    data[longest.header_offset + longest.compress_size // 2 + 100] ^= 0xFF
    path.write_bytes(data)


def rewrite(path: Path, changes: dict[str, Callable[[bytes], bytes]]) -> None:
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    for name, change in changes.items():
        members[name] = change(members[name])
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)


def another_row(path: Path) -> None:
    rewrite(path, {"tables/users.jsonl": lambda data: data.replace(b'"Ada"', b'"Eve"')})


def another_manifest(path: Path) -> None:
    def change(data: bytes) -> bytes:
        manifest = json.loads(data)
        manifest["made_at_ms"] += 1
        return json.dumps(manifest).encode()

    rewrite(path, {"manifest.json": change})


def a_newer_one(path: Path) -> None:
    def change(data: bytes) -> bytes:
        manifest = json.loads(data)
        manifest["schema"] = 999
        return json.dumps(manifest).encode()

    rewrite(path, {"manifest.json": change})


def nothing(path: Path) -> None:
    path.write_bytes(b"")


def a_picture(path: Path) -> None:
    path.write_bytes(b"\x89PNG" + b"x" * 1_000)


@pytest.mark.parametrize(
    ("harm", "said"),
    [
        (cut, "no backup of Parley, or it is cut off"),
        (nothing, "no backup of Parley"),
        (a_picture, "no backup of Parley"),
        (flip, "damaged"),
        (another_row, "the table users is damaged"),
        (another_manifest, "it was changed"),
        (a_newer_one, "newer Parley"),
    ],
)
async def test_a_file_that_is_not_whole_changes_nothing(
    lived: Settings, tmp_path: Path, harm: Callable[[Path], None], said: str
) -> None:
    file = tmp_path / "a"
    await backup(lived, file, with_keys=True)
    await change(lived)
    harm(file)
    with pytest.raises(ArchiveError, match=said) as problem:
        await restore(lived, file, replace=True)
    assert "\n" not in str(problem.value)
    assert await changed(lived)
    target = await embedded(tmp_path)
    with pytest.raises(ArchiveError):
        await restore(target, file)
    assert not target.data.exists()


async def test_a_cut_at_any_place_is_noticed(lived: Settings, tmp_path: Path) -> None:
    file, part = tmp_path / "a", tmp_path / "part"
    await backup(lived, file)
    data = file.read_bytes()
    for size in range(0, len(data), max(1, len(data) // 60)):
        part.write_bytes(data[:size])
        with pytest.raises(ArchiveError):
            verify(part)


async def test_another_servers_key_stops_it(lived: Settings, tmp_path: Path) -> None:
    await backup(lived, tmp_path / "a", with_keys=True)
    target = await embedded(tmp_path)
    ServerIdentity(target.identity_path)
    with pytest.raises(TransferError, match="another server"):
        await restore(target, tmp_path / "a")
    assert not (target.data / DATABASE_FILE).exists()


async def test_what_could_not_be_restored_is_no_backup(lived: Settings, tmp_path: Path) -> None:
    file = tmp_path / "a"
    before = await backup(lived, file)

    async def spoil(tx: Tx) -> None:
        await tx.execute("UPDATE devices SET name = $1", "a\x00b")

    async with opened(lived) as database:
        await database.write(spoil)
    with pytest.raises(ArchiveError, match=r"no backup was made: read back.*the table devices") as problem:
        await backup(lived, file)
    assert "\n" not in str(problem.value)
    assert verify(file) == before
    assert not file.with_name("a.part").exists()


def crash(steps: int, target: Settings, file: Path) -> int:
    words = ["restore", str(file), "--replace", "--data", str(target.data)]
    words += ["--database-url", target.database_url] if target.standalone else []
    line = [sys.executable, "-m", "tests.support.crashing", str(steps), *words]
    return subprocess.run(line, check=False, capture_output=True).returncode


@pytest.mark.kills
async def test_a_restore_that_is_killed_leaves_the_old_or_the_new(
    lived: Settings, target: Settings, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    seed = random.randrange(2**32)
    request.node.add_report_section("call", "seed", str(seed))
    chance = random.Random(seed)
    rounds = max(3, int(request.config.getoption("--kills")) // 8)
    old = sums(await backup(lived, tmp_path / "old", with_keys=True))
    await change(lived)
    new = sums(await backup(lived, tmp_path / "new"))
    await restore(target, tmp_path / "old")
    files, is_new = [tmp_path / "new", tmp_path / "old"], False
    for number in range(rounds):
        ended = await asyncio.to_thread(crash, chance.randrange(1, 110), target, files[number % 2])
        assert ended in {0, CRASHED}
        found = sums(await backup(target, tmp_path / "found"))
        assert found in (old, new)
        if ended == 0:
            assert (found == new) is (number % 2 == 0)
        is_new = found == new
    assert await asyncio.to_thread(crash, 0, target, files[is_new]) == 0
    assert sums(await backup(target, tmp_path / "found")) == (old if is_new else new)
    if not target.standalone:
        assert not list(target.data.glob("*.restoring*"))


@pytest.mark.kills
async def test_a_first_restore_that_is_killed_is_no_empty_server(
    lived: Settings, target: Settings, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    seed = random.randrange(2**32)
    request.node.add_report_section("call", "seed", str(seed))
    chance = random.Random(seed)
    new = sums(await backup(lived, tmp_path / "new", with_keys=True))
    for _ in range(max(3, int(request.config.getoption("--kills")) // 8)):
        ended = await asyncio.to_thread(crash, chance.randrange(1, 80), target, tmp_path / "new")
        assert ended in {0, CRASHED}
        if not target.identity_path.exists():
            continue
        try:
            async with opened(target, create=True) as database:
                await database.read(check_whole)
        except (DatabaseUnavailableError, OperatorError) as refused:
            assert "run parley-server restore again" in str(refused)  # noqa: PT017 - or it is whole
        else:
            assert sums(await backup(target, tmp_path / "found")) == new
            break
    assert await asyncio.to_thread(crash, 0, target, tmp_path / "new") == 0
    assert sums(await backup(target, tmp_path / "found")) == new


async def test_a_damaged_database_is_replaced(
    lived: Settings, tmp_path: Path, expect_log: Callable[..., None]
) -> None:
    before = await backup(lived, tmp_path / "a", with_keys=True)
    with (lived.data / DATABASE_FILE).open("r+b") as file:
        file.seek(4_096)
        file.write(b"\xde\xad" * 10_000)
    await restore(lived, tmp_path / "a", replace=True)
    assert sums(await backup(lived, tmp_path / "b")) == sums(before)
    assert list(lived.data.glob("*.damaged-*"))


async def test_the_log_of_a_killed_server_does_not_come_back(lived: Settings, tmp_path: Path) -> None:
    """Its WAL would be taken for that of the restored file."""
    before = await backup(lived, tmp_path / "a", with_keys=True)
    database = lived.data / DATABASE_FILE
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("PRAGMA wal_autocheckpoint = 0")
        connection.execute("UPDATE users SET about = 'in the log'")
        connection.commit()
        for suffix in ("", "-wal", "-shm"):
            shutil.copy(f"{database}{suffix}", tmp_path / f"killed{suffix}")
    for suffix in ("", "-wal", "-shm"):
        shutil.copy(tmp_path / f"killed{suffix}", f"{database}{suffix}")
    await restore(lived, tmp_path / "a", replace=True)
    assert sums(await backup(lived, tmp_path / "b")) == sums(before)


async def test_the_commands(lived: Settings, made: Lived, tmp_path: Path) -> None:
    file = tmp_path / "a.backup"
    data = ["--data", str(lived.data)]
    server = Server(lived)
    await server.start()
    try:
        ran = await asyncio.to_thread(command, "backup", str(file), "--with-keys", *data)
        busy = await asyncio.to_thread(command, "restore", str(file), "--replace", *data)
    finally:
        await server.stop()
    assert ran.returncode == 0, ran.stderr
    assert short_key(made.server_id) in ran.stdout
    assert "backup: messages," in ran.stderr
    assert (busy.returncode, "another Parley server is using" in busy.stderr) == (1, True)
    assert command("verify", str(file)).returncode == 0
    other = ["--data", str(tmp_path / "new")]
    assert command("restore", str(file), *other).returncode == 0
    again = command("restore", str(file), *other)
    assert again.returncode == 1
    assert again.stderr.splitlines()[-1].startswith("parley-server: there is a server in")
    cut(file)
    broken = command("verify", str(file))
    assert (broken.returncode, broken.stderr.count("\n")) == (1, 1)
    nowhere = command("backup", str(file), "--data", str(tmp_path / "nowhere"))
    assert (nowhere.returncode, nowhere.stderr.count("\n")) == (1, 1)
