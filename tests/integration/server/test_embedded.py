"""The server in a thread of another program."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest

from common.protocol.rest import Register
from server.bootstrap import Server
from server.embedded import EmbeddedError, EmbeddedServer, EmbeddedSettings
from tests.support.client import Rest
from tests.support.tree import ROOT
from tests.support.wait import until


def settings(folder: Path, port: int = 0, first: Register | None = None) -> EmbeddedSettings:
    return EmbeddedSettings(data=folder, host="127.0.0.1", port=port, name="Workshop LAN", first=first)


MIRA = Register("mira", "Mira", "password 1")


async def test_it_starts_with_its_admin_restarts_and_keeps_its_identity(tmp_path: Path) -> None:
    server = EmbeddedServer(settings(tmp_path, first=MIRA))
    await asyncio.wrap_future(server.start())
    first = server.server_id
    await asyncio.wrap_future(server.reset_password("mira", "password 2"))
    signed_in = await Rest(server.url).call("POST", "/auth/login", username="mira", password="password 2")
    assert signed_in.json()["user"]["admin"] is True
    await asyncio.wrap_future(server.stop())
    # As after a start that ended before it was told: the account is there already.
    again = EmbeddedServer(settings(tmp_path, first=MIRA))
    await asyncio.wrap_future(again.start())
    try:
        assert again.server_id == first
    finally:
        await asyncio.wrap_future(again.stop())


async def test_a_first_account_that_can_not_be_made_is_told_and_nothing_listens(tmp_path: Path) -> None:
    weak = Register("mira", "Mira", "short")
    with pytest.raises(EmbeddedError, match="at least 8"):
        await asyncio.wrap_future(EmbeddedServer(settings(tmp_path, first=weak)).start())
    server = EmbeddedServer(settings(tmp_path, first=MIRA))
    await asyncio.wrap_future(server.start())
    await asyncio.wrap_future(server.stop())


async def test_a_second_server_on_the_folder_or_the_port_says_why(tmp_path: Path) -> None:
    server = EmbeddedServer(settings(tmp_path / "one"))
    await asyncio.wrap_future(server.start())
    port = int(server.url.rsplit(":", 1)[1])
    try:
        with pytest.raises(EmbeddedError, match="another Parley server"):
            await asyncio.wrap_future(EmbeddedServer(settings(tmp_path / "one")).start())
        with pytest.raises(EmbeddedError, match=f"port {port}"):
            await asyncio.wrap_future(EmbeddedServer(settings(tmp_path / "two", port)).start())
    finally:
        await asyncio.wrap_future(server.stop())


async def test_one_whose_start_nobody_waits_for_any_more_can_be_stopped(tmp_path: Path) -> None:
    server = EmbeddedServer(settings(tmp_path))
    asyncio.wrap_future(server.start()).cancel()
    # Perhaps before it listens: it ends as soon as it does, and lets its folder go.
    await asyncio.wrap_future(server.stop())
    again = EmbeddedServer(settings(tmp_path))
    await asyncio.wrap_future(again.start())
    asyncio.wrap_future(again.stop()).cancel()
    await asyncio.wrap_future(again.stop())
    again._thread.join(10)
    assert not again._thread.is_alive()
    third = EmbeddedServer(settings(tmp_path))
    await asyncio.wrap_future(third.start())
    await asyncio.wrap_future(third.stop())


async def test_one_that_is_cancelled_while_it_runs_still_stops_in_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stopped = list[bool]()
    stop = Server.stop

    async def watched(server: Server) -> None:
        await stop(server)
        stopped.append(True)

    monkeypatch.setattr(Server, "stop", watched)
    server = EmbeddedServer(settings(tmp_path))
    waiting = asyncio.wrap_future(server.start())
    waiting.cancel()
    await until(lambda: server._server is not None)
    await asyncio.wrap_future(server.stop())
    assert stopped == [True]


_WHOLE_LIFE = """
import sys
from pathlib import Path
from server.embedded import EmbeddedServer, EmbeddedSettings
server = EmbeddedServer(EmbeddedSettings(data=Path(sys.argv[1]), host="127.0.0.1", port=0, name="Ship"))
server.start().result(30)
server.stop().result(30)
print([name for name in ("asyncpg", "aiokafka", "redis", "server.infra.otel") if name in sys.modules])
"""


def test_it_imports_no_driver_of_the_standalone_services(tmp_path: Path) -> None:
    ran = subprocess.run(
        [sys.executable, "-c", _WHOLE_LIFE, str(tmp_path)],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
    )
    assert ran.stdout.splitlines()[-1] == "[]"
