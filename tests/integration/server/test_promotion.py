"""An embedded server becomes one on PostgreSQL, Redis and Kafka."""

from __future__ import annotations

import asyncio
import random
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Final

import msgspec
import pytest

from common.errors import CloseCode, Code
from common.ids import new_id
from common.protocol.pushes import Error
from common.protocol.requests import Hello
from common.protocol.rest import Problem, ServerInfo
from server.bootstrap import Server
from server.infra.crypto.identity import ServerIdentity
from server.infra.folder_lock import FolderInUseError
from server.kernel.database import Database, Tx
from server.kernel.failures import OperatorError
from server.kernel.meta import INCOMPLETE, MOVED_TO, fact
from server.offline import missing_migrations, opened
from server.settings import Settings
from server.stores import choose_database
from server.transfer.backup import backup
from server.transfer.places import TransferError, started
from server.transfer.promotion import promote
from tests.integration.server.test_commands import command
from tests.support.client import Rest, client
from tests.support.crashing import CRASHED
from tests.support.lived_in import UNLIMITED, Lived, histories, live_in, texts
from tests.support.services import services
from tests.support.stores import postgres_url, redis_client

URL = "https://chat.example.org:8470"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Lived:
    return asyncio.run(live_in(tmp_path_factory.mktemp("lived") / "data"))


@pytest.fixture
def source(made: Lived, tmp_path: Path) -> Settings:
    """A copy of the embedded server's folder."""
    shutil.copytree(made.folder, tmp_path / "lived")
    return Settings(data=tmp_path / "lived", port=0, limits=UNLIMITED)


@pytest.fixture
async def target(tmp_path: Path) -> Settings:
    return Settings(
        data=tmp_path / "new", port=0, limits=UNLIMITED, database_url=await postgres_url(tmp_path)
    )


@asynccontextmanager
async def served(settings: Settings) -> AsyncIterator[Server]:
    server = Server(settings)
    await server.start()
    try:
        yield server
    finally:
        await server.stop()


async def run(settings: Settings, sql: str) -> int:
    async def body(tx: Tx) -> int:
        return await tx.execute(sql)

    async with opened(settings) as database:
        return await database.write(body)


async def ask(settings: Settings, key: str) -> str | None:
    async with opened(settings) as database:
        return await database.read(fact, key)


async def test_every_table_is_equal_and_the_old_data_are_closed(
    source: Settings, target: Settings, tmp_path: Path
) -> None:
    before = await backup(source, tmp_path / "a")
    dry = await promote(source.data, target, url="", dry_run=True)
    assert {each.name: each.source.sha256 for each in dry.tables} == {
        name: table.sha256 for name, table in before.tables.items()
    }
    assert not target.data.exists()
    outcome = await promote(source.data, target, url=URL)
    assert all(each.source == each.target for each in outcome.tables)
    assert outcome.tables == [replace(each, target=each.source) for each in dry.tables]
    # The very same, the history's epoch included: clients keep what they have.
    assert (await backup(target, tmp_path / "b")).tables == before.tables
    assert target.identity_path.read_bytes() == source.identity_path.read_bytes()
    assert await ask(source, MOVED_TO) == URL
    assert await ask(target, MOVED_TO) is None
    again = await promote(source.data, target, url="https://another.example.org")
    assert again.again
    assert await ask(source, MOVED_TO) == "https://another.example.org"


async def test_a_server_that_moved_says_so_and_takes_nothing(
    source: Settings, target: Settings, made: Lived, expect_log: Callable[..., None], tmp_path: Path
) -> None:
    expect_log("server_moved")
    await promote(source.data, target, url=URL)
    before = await backup(source, tmp_path / "a")
    async with served(source) as old:
        told = await Rest(old.url).call("GET", "/server")
        info = msgspec.json.decode(told.content, type=ServerInfo)
        assert (info.moved_to, info.server_id) == (URL, made.server_id)
        for method, path, body in (
            ("POST", "/auth/login", {"username": "ada", "password": "x"}),
            ("POST", "/auth/refresh", {"refresh_token": made.people[0].refresh_token}),
            ("GET", "/users/me", {}),
        ):
            refused = await Rest(old.url, made.people[0].access_token).call(method, path, **body)
            assert refused.status_code == 421
            assert msgspec.json.decode(refused.content, type=Problem).code is Code.MOVED
        async with client(old.url, made.people[0], hello=False) as one:
            await one.send(lambda i: Hello(i, [1], made.people[0].access_token))
            assert (await one.until(Error)).code is Code.MOVED
            assert await one.until_closed() == CloseCode.MOVED
    assert (await backup(source, tmp_path / "b")).tables == before.tables


@pytest.mark.usefixtures("quiet_kafka")
async def test_the_promoted_server_knows_everybody_and_everything(
    source: Settings, target: Settings, made: Lived
) -> None:
    async with served(source) as old:
        before = await histories(old.url, made, made.people)
    await promote(source.data, target, url=URL)
    async with redis_client():
        new = replace(
            target,
            redis_url=services().url("redis"),
            kafka_servers=services().url("kafka"),
            kafka_prefix=f"{new_id()}.",
        )
        async with served(new) as server:
            assert server.server_id == made.server_id
            # With the access tokens of before.
            assert await histories(server.url, made, made.people) == before
            ada, ben, _ = made.people
            picture = await Rest(server.url, ben.access_token).call("GET", f"/users/{ada.user.id}/avatar")
            assert picture.content
            async with client(server.url, ada) as a, client(server.url, ben) as b:
                said = await a.say(made.group, "after the promotion")
                assert await b.until(type(said), lambda push: push.seq == said.seq) == said


async def test_what_cannot_be_the_target(source: Settings, target: Settings, tmp_path: Path) -> None:
    with pytest.raises(TransferError, match="needs PostgreSQL"):
        await promote(source.data, replace(target, database_url=""), url=URL)
    with pytest.raises(FileNotFoundError, match="there is no server in"):
        await promote(tmp_path / "nowhere", target, url=URL)
    other = replace(target, data=tmp_path / "other")
    ServerIdentity(other.identity_path)
    with pytest.raises(TransferError, match="another server"):
        await promote(source.data, other, url=URL)
    async with served(source):
        with pytest.raises(FolderInUseError):
            await promote(source.data, target, url=URL)
    await promote(source.data, target, url=URL)
    await run(target, "DELETE FROM meta WHERE key = 'local.promotion'")
    with pytest.raises(TransferError, match="in use already"):
        await promote(source.data, target, url=URL)
    await run(target, "UPDATE meta SET value = 'another' WHERE key = 'server_id'")
    with pytest.raises(TransferError, match="belongs to another server"):
        await promote(source.data, target, url=URL)


async def test_a_server_that_moved_is_not_carried_twice_by_chance(
    source: Settings, target: Settings, tmp_path: Path
) -> None:
    await promote(source.data, target, url=URL)
    folder = tmp_path / "second"
    second = Settings(data=folder, database_url=await postgres_url(folder))
    with pytest.raises(TransferError, match=f"moved to {URL} already"):
        await promote(source.data, second, url=URL)
    outcome = await promote(source.data, second, url=URL, anew=True)
    assert all(each.source == each.target for each in outcome.tables)


async def test_a_text_that_postgresql_does_not_keep_is_named(source: Settings, target: Settings) -> None:
    async def spoil(tx: Tx) -> None:
        await tx.execute("UPDATE devices SET name = $1", "a\x00b")

    async with opened(source) as database:
        await database.write(spoil)
    with pytest.raises(TransferError, match="the table devices holds a text"):
        await promote(source.data, target, url=URL)
    assert await ask(source, MOVED_TO) is None


async def test_a_copy_or_a_backup_put_back_is_not_closed_by_running_it_again(
    source: Settings, target: Settings, made: Lived, tmp_path: Path
) -> None:
    used = replace(source, data=tmp_path / "copy")
    shutil.copytree(source.data, used.data)
    await promote(source.data, target, url=URL)
    async with served(used) as old, client(old.url, made.people[0]) as ada:
        await ada.say(made.group, "written in the copy")
    for dry in (False, True):
        with pytest.raises(TransferError, match=r"is not what was carried.*--close"):
            await promote(used.data, target, url=URL, dry_run=dry)
    assert await ask(used, MOVED_TO) is None
    async with served(used):
        pass
    outcome = await promote(used.data, target, url=URL, close=True)
    assert outcome.again
    assert await ask(used, MOVED_TO) == URL


async def test_a_key_that_is_not_in_the_folder_is_that_of_the_settings(
    source: Settings, target: Settings, tmp_path: Path
) -> None:
    source.identity_path.rename(tmp_path / "key.pem")
    with pytest.raises(FileNotFoundError, match="give --identity-file"):
        await promote(source.data, target, url=URL)
    elsewhere = replace(target, identity_file=tmp_path / "key.pem")
    outcome = await promote(source.data, elsewhere, url=URL)
    assert all(each.source == each.target for each in outcome.tables)
    assert not target.identity_path.exists()


async def behind(settings: Settings) -> None:
    """As a Parley of the version before left it."""
    async with opened(settings, migrate=True, create=True) as database:
        await database.write(_forget_last)


async def _forget_last(tx: Tx) -> None:
    # What it did is done again without harm.
    await tx.execute("DELETE FROM schema_migrations WHERE number = 7")


async def test_a_target_that_is_refused_is_not_migrated_nor_is_the_source(
    source: Settings, target: Settings, tmp_path: Path
) -> None:
    await behind(source)
    await behind(target)
    for sql, said in (
        ("INSERT INTO meta (key, value) VALUES ('server_id', 'another')", "belongs to another server"),
        (f"INSERT INTO users {SOMEBODY}", "in use already"),
    ):
        async with as_it_is(target) as database:
            await database.write(_run, "DELETE FROM meta")
            await database.write(_run, sql)
        with pytest.raises(TransferError, match=said):
            await promote(source.data, target, url=URL)
        assert await missing_migrations(target) == ["0007_text_without_nul"]
        assert await missing_migrations(source) == ["0007_text_without_nul"]
    async with as_it_is(target) as database:
        await database.write(_run, "DELETE FROM users")
    await promote(source.data, target, url=URL)
    assert await missing_migrations(target) == []


SOMEBODY: Final = (
    "(id, username, username_key, display_name, display_key, about, password_hash, admin, account_seq, "
    "created_at_ms) VALUES ('00000000-0000-7000-8000-000000000000', 'a', 'a', 'a', 'a', '', '', 0, 0, 0)"
)


def as_it_is(settings: Settings) -> AbstractAsyncContextManager[Database]:
    return started(choose_database(settings, as_is=True))


async def _run(tx: Tx, sql: str) -> None:
    await tx.execute(sql)


def crash(steps: int, source: Settings, target: Settings) -> int:
    words = ["--from", str(source.data), "--url", URL, "--data", str(target.data)]
    words += ["--database-url", target.database_url]
    line = [sys.executable, "-m", "tests.support.crashing", str(steps), "promote", *words]
    return subprocess.run(line, check=False, capture_output=True).returncode


@pytest.mark.kills
async def test_a_promotion_that_is_killed_goes_on(
    source: Settings, target: Settings, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    seed = random.randrange(2**32)
    request.node.add_report_section("call", "seed", str(seed))
    chance = random.Random(seed)
    rounds = max(3, int(request.config.getoption("--kills")) // 8)
    before = await backup(source, tmp_path / "a")
    ended = 0
    for _ in range(rounds):
        # One time it runs to its end.
        ended = await asyncio.to_thread(crash, chance.randrange(1, 150), source, target)
        assert ended in {0, CRASHED}
        if ended == 0:
            break
        moved, incomplete = await ask(source, MOVED_TO), await standing(target)
        assert incomplete or moved is not None, "both could be served"
    if ended:
        assert await asyncio.to_thread(crash, 0, source, target) == 0
    assert (await backup(target, tmp_path / "b")).tables == before.tables
    assert await ask(source, MOVED_TO) == URL
    assert await ask(target, INCOMPLETE) is None


async def standing(target: Settings) -> bool:
    """Whether the target, if there is anything in it, may not be served."""
    async with opened(target) as database:
        empty = not await database.read(_owner)
        return empty or await database.read(fact, INCOMPLETE) is not None


async def count(tx: Tx) -> int:
    row = await tx.fetch_one("SELECT count(*) FROM messages")
    return 0 if row is None else int(row[0])


async def _owner(tx: Tx) -> bool:
    return await fact(tx, "server_id") is not None


async def test_one_that_was_used_since_it_was_killed_starts_over(
    source: Settings, target: Settings, made: Lived, tmp_path: Path
) -> None:
    assert await asyncio.to_thread(crash, 70, source, target) == CRASHED
    assert await ask(target, INCOMPLETE)
    async with opened(target) as database:
        copied = await database.read(count)
    assert 0 < copied < len(texts(300))
    with pytest.raises(OperatorError, match="run parley-server promote again"):
        async with served(replace(target, redis_url="redis://127.0.0.1:1", kafka_servers="127.0.0.1:1")):
            pass
    async with served(source) as old, client(old.url, made.people[0]) as ada:
        await ada.say(made.group, "written since")
    await run(source, "DELETE FROM reactions")
    before = await backup(source, tmp_path / "a")
    await promote(source.data, target, url=URL)
    assert (await backup(target, tmp_path / "b")).tables == before.tables


async def test_the_command(source: Settings, target: Settings) -> None:
    words = ["promote", "--from", str(source.data), "--data", str(target.data)]
    words += ["--database-url", target.database_url]
    for wrong in ((), ("--url", "http://chat.example.org"), ("--url", "what is this")):
        ran = command(*words, *wrong)
        assert (ran.returncode, ran.stderr.count("\n")) == (2, 1), ran.stderr
    ran = command(*words, "--url", "chat.example.org")
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.count("equal") > 10
    assert "its address is https://chat.example.org:8470" in ran.stdout
    assert "copy: messages," in ran.stderr
    again = command(*words, "--url", URL)
    assert "was promoted before" in again.stdout
