"""The server in a thread of another program."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest

from server.embedded import EmbeddedError, EmbeddedServer, EmbeddedSettings
from tests.support.client import Rest


def settings(folder: Path, port: int = 0) -> EmbeddedSettings:
    return EmbeddedSettings(data=folder, host="127.0.0.1", port=port, name="Workshop LAN")


async def test_it_starts_makes_accounts_restarts_and_keeps_its_identity(tmp_path: Path) -> None:
    server = EmbeddedServer(settings(tmp_path))
    await asyncio.wrap_future(server.start())
    first = server.server_id
    await asyncio.wrap_future(server.create_account(name="Mira", username="mira", password="password 1"))
    with pytest.raises(EmbeddedError, match="taken"):
        await asyncio.wrap_future(server.create_account(name="Mira", username="mira", password="password 1"))
    await asyncio.wrap_future(server.reset_password("mira", "password 2"))
    signed_in = await Rest(server.url).call("POST", "/auth/login", username="mira", password="password 2")
    assert signed_in.json()["user"]["admin"] is True
    await asyncio.wrap_future(server.stop())
    again = EmbeddedServer(settings(tmp_path))
    await asyncio.wrap_future(again.start())
    try:
        assert again.server_id == first
    finally:
        await asyncio.wrap_future(again.stop())


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


def test_it_imports_no_driver_of_the_standalone_services() -> None:
    code = (
        "import sys, server.bootstrap; print([m for m in ('asyncpg','aiokafka','redis') if m in sys.modules])"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"
