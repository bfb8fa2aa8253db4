from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from desktop.storage.worker import DamagedError, StorageError, Worker
from tests.support.wait import until


@pytest.fixture
async def worker(tmp_path: Path) -> AsyncIterator[Worker]:
    worker = Worker(tmp_path / "account.db")
    await worker.open()
    yield worker
    await worker.close()


async def test_jobs_run_in_order_and_urgent_ones_first(worker: Worker) -> None:
    gate, order = threading.Event(), list[str]()
    results = [asyncio.ensure_future(worker.run(lambda _: gate.wait(10)))]
    await asyncio.sleep(0)
    for name, urgent in (("one", False), ("two", False), ("now", True)):

        def note(_: sqlite3.Connection, name: str = name) -> bool:
            order.append(name)
            return True

        results.append(asyncio.ensure_future(worker.run(note, urgent=urgent)))
    await asyncio.sleep(0)
    gate.set()
    await asyncio.gather(*results)
    assert order == ["now", "one", "two"]


async def test_a_failed_job_leaves_nothing_of_its_transaction(worker: Worker) -> None:
    def job(db: sqlite3.Connection) -> None:
        db.execute("INSERT INTO drafts VALUES ('room', 'text')")
        db.execute("INSERT INTO nowhere VALUES (1)")

    with pytest.raises(StorageError):
        await worker.run(job, write=True)
    assert await worker.run(lambda db: db.execute("SELECT count(*) FROM drafts").fetchone()[0]) == 0


async def test_after_a_full_disk_the_next_job_works(worker: Worker) -> None:
    """SQLite has rolled back then, all or a part: what is left open would refuse every later transaction."""
    problems: list[str] = []
    worker.on_problem = lambda problem: problems.append(problem.text)

    def fill(db: sqlite3.Connection) -> None:
        db.execute("INSERT INTO drafts VALUES ('room', hex(zeroblob(1000000)))")

    def pages(db: sqlite3.Connection, most: int) -> None:
        db.execute(f"PRAGMA max_page_count={most}")

    await worker.run(lambda db: pages(db, 1))
    for _ in range(2):
        with pytest.raises(StorageError, match="The disk is full"):
            await worker.run(fill, write=True)
    assert problems == ["The disk is full. Free some space; nothing was lost."] * 2
    await worker.run(lambda db: pages(db, 10_000))
    await worker.run(fill, write=True)


async def test_after_a_commit_that_failed_the_next_job_works(worker: Worker) -> None:
    def schema(db: sqlite3.Connection) -> None:
        db.execute("PRAGMA foreign_keys=ON")
        db.execute("CREATE TABLE a (id INTEGER PRIMARY KEY)")
        db.execute("CREATE TABLE b (a REFERENCES a DEFERRABLE INITIALLY DEFERRED)")

    await worker.run(schema)
    with pytest.raises(StorageError):
        await worker.run(lambda db: db.execute("INSERT INTO b VALUES (7)").rowcount, write=True)
    count = "SELECT count(*) FROM b"
    assert await worker.run(lambda db: db.execute(count).fetchone()[0], write=True) == 0


async def test_what_the_disk_rolled_back_already_is_told_as_what_it_was(worker: Worker) -> None:
    def job(db: sqlite3.Connection) -> None:
        db.execute("ROLLBACK")
        problem = sqlite3.OperationalError("database or disk is full")
        problem.sqlite_errorcode = sqlite3.SQLITE_FULL
        raise problem

    with pytest.raises(StorageError, match="The disk is full"):
        await worker.run(job, write=True)


async def test_a_bug_in_a_job_reaches_who_asked(worker: Worker) -> None:
    with pytest.raises(ZeroDivisionError):
        await worker.run(lambda _: 1 / 0)
    assert await worker.run(lambda _: 7) == 7


async def test_then_comes_in_its_turn_among_the_results(worker: Worker) -> None:
    told: list[object] = []
    worker.submit(lambda _: "before", told.append)
    reading = asyncio.ensure_future(worker.run(lambda _: "read", then=told.append))
    await asyncio.sleep(0)
    worker.submit(lambda _: "after", told.append)
    assert await reading == "read"
    await until(lambda: "after" in told)
    assert told == ["before", "read", "after"]


async def test_a_bug_in_what_takes_a_result_reaches_who_waits(worker: Worker) -> None:
    with pytest.raises(ZeroDivisionError):
        await worker.run(lambda _: 0, then=lambda zero: 1 / zero)


async def test_a_durable_job_is_synced_and_a_cheap_one_is_not(worker: Worker) -> None:
    def level(db: sqlite3.Connection) -> int:
        return int(db.execute("PRAGMA synchronous").fetchone()[0])

    full, normal = 2, 1
    assert await worker.run(level, durable=True) == full
    assert await worker.run(level, write=True) == normal


async def test_closing_runs_what_waits(tmp_path: Path) -> None:
    worker = Worker(tmp_path / "account.db")
    await worker.open()
    for number in range(50):
        worker.submit(
            lambda db, number=number: (
                db.execute("INSERT INTO drafts VALUES (?, 'x')", (str(number),)).rowcount
            ),  # type: ignore[misc]  # a default binds the loop variable
            lambda _: None,
            write=True,
        )
    await worker.close()
    await worker.close()
    db = sqlite3.connect(tmp_path / "account.db")
    assert db.execute("SELECT count(*) FROM drafts").fetchone() == (50,)
    db.close()


async def test_after_closing_jobs_are_refused(tmp_path: Path) -> None:
    worker = Worker(tmp_path / "account.db")
    await worker.open()
    await worker.close()
    with pytest.raises(StorageError):
        await worker.run(lambda _: 1)


async def test_a_file_that_is_no_database_is_told_apart(tmp_path: Path) -> None:
    path = tmp_path / "account.db"
    path.write_bytes(b"rubbish" * 1_000)
    with pytest.raises(DamagedError):
        await Worker(path).open()


async def test_a_folder_that_is_not_there_is_told_in_words(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="folder"):
        await Worker(tmp_path / "nowhere" / "account.db").open()
