"""A backup put back beneath a server that runs: against the advice, and it heals."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from common.errors import CloseCode
from common.protocol.pushes import MessageNew
from server import upkeep
from server.bootstrap import Server
from server.settings import Settings
from server.transfer.backup import backup
from server.transfer.restore import restore
from tests.support.client import client, direct_room, register

pytestmark = pytest.mark.usefixtures("quiet_kafka")


async def test_all_connections_are_closed_and_greeted_with_the_new_epoch(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, expect_log: Callable[..., None]
) -> None:
    monkeypatch.setattr(upkeep, "EPOCH_S", 0.05)
    expect_log("history_replaced")
    server = Server(settings)
    await server.start()
    try:
        mira, dario = await register(server.url, "mira"), await register(server.url, "dario")
        room = (await direct_room(server.url, mira, dario)).room_id
        async with client(server.url, mira) as a, client(server.url, dario) as b:
            before = await a.say(room, "kept")
            await backup(settings, tmp_path / "backup")
            for number in range(4):
                await a.say(room, f"lost {number}")
            lost = await a.say(room, "the last")
            await b.until(MessageNew, lambda push: push.seq == lost.seq)
            await restore(settings, tmp_path / "backup", replace=True)
            assert await a.until_closed() == await b.until_closed() == CloseCode.RESTART
            epoch = a.welcome.history_epoch
        async with client(server.url, mira) as a, client(server.url, dario) as b:
            assert a.welcome.history_epoch == b.welcome.history_epoch != epoch
            # With numbers that were given before: the gateway keeps nothing of how far the room was.
            again = await a.say(room, "after it")
            assert before.seq < again.seq <= lost.seq
            assert (await b.until(MessageNew)).message.body == "after it"
            assert [m.body for m in (await b.history(room)).messages] == ["kept", "after it"]
            async with asyncio.timeout(30):
                while server.connections != 2:
                    await asyncio.sleep(0.02)
    finally:
        await server.stop()
