"""``/readyz`` of a server that runs while what it stands on goes and comes back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path
from sqlite3 import connect
from urllib.parse import urlsplit

import httpx2
import pytest

from common.ids import new_id
from server.bootstrap import Server
from server.settings import DATABASE_FILE, Settings
from tests.support.logs import LogGuard
from tests.support.metrics import metrics_of
from tests.support.services import services
from tests.support.stores import postgres_url, redis_client

PATIENCE_S = 30.0
_LOOK_S = 0.2


async def readyz(url: str) -> tuple[int, str]:
    async with httpx2.AsyncClient(trust_env=False, timeout=PATIENCE_S) as http:
        answer = await http.get(f"{url}/readyz")
    return answer.status_code, answer.text


async def until_ready_says(url: str, status: int, start: str) -> str:
    async with asyncio.timeout(PATIENCE_S):
        while True:
            code, text = await readyz(url)
            if code == status and text.startswith(start):
                return text
            await asyncio.sleep(_LOOK_S)


class Gate:
    """Passes bytes on to an address until it is shut; open again, it passes them on again."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._target = (parts.hostname or "", parts.port or 0)
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self.port = 0

    async def open(self) -> None:
        self._server = await asyncio.start_server(self._pass, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def shut(self) -> None:
        if self._server is not None:
            self._server.close()
        for writer in tuple(self._writers):
            writer.transport.abort()
        if self._server is not None:
            await self._server.wait_closed()

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection(*self._target)
        self._writers |= {writer, back}
        try:
            await asyncio.gather(_copy(reader, back), _copy(there, writer))
        finally:
            self._writers -= {writer, back}


async def _copy(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    try:
        while data := await source.read(65_536):
            target.write(data)
            await target.drain()
    except ConnectionError:
        pass
    finally:
        target.close()


@asynccontextmanager
async def closed_to_connections(url: str) -> AsyncIterator[None]:
    """The database refuses everyone, and those who were connected are cut."""
    import asyncpg

    name = urlsplit(url).path.lstrip("/")
    admin = await asyncpg.connect(services().url("postgres"))
    try:
        await admin.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
        await admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1", name)
        yield
        await admin.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")
    finally:
        await admin.close()


async def test_a_schema_that_is_behind_is_named(server: Server, tmp_path: Path) -> None:
    assert await readyz(server.url) == (200, "ok")
    with closing(connect(tmp_path / "data" / DATABASE_FILE, isolation_level=None)) as beside:
        beside.execute("DELETE FROM schema_migrations WHERE number = 3")
    text = await until_ready_says(server.url, 503, "migrations: ")
    assert "3" in text
    assert text.count("\n") == 0


@pytest.mark.usefixtures("quiet_kafka")
async def test_an_outage_is_told_by_its_name_and_its_end_is_noticed(
    tmp_path: Path, log_guard: LogGuard
) -> None:
    # Which of them runs into the outage depends on the moment.
    log_guard.allow("presence|outbox|routes|token_keys|unavailable|reach")
    url = await postgres_url(tmp_path)
    gate = Gate(services().url("redis"))
    await gate.open()
    settings = Settings(
        data=tmp_path / "data",
        port=0,
        database_url=url,
        redis_url=f"redis://127.0.0.1:{gate.port}",
        kafka_servers=services().url("kafka"),
        kafka_prefix=f"{new_id()}.",
    )
    async with redis_client():
        server = Server(settings)
        await server.start()
        try:
            assert await readyz(server.url) == (200, "ok")
            await gate.shut()
            # Messages go on without it.
            await until_ready_says(server.url, 200, "ok\ndegraded: redis: ")
            async with closed_to_connections(url):
                text = await until_ready_says(server.url, 503, "database: ")
                assert "kafka" not in text
                found = await metrics_of(server.url)
                assert found["parley_dependency_up", frozenset({"database"})] == 0
                assert found["parley_dependency_up", frozenset({"kafka"})] == 1
                assert found["parley_dependency_errors_total", frozenset({"redis"})] > 0
                assert found["parley_dependency_errors_total", frozenset({"database"})] > 0
            await gate.open()
            assert await until_ready_says(server.url, 200, "ok") == "ok"
        finally:
            await server.stop()
            await gate.shut()
