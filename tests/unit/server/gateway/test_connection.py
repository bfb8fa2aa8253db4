"""How a connection tells that the other side takes what is written."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import pytest
from websockets.client import ClientProtocol
from websockets.uri import parse_uri

from common.errors import CloseCode
from common.limits import FRAME_MAX_BYTES
from server.gateway import connection as module
from server.gateway.connection import Connection, Receiver

URL = "ws://127.0.0.1/ws"


class Transport:
    """Takes everything at once, and counts what waits as told."""

    def __init__(self) -> None:
        self.written: list[bytes] = []

    def write(self, data: bytes) -> None:
        self.written.append(data)

    def get_write_buffer_size(self) -> int:
        return 0

    def is_closing(self) -> bool:
        return False

    def resume_reading(self) -> None:
        pass

    def abort(self) -> None:
        pass


class Nobody:
    def received(self, payload: bytes) -> None:
        pass

    def lost(self) -> None:
        pass


@pytest.fixture
def transport() -> Transport:
    return Transport()


@pytest.fixture
def connection(transport: Transport) -> Connection:
    """Upgraded."""
    made = Connection(accept=_nobody, connections=set(), send_limit=1_000)
    made.connection_made(cast("Any", transport))
    client = ClientProtocol(parse_uri(URL), max_size=FRAME_MAX_BYTES)
    client.send_request(client.connect())
    for data in client.data_to_send():
        made.data_received(data)
    assert made.open
    return made


def _nobody(_: Connection) -> Receiver:
    return Nobody()


async def test_what_is_drained_waits_while_the_transport_is_full(connection: Connection) -> None:
    await connection.drained()
    connection.pause_writing()
    waiting = asyncio.ensure_future(connection.drained())
    await asyncio.sleep(0)
    assert not waiting.done()
    connection.resume_writing()
    await waiting


async def test_who_is_gone_keeps_nobody_waiting(connection: Connection) -> None:
    connection.pause_writing()
    waiting = asyncio.ensure_future(connection.drained())
    await asyncio.sleep(0)
    connection.connection_lost(None)
    await waiting


async def test_who_takes_nothing_for_long_is_closed(
    connection: Connection, transport: Transport, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_DRAIN_TIMEOUT_S", 0.01)
    connection.pause_writing()
    await connection.drained()
    assert not connection.open
    # A close frame: its code comes first.
    assert transport.written[-1][2:4] == CloseCode.SLOW_CONSUMER.to_bytes(2, "big")
