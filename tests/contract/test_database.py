from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from server.kernel.database import Database, DatabaseUnavailableError, IntegrityError, Row, Tx
from tests.contract.adapters import DATABASES, DatabaseOpener
from tests.support.wait import until

PUT = "INSERT INTO meta (key, value) VALUES ($1, $2)"
ALL = "SELECT key, value FROM meta ORDER BY key"


@pytest.fixture(params=list(DATABASES.values()), ids=list(DATABASES))
def opener(request: pytest.FixtureRequest) -> DatabaseOpener:
    return request.param  # type: ignore[no-any-return]  # pytest's params are Any


@pytest.fixture
async def database(opener: DatabaseOpener, tmp_path: Path) -> AsyncIterator[Database]:
    async with opener(tmp_path) as opened:
        yield opened


async def put(tx: Tx, key: str, value: str) -> int:
    return await tx.execute(PUT, key, value)


async def fetch(tx: Tx, sql: str, *args: object) -> list[Row]:
    return await tx.fetch(sql, *args)


async def fetch_one(tx: Tx, sql: str, *args: object) -> Row | None:
    return await tx.fetch_one(sql, *args)


async def pairs(database: Database) -> list[tuple[Any, ...]]:
    return [tuple(row) for row in await database.read(fetch, ALL)]


async def test_a_write_is_seen_by_the_next_read(database: Database) -> None:
    assert await database.write(put, "a", "1") == 1
    assert await pairs(database) == [("a", "1")]


async def test_parameters_may_come_in_any_order_and_repeat(database: Database) -> None:
    async def body(tx: Tx) -> tuple[Row | None, Row | None]:
        await tx.execute("INSERT INTO meta (value, key) VALUES ($2, $1)", "k", "v")
        swapped = await tx.fetch_one("SELECT key, value FROM meta WHERE value = $2 AND key = $1", "k", "v")
        both = await tx.fetch_one("SELECT key FROM meta WHERE key = $1 OR value = $1", "k")
        return swapped, both

    swapped, both = await database.write(body)
    assert swapped is not None
    assert tuple(swapped) == ("k", "v")
    assert both is not None
    assert tuple(both) == ("k",)


async def test_a_dollar_in_a_literal_is_no_parameter(database: Database) -> None:
    await database.write(put, "k", "$1")
    row = await database.read(fetch_one, "SELECT key FROM meta WHERE value = '$1' AND key = $1", "k")
    assert row is not None


async def test_none_is_null(database: Database) -> None:
    await database.write(put, "k", "v")
    sql = "SELECT key FROM meta WHERE CAST($1 AS TEXT) IS NULL"
    assert len(await database.read(fetch, sql, None)) == 1
    assert await database.read(fetch, sql, "x") == []


async def test_bytes_and_large_integers_come_back_as_they_went(database: Database) -> None:
    raw = bytes(range(256))

    async def body(tx: Tx) -> Row | None:
        await tx.execute("INSERT INTO event_outbox (topic, key, payload) VALUES ($1, $2, $3)", "t", "k", raw)
        return await tx.fetch_one("SELECT payload, CAST($1 AS BIGINT) FROM event_outbox", 2**62)

    row = await database.write(body)
    assert row is not None
    assert (bytes(row[0]), row[1]) == (raw, 2**62)


@pytest.mark.parametrize("count", [0, 1, 2, 3, 7, 8, 9, 1_000])
async def test_in_takes_a_list_of_any_length(database: Database, count: int) -> None:
    async def fill(tx: Tx) -> None:
        await tx.execute_many(PUT, [(f"{n:04}", "v") for n in range(1_100)])

    await database.write(fill)
    wanted = [f"{n:04}" for n in range(count)]
    sql = "SELECT key FROM meta WHERE value = $2 AND key IN $1 ORDER BY key"
    assert [row[0] for row in await database.read(fetch, sql, wanted, "v")] == wanted
    sql = "SELECT count(*) FROM meta WHERE key NOT IN $1"
    assert (await database.read(fetch, sql, wanted))[0][0] == 1_100 - count


async def test_two_lists_in_one_statement(database: Database) -> None:
    for key, value in (("a", "1"), ("b", "2"), ("c", "3")):
        await database.write(put, key, value)
    sql = "SELECT key FROM meta WHERE value IN $2 AND key IN $1 AND key <> $3 ORDER BY key"
    rows = await database.read(fetch, sql, ["a", "b", "c"], ["2", "3", "9"], "c")
    assert [row[0] for row in rows] == ["b"]


@pytest.mark.parametrize("count", [0, 1, 2, 63, 64, 65, 300])
async def test_execute_many_runs_for_each_row(database: Database, count: int) -> None:
    rows = [(f"{n:04}", str(n)) for n in range(count)]

    async def body(tx: Tx) -> None:
        await tx.execute_many(PUT, rows)

    await database.write(body)
    assert await pairs(database) == rows


async def test_execute_many_takes_any_statement(database: Database) -> None:
    async def body(tx: Tx) -> None:
        await tx.execute_many(PUT, [("a", "1"), ("b", "2"), ("c", "3")])
        await tx.execute_many("UPDATE meta SET value = $2 WHERE key = $1", [("a", "x"), ("c", "z")])
        await tx.execute_many(
            "INSERT INTO meta (value, key) VALUES ($2, $1) "
            "ON CONFLICT (key) DO UPDATE SET value = excluded.value",
            [("b", "y"), ("d", "new")],
        )

    await database.write(body)
    assert await pairs(database) == [("a", "x"), ("b", "y"), ("c", "z"), ("d", "new")]


@pytest.mark.parametrize(
    "counts", [(0, 0, 0), (1, 1, 1), (1, 0, 1), (3, 1, 1), (1, 2, 1), (0, 1, 0), (2, 2, 2)]
)
async def test_execute_all_runs_each_for_each_of_its_rows(
    database: Database, counts: tuple[int, int, int]
) -> None:
    await database.write(put, "old", "$1")
    puts, events, mentions = (list(range(count)) for count in counts)

    async def body(tx: Tx) -> None:
        await tx.execute_all(
            [
                # A parameter that repeats, and what looks like one.
                (
                    "INSERT INTO meta (value, key) VALUES ('$1', $1) ON CONFLICT (key) DO NOTHING",
                    [(f"new{n}",) for n in puts],
                ),
                (
                    "INSERT INTO event_outbox (key, topic, payload) VALUES ($2, $1, $3)",
                    [("topic", f"key{n}", b"x") for n in events],
                ),
                (
                    "INSERT INTO mentions (user_id, room_id, seq) VALUES ($1, $1, $2)",
                    [(bytes(16), n) for n in mentions],
                ),
            ]
        )

    await database.write(body)
    assert await pairs(database) == [*((f"new{n}", "$1") for n in puts), ("old", "$1")]
    found = await database.read(fetch, "SELECT topic, key FROM event_outbox ORDER BY key")
    assert [tuple(row) for row in found] == [("topic", f"key{n}") for n in events]
    assert [row[0] for row in await database.read(fetch, "SELECT seq FROM mentions ORDER BY seq")] == mentions


async def test_what_one_of_execute_all_refuses_leaves_nothing_of_the_others(database: Database) -> None:
    await database.write(put, "a", "1")

    async def body(tx: Tx) -> None:
        event = "INSERT INTO event_outbox (topic, key, payload) VALUES ($1, $2, $3)"
        await tx.execute_all([(event, [("t", "k", b"x")]), (PUT, [("a", "again")])])

    with pytest.raises(IntegrityError):
        await database.write(body)
    assert await database.read(fetch, "SELECT id FROM event_outbox") == []


async def test_execute_tells_how_many_rows_it_changed(database: Database) -> None:
    async def body(tx: Tx) -> list[int]:
        await tx.execute_many(PUT, [("a", "1"), ("b", "1")])
        update = "UPDATE meta SET value = $1 WHERE value = $2"
        return [await tx.execute(update, "2", "1"), await tx.execute(update, "2", "1")]

    assert await database.write(body) == [2, 0]


async def test_a_body_that_raises_leaves_nothing(database: Database) -> None:
    async def body(tx: Tx) -> None:
        await put(tx, "a", "1")
        raise LookupError("of the body")

    with pytest.raises(LookupError, match="of the body"):
        await database.write(body)
    assert await pairs(database) == []


async def test_a_constraint_raises_integrity_error_and_leaves_nothing(database: Database) -> None:
    await database.write(put, "a", "1")

    async def body(tx: Tx) -> None:
        await put(tx, "b", "2")
        await put(tx, "a", "again")

    with pytest.raises(IntegrityError):
        await database.write(body)
    assert await pairs(database) == [("a", "1")]


async def test_writers_side_by_side_are_atomic_each(database: Database) -> None:
    """Adapters may commit several bodies together: a failing one takes back its own rows only."""

    async def body(tx: Tx, n: int) -> int:
        await put(tx, f"{n:03}", "first")
        if n % 3 == 0:
            raise LookupError(n)
        await tx.execute("UPDATE meta SET value = $1 WHERE key = $2", "second", f"{n:03}")
        return n

    outcomes = await asyncio.gather(*(database.write(body, n) for n in range(100)), return_exceptions=True)
    for n, outcome in enumerate(outcomes):
        if n % 3 == 0:
            assert isinstance(outcome, LookupError)
            assert outcome.args == (n,)
        else:
            assert outcome == n
    assert await pairs(database) == [(f"{n:03}", "second") for n in range(100) if n % 3]


async def test_concurrent_read_modify_write_loses_no_update(database: Database) -> None:
    await database.write(put, "n", "0")

    async def increment(tx: Tx) -> None:
        await tx.execute(
            "UPDATE meta SET value = CAST(CAST(value AS BIGINT) + 1 AS TEXT) WHERE key = $1", "n"
        )

    await asyncio.gather(*(database.write(increment) for _ in range(50)))
    assert await pairs(database) == [("n", "50")]


async def test_what_is_locked_is_read_as_it_is_then(database: Database) -> None:
    """Who waited for the lock sees what the holder wrote, and all lock in one order."""
    await database.write(put, "a", "0")
    await database.write(put, "b", "0")

    async def increment(tx: Tx, keys: list[str]) -> None:
        rows = await tx.fetch_locked("SELECT key, value FROM meta WHERE key IN $1 ORDER BY key", keys)
        for key, value in rows:
            await tx.execute("UPDATE meta SET value = $2 WHERE key = $1", key, str(int(value) + 1))

    orders = (["a", "b"], ["b", "a"])
    await asyncio.gather(*(database.write(increment, orders[n % 2]) for n in range(50)))
    assert await pairs(database) == [("a", "50"), ("b", "50")]


async def test_a_read_stands_on_one_snapshot(database: Database) -> None:
    """Both statements of a read body see the same state, whatever is committed between them."""

    async def move(tx: Tx, n: int) -> None:
        await tx.execute("DELETE FROM meta")
        await tx.execute_many(PUT, [("left", str(n)), ("right", str(n))])

    async def look(tx: Tx) -> tuple[Row | None, Row | None]:
        left = await tx.fetch_one("SELECT value FROM meta WHERE key = $1", "left")
        right = await tx.fetch_one("SELECT value FROM meta WHERE key = $1", "right")
        return left, right

    await database.write(move, 0)

    async def keep_moving() -> None:
        for n in range(1, 100):
            await database.write(move, n)

    moving = asyncio.ensure_future(keep_moving())
    seen = [await database.read(look) for _ in range(100)]
    await moving
    assert len(seen) == 100
    for left, right in seen:
        assert left is not None
        assert right is not None
        assert left[0] == right[0]


async def test_a_read_sees_every_finished_write(database: Database) -> None:
    for n in range(50):
        await database.write(put, f"{n:03}", "v")
        assert len(await pairs(database)) == n + 1


async def test_a_transaction_sees_its_own_changes(database: Database) -> None:
    async def body(tx: Tx) -> Row | None:
        await put(tx, "a", "1")
        return await tx.fetch_one("SELECT value FROM meta WHERE key = $1", "a")

    row = await database.write(body)
    assert row is not None
    assert row[0] == "1"


async def test_fetch_one_gives_none_or_the_first(database: Database) -> None:
    sql = "SELECT key FROM meta ORDER BY key DESC"
    assert await database.read(fetch_one, sql) is None
    await database.write(put, "a", "1")
    await database.write(put, "b", "1")
    row = await database.read(fetch_one, sql)
    assert row is not None
    assert row[0] == "b"


async def test_returning_gives_the_rows(database: Database) -> None:
    await database.write(put, "a", "1")
    rows = await database.write(
        fetch, "UPDATE meta SET value = $1 WHERE key IN $2 RETURNING key, value", "2", ["a", "b"]
    )
    assert [tuple(row) for row in rows] == [("a", "2")]
    assert await pairs(database) == [("a", "2")]


async def test_keyword_arguments_reach_the_body(database: Database) -> None:
    async def body(tx: Tx, first: str, *, second: str) -> str:
        return first + second

    assert await database.read(body, "a", second="b") == "ab"


async def test_a_cancelled_caller_harms_nobody_else(database: Database) -> None:
    first = asyncio.ensure_future(database.write(put, "a", "1"))
    await asyncio.sleep(0)
    second = asyncio.ensure_future(database.write(put, "b", "2"))
    await asyncio.sleep(0)
    second.cancel()
    await first
    with pytest.raises(asyncio.CancelledError):
        await second
    await database.write(put, "c", "3")
    assert {("a", "1"), ("c", "3")} <= set(await pairs(database))


async def test_what_was_written_is_there_after_opening_again(opener: DatabaseOpener, tmp_path: Path) -> None:
    async with opener(tmp_path) as first:
        await first.write(put, "a", "1")
    async with opener(tmp_path) as second:
        assert await pairs(second) == [("a", "1")]


async def test_after_stop_bodies_are_refused(opener: DatabaseOpener, tmp_path: Path) -> None:
    async with opener(tmp_path) as database:
        pass
    with pytest.raises(DatabaseUnavailableError):
        await database.write(put, "a", "1")
    with pytest.raises(DatabaseUnavailableError):
        await database.read(fetch, ALL)


async def test_stop_finishes_what_waits(opener: DatabaseOpener, tmp_path: Path) -> None:
    async with opener(tmp_path) as database:
        writes = [asyncio.ensure_future(database.write(put, f"{n:03}", "v")) for n in range(20)]
        await asyncio.sleep(0)
    await asyncio.gather(*writes)
    async with opener(tmp_path) as again:
        assert len(await pairs(again)) == 20


async def test_usage_is_of_this_moment(database: Database) -> None:
    await asyncio.gather(*(database.write(put, str(n), "x") for n in range(20)))
    # A connection is in use until it is back, a moment after its answer.
    await until(lambda: not database.usage().in_use and set(database.usage().waiting.values()) == {0})
    assert database.usage().connections >= 1


async def test_it_says_whether_it_answers(opener: DatabaseOpener, tmp_path: Path) -> None:
    async with opener(tmp_path) as database:
        await database.check()
        await database.write(put, "a", "1")
        await database.check()
    with pytest.raises(DatabaseUnavailableError):
        await database.check()
