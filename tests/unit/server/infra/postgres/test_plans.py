"""A server that began with small tables finds what it looks for by its indexes when they have grown."""

from __future__ import annotations

from pathlib import Path

from common.ids import new_id
from server.chat.repository.rooms import senders
from server.infra.postgres.database import PostgresDatabase
from server.kernel.database import Tx
from tests.support.stores import postgres_url

FEW = 300
KEYS = 40
MANY = 20_000


async def look_up(tx: Tx) -> None:
    # Which plan it keeps is its own estimate; here it has to keep one.
    await tx.execute("SET LOCAL plan_cache_mode = force_generic_plan")
    places = [(new_id(), new_id()) for _ in range(KEYS)]
    assert await senders(tx, places, [new_id() for _ in range(KEYS)]) == ({}, {})


async def prepare(tx: Tx) -> None:
    # Nobody counts them meanwhile: as in the first minutes of a server.
    await tx.execute("ALTER TABLE messages SET (autovacuum_enabled = false)")
    await tx.execute("ALTER TABLE messages DISABLE TRIGGER ALL")


async def grow(tx: Tx, rows: int) -> None:
    await tx.execute(
        "INSERT INTO messages (room_id, seq, msg_no, rev, author_id, client_msg_id, request_hash, body, "
        "mentions, sent_at_ms, deleted) SELECT gen_random_uuid(), n, n, n, gen_random_uuid(), "
        "gen_random_uuid(), '\\x00'::bytea, 'text', '[]', 0, 0 "
        f"FROM generate_series(1, {rows}) n"
    )


async def whole_reads(tx: Tx) -> int:
    """How often all messages are read to find one."""
    before = await scans(tx)
    await look_up(tx)
    return await scans(tx) - before


async def scans(tx: Tx) -> int:
    row = await tx.fetch_one("SELECT seq_scan FROM pg_stat_xact_user_tables WHERE relname = 'messages'")
    assert row is not None
    return int(row[0])


async def test_a_plan_from_a_small_table_does_not_read_all_of_a_large_one(tmp_path: Path) -> None:
    database = PostgresDatabase(await postgres_url(tmp_path), connections=1)
    await database.start()
    try:
        await database.write(prepare)
        await database.write(grow, FEW)
        await database.write(look_up)
        await database.write(grow, MANY)
        assert await database.write(whole_reads) == 0
    finally:
        await database.stop()
