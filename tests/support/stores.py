"""A fresh database and an empty Redis for a test, on the real servers of the run."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from tests.support.services import services

if TYPE_CHECKING:
    import redis.asyncio as redis


async def postgres_url(folder: Path) -> str:
    """Of the database that belongs to a folder, made at first."""
    import asyncpg

    whole = services().url("postgres")
    name = "t" + hashlib.sha256(str(folder).encode()).hexdigest()[:20]
    connection = await asyncpg.connect(whole)
    try:
        if not await connection.fetchval("SELECT 1 FROM pg_database WHERE datname = $1", name):
            await connection.execute(f"CREATE DATABASE {name}")
    finally:
        await connection.close()
    return urlsplit(whole)._replace(path=f"/{name}").geturl()


async def pgbouncer_url(folder: Path) -> str:
    """Of the same database, through a pool of connections in transaction mode: for ``prepared=False``."""
    name = urlsplit(await postgres_url(folder)).path
    return urlsplit(services().url("pgbouncer"))._replace(path=name).geturl()


@asynccontextmanager
async def redis_client() -> AsyncIterator[redis.Redis]:
    """On an empty keyspace; tests run one after another."""
    from server.infra.redis.connection import connect

    client = connect(services().url("redis"))
    await client.flushall()
    try:
        yield client
    finally:
        await client.aclose()
