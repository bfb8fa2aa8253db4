"""A whole server in this process, on a free port of loopback and a folder of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from common.ids import new_id
from common.limits import Limits
from server.bootstrap import Server
from server.settings import Settings
from tests.support.services import services
from tests.support.stores import postgres_url, redis_client


@pytest.fixture
def limits() -> Limits:
    return Limits()


@pytest.fixture
async def server(tmp_path: Path, limits: Limits) -> AsyncIterator[Server]:
    running = Server(Settings(data=tmp_path / "data", port=0, limits=limits))
    await running.start()
    try:
        yield running
    finally:
        await running.stop()


@pytest.fixture
async def settings(tmp_path: Path) -> AsyncIterator[Settings]:
    """Of a server on PostgreSQL, Redis and Kafka that has nothing yet."""
    async with redis_client():
        yield Settings(
            data=tmp_path / "data",
            port=0,
            limits=Limits(messages_per_second=0),
            database_url=await postgres_url(tmp_path),
            redis_url=services().url("redis"),
            kafka_servers=services().url("kafka"),
            kafka_prefix=f"{new_id()}.",
        )
