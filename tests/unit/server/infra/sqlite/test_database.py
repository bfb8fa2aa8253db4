from __future__ import annotations

import asyncio
import sqlite3
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import closing
from pathlib import Path

import pytest

from server.infra.sqlite.database import SqliteDatabase
from server.kernel.database import (
    DatabaseUnavailableError,
    IntegrityError,
    StorageFullError,
    Tx,
)
from tests.support.crash import Child
from tests.support.wait import until

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


async def pragma(tx: Tx, name: str) -> object:
    row = await tx.fetch_one(f"PRAGMA {name}")
    return None if row is None else row[0]


async def test_every_commit_is_synced_and_foreign_keys_hold(database: SqliteDatabase) -> None:
    assert await database.write(pragma, "journal_mode") == "wal"
    assert await database.write(pragma, "synchronous") == 2
    for run in (database.read, database.write):
        assert await run(pragma, "foreign_keys") == 1


async def test_a_body_that_awaits_something_else_is_a_bug(database: SqliteDatabase) -> None:
    async def body(tx: Tx) -> None:
        await put(tx, "a")
        await asyncio.sleep(0)

    with pytest.raises(RuntimeError, match="awaited something other than its Tx"):
        await database.write(body)
    assert await database.read(keys) == []


async def test_a_read_that_writes_is_refused(database: SqliteDatabase) -> None:
    with pytest.raises(DatabaseUnavailableError):
        await database.read(put, "a")
    assert await database.read(keys) == []


async def test_wrong_sql_stays_a_bug(database: SqliteDatabase) -> None:
    async def body(tx: Tx) -> None:
        await tx.fetch("SELECT a FROM nowhere")

    with pytest.raises(sqlite3.OperationalError, match="no such table"):
        await database.read(body)


async def test_a_body_may_catch_a_constraint_and_go_on(database: SqliteDatabase) -> None:
    async def body(tx: Tx) -> str:
        await put(tx, "a")
        try:
            await put(tx, "a")
        except IntegrityError:
            await put(tx, "b")
            return "caught"
        return "not refused"

    assert await database.write(body) == "caught"
    assert await database.read(keys) == ["a", "b"]


async def test_more_waiting_bodies_than_allowed_are_refused(path: Path) -> None:
    database = SqliteDatabase(path, max_waiting=3)
    await database.start()
    outcomes = await asyncio.gather(
        *(database.write(put, f"{n:03}") for n in range(200)), return_exceptions=True
    )
    refused = [outcome for outcome in outcomes if isinstance(outcome, DatabaseUnavailableError)]
    assert refused
    assert len(await database.read(keys)) == 200 - len(refused)
    await database.stop()


async def test_a_group_that_cannot_commit_is_tried_one_by_one(
    database: SqliteDatabase, expect_log: Callable[..., None]
) -> None:
    """One body breaks the commit itself (a deferred foreign key); its neighbours must not pay."""
    expect_log("group_commit_failed")

    async def prepare(tx: Tx) -> None:
        await tx.execute("CREATE TABLE parent (id INTEGER PRIMARY KEY) STRICT")
        await tx.execute(
            "CREATE TABLE child (id INTEGER REFERENCES parent DEFERRABLE INITIALLY DEFERRED) STRICT"
        )

    async def orphan(tx: Tx) -> None:
        await tx.execute("INSERT INTO child (id) VALUES ($1)", 7)

    await database.write(prepare)
    outcomes = await asyncio.gather(
        *(database.write(put, f"{n:03}") for n in range(20)),
        database.write(orphan),
        *(database.write(put, f"{n:03}") for n in range(20, 40)),
        return_exceptions=True,
    )
    assert isinstance(outcomes[20], IntegrityError)
    assert [outcome for n, outcome in enumerate(outcomes) if n != 20] == [None] * 40
    assert len(await database.read(keys)) == 40


async def test_a_full_disk_is_said_and_nothing_of_it_kept(database: SqliteDatabase) -> None:
    await database.write(put, "before")
    pages = await database.write(pragma, "page_count")
    await database.write(pragma, f"max_page_count = {pages}")

    async def large(tx: Tx) -> None:
        await put(tx, "large", "x" * 100_000)

    with pytest.raises(StorageFullError):
        await database.write(large)
    assert await database.read(keys) == ["before"]
    await database.write(pragma, "max_page_count = 1000000")
    await database.write(large)
    assert await database.read(keys) == ["before", "large"]


async def test_commits_do_not_starve_beside_a_loop_that_is_never_idle(database: SqliteDatabase) -> None:
    """At Python's own switch interval each of these took seconds; see ``_SWITCH_INTERVAL_S``."""
    done = False

    async def never_idle() -> None:
        while not done:
            until = time.perf_counter() + 0.003
            while time.perf_counter() < until:
                pass
            await asyncio.sleep(0)

    busy = asyncio.ensure_future(never_idle())
    try:
        async with asyncio.timeout(20):
            for n in range(20):
                await database.write(put, f"{n:03}")
    finally:
        done = True
        await busy


_LIMITED = """
import asyncio, resource, sys
from pathlib import Path
from server.infra.sqlite.database import SqliteDatabase
from server.kernel.database import StorageFullError

async def put(tx, n):
    await tx.execute("INSERT INTO meta (key, value) VALUES ($1, $2)", f"{n:06}", "x" * 3000)

async def count(tx):
    return (await tx.fetch("SELECT count(*) FROM meta"))[0][0]

async def main():
    database = SqliteDatabase(Path(sys.argv[1]))
    await database.start()
    resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, 400_000))
    stored = 0
    try:
        while True:
            await database.write(put, stored)
            stored += 1
    except StorageFullError:
        print("full", stored, await database.read(count), flush=True)
    await database.stop()

asyncio.run(main())
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no limit on the size of a file")
async def test_a_file_that_may_not_grow_is_a_full_disk(path: Path) -> None:
    with Child(None, str(path), code=_LIMITED) as child:
        word, stored, counted = child.line_where(lambda line: line.startswith("full")).split()
        assert word == "full"
        assert int(stored) == int(counted) > 10
        child.process.wait(timeout=30)
    database = SqliteDatabase(path)
    await database.start()
    assert len(await database.read(keys)) == int(stored)
    await database.write(put, "space again")
    await database.stop()


_WRITER = """
import asyncio, sys
from pathlib import Path
from server.infra.sqlite.database import SqliteDatabase

async def put(tx, key):
    await tx.execute("INSERT INTO meta (key, value) VALUES ($1, $2)", key, "v")
    await tx.execute("INSERT INTO event_outbox (topic, key, payload) VALUES ($1, $2, $3)", "t", key, b"p")

async def write(database, writer):
    n = 0
    while True:
        key = f"{sys.argv[2]}-{writer}-{n}"
        await database.write(put, key)
        print(key, flush=True)
        n += 1

async def main():
    database = SqliteDatabase(Path(sys.argv[1]))
    await database.start()
    await asyncio.gather(*(write(database, writer) for writer in range(4)))

asyncio.run(main())
"""


@pytest.mark.kills
async def test_killed_at_any_moment_every_acknowledged_commit_is_there(path: Path) -> None:
    acknowledged: set[str] = set()
    for round_ in range(5):
        with Child(None, str(path), str(round_), code=_WRITER) as child:
            # Different numbers of commits, so that the kills fall on different moments.
            for _ in range(20 + 37 * round_):
                line = child.next_line()
                assert line is not None
                if line.startswith(f"{round_}-"):
                    acknowledged.add(line)
            acknowledged.update(line for line in child.kill() if line.startswith(f"{round_}-"))
        database = SqliteDatabase(path)
        await database.start()
        stored = set(await database.read(keys))
        events = await database.read(_outbox_keys)
        await database.stop()
        assert acknowledged <= stored
        # Of each transaction both rows or none.
        assert sorted(stored) == sorted(events)


async def _outbox_keys(tx: Tx) -> list[str]:
    return [row[0] for row in await tx.fetch("SELECT key FROM event_outbox")]


async def test_the_log_is_bounded_once_no_reader_is_in_the_way(path: Path) -> None:
    database = SqliteDatabase(path, wal_max_bytes=1024 * 1024)
    await database.start()
    log_file = path.with_name("parley.db-wal")

    async def churn(tx: Tx, n: int) -> None:
        await tx.execute("DELETE FROM meta")
        await tx.execute_many(PUT, [(f"{i:03}", f"{n}" * 3_500) for i in range(20)])

    with closing(sqlite3.connect(path, isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM meta").fetchall()
        for n in range(100):
            await database.write(churn, n % 10)
        assert _size(log_file) > 4 * 1024 * 1024
    for n in range(65):
        await database.write(put, f"after {n}")
    assert _size(log_file) < 1024 * 1024
    assert len(await database.read(keys)) == 85
    await database.stop()


def _size(path: Path) -> int:
    return path.stat().st_size


async def test_bodies_that_wait_are_counted(database: SqliteDatabase) -> None:
    begun, go_on = threading.Event(), threading.Event()

    async def hold(_: Tx) -> None:
        begun.set()
        go_on.wait()

    holding = asyncio.ensure_future(database.write(hold))
    await until(begun.is_set)
    others = [asyncio.ensure_future(database.write(put, f"{n}")) for n in range(3)]
    await until(lambda: database.usage().waiting["write"] == 3)
    assert database.usage().waiting["read"] == 0
    go_on.set()
    await asyncio.gather(holding, *others)
    assert database.usage().waiting["write"] == 0
