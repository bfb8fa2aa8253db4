"""A server behind PgBouncer in transaction mode: what a session prepared is gone with the transaction."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from common.ids import new_id
from common.limits import Limits
from common.protocol.pushes import MessageNew
from server.bootstrap import Server
from server.infra.postgres.database import PostgresDatabase
from server.kernel.database import Row, Tx
from server.settings import Settings
from tests.support.client import client, direct_room, group_room, register
from tests.support.daemons import PGBOUNCER_CONNECTIONS
from tests.support.services import services
from tests.support.stores import pgbouncer_url, redis_client


async def _put(tx: Tx, key: str) -> None:
    await tx.execute_many("INSERT INTO meta (key, value) VALUES ($1, $2)", [(key, "x"), (f"{key}-2", "y")])


async def _read(tx: Tx, keys: list[str]) -> list[Row]:
    """A statement with a list of ids, and one with a list of texts: asyncpg asks for both types."""
    await tx.fetch("SELECT id FROM rooms WHERE id IN $1", [b"\0" * 16])
    return await tx.fetch("SELECT key FROM meta WHERE key IN $1 ORDER BY key", keys)


async def _backend(tx: Tx) -> int:
    row = await tx.fetch_one("SELECT pg_backend_pid()")
    assert row is not None
    return int(row[0])


async def test_many_bodies_of_two_processes_share_few_connections(tmp_path: Path) -> None:
    url = await pgbouncer_url(tmp_path)
    writer, reader = PostgresDatabase(url, prepared=False), PostgresDatabase(url, prepared=False)
    # At once, as processes start: both migrate, and each of their connections is made while others work.
    await asyncio.gather(writer.start(), reader.start())
    try:
        keys = [f"k{number}" for number in range(100)]
        work = [writer.write(_put, key) for key in keys]
        await asyncio.gather(
            *work, *(reader.read(_read, keys) for _ in keys), *(reader.check() for _ in keys)
        )
        assert len(await reader.read(_read, keys)) == len(keys)
        both = (writer, reader)
        backends = await asyncio.gather(*(one.read(_backend) for one in both for _ in keys))
        assert len(set(backends)) <= PGBOUNCER_CONNECTIONS
    finally:
        await asyncio.gather(writer.stop(), reader.stop())


@pytest.mark.usefixtures("quiet_kafka")
async def test_people_chat_and_all_is_there_after_a_restart(tmp_path: Path) -> None:
    async with redis_client():
        settings = Settings(
            data=tmp_path / "data",
            port=0,
            limits=Limits(messages_per_second=0),
            database_url=await pgbouncer_url(tmp_path),
            database_prepared=False,
            redis_url=services().url("redis"),
            kafka_servers=services().url("kafka"),
            kafka_prefix=f"{new_id()}.",
        )
        server = Server(settings)
        await server.start()
        try:
            people = [await register(server.url, name) for name in ("mira", "dario", "noor")]
            mira, dario, _ = people
            room = (await direct_room(server.url, mira, dario)).room_id
            group = (await group_room(server.url, *people)).room_id
            async with client(server.url, mira) as a, client(server.url, dario) as b:
                # At the same time, so that transactions take turns on the few connections.
                await asyncio.gather(
                    *(a.say(room, f"from mira {number}") for number in range(20)),
                    *(b.say(group, f"from dario {number}") for number in range(20)),
                )
                await a.until(MessageNew, lambda push: push.message.msg_no == 20 and push.room_id == group)
        finally:
            await server.stop()
        again = Server(settings)
        await again.start()
        try:
            async with client(again.url, dario) as b:
                assert {m.body for m in (await b.history(room)).messages} == {
                    f"from mira {number}" for number in range(20)
                }
        finally:
            await again.stop()
