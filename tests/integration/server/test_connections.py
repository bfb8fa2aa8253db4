"""Abuse cases 5 to 11: connections that are slow, endless or of another kind."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final, cast
from urllib.parse import urlsplit

import httpx2
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed
from websockets.frames import Frame, Opcode

from common.errors import CloseCode
from common.limits import FRAME_MAX_BYTES, Limits
from server.bootstrap import Server
from server.settings import Settings
from tests.support.client import PATIENCE_S, Rest, client, direct_room, register

IDLE_MS: Final = 300
CLIENTS_KEEP_S: Final = 5.5
UPGRADE: Final = (
    b"GET /ws HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
)


@pytest.fixture
def limits() -> Limits:
    return Limits(
        idle_timeout_ms=IDLE_MS, hello_timeout_ms=1_000, send_queue_bytes=64 * 1024, messages_per_second=0
    )


@contextlib.asynccontextmanager
async def raw(url: str) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    parts = urlsplit(url)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    try:
        yield reader, writer
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


async def until_cut(reader: asyncio.StreamReader) -> bytes:
    """What came until the other side ended it."""
    async with asyncio.timeout(PATIENCE_S):
        try:
            return await reader.read()
        except ConnectionError:
            return b""


@pytest.mark.parametrize(
    "said",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"GET /api/v1/server HTTP/1.1\r\nHost: loc", id="half a head"),
        pytest.param(
            b"POST /api/v1/auth/login HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n{",
            id="half a body",
        ),
    ],
)
async def test_a_request_that_does_not_arrive_is_cut(server: Server, said: bytes) -> None:
    async with raw(server.url) as (reader, writer):
        writer.write(said)
        await until_cut(reader)
    assert (await Rest(server.url).call("GET", "/server")).status_code == 200


async def test_a_head_that_drips_is_cut_and_a_body_that_drips_is_not(server: Server) -> None:
    body = b'{"username":"mira","password":"wrong wrong"}'
    head = b"POST /api/v1/auth/login HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
    whole = head + b"Content-Length: %d\r\n\r\n" % len(body)

    async def drip(data: bytes, writer: asyncio.StreamWriter) -> None:
        for byte in data:
            writer.write(bytes([byte]))
            await asyncio.sleep(IDLE_MS / 1_000 / 20)

    async with raw(server.url) as (reader, writer):
        dripping = asyncio.ensure_future(drip(whole, writer))
        assert await until_cut(reader) == b""
        dripping.cancel()
        await asyncio.wait({dripping})
    async with raw(server.url) as (reader, writer):
        writer.write(whole)
        await drip(body, writer)
        assert b" 401 " in (await until_cut(reader)).splitlines()[0]


async def test_a_connection_outlives_what_clients_keep_it_for(server: Server) -> None:
    """Or a request crosses with its end, and has no answer: httpx keeps one for as long as uvicorn would."""
    async with raw(server.url) as (reader, writer), asyncio.timeout(PATIENCE_S):
        for pause_s in (CLIENTS_KEEP_S, 0):
            writer.write(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
            head = await reader.readuntil(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 200")
            await reader.readexactly(int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0]))
            await asyncio.sleep(pause_s)


async def test_an_unfinished_handshake_is_cut_and_holds_up_no_stop(tmp_path: Path) -> None:
    server = Server(Settings(data=tmp_path, port=0, tls=True, limits=Limits(idle_timeout_ms=IDLE_MS)))
    await server.start()
    try:
        async with raw(server.url) as (reader, writer):
            writer.write(b"\x16\x03\x01\x02\x00")
            await until_cut(reader)
        async with raw(server.url) as (_, writer):
            writer.write(b"\x16\x03\x01\x02\x00")
            await writer.drain()
            began = time.monotonic()
            await server.stop()
            assert time.monotonic() - began < PATIENCE_S / 2
    finally:
        await server.stop()


async def test_a_socket_without_hello_is_closed(server: Server) -> None:
    mira = await register(server.url, "mira")
    async with client(server.url, mira, hello=False) as a:
        assert await a.until_closed() == CloseCode.UNAUTHENTICATED


async def _closed_by(server: Server, *frames: Frame) -> int | None:
    """The code with which the server closes after these raw frames."""
    address = f"{server.url.replace('http', 'ws', 1)}/ws"
    async with connect(address, compression=None, proxy=None) as socket:
        socket.transport.write(b"".join(frame.serialize(mask=True) for frame in frames))
        async with asyncio.timeout(PATIENCE_S):
            with contextlib.suppress(ConnectionClosed):
                while True:
                    await socket.recv()
    return socket.close_code


async def test_binary_frames_are_refused(server: Server) -> None:
    assert await _closed_by(server, Frame(Opcode.BINARY, b"{}")) == CloseCode.POLICY


async def test_invalid_utf8_is_refused(server: Server) -> None:
    assert await _closed_by(server, Frame(Opcode.TEXT, b'{"type":"\xff"}')) == 1007


async def test_too_large_a_frame_is_refused(server: Server) -> None:
    assert await _closed_by(server, Frame(Opcode.TEXT, b" " * (FRAME_MAX_BYTES + 1))) == CloseCode.TOO_BIG


async def test_endless_fragments_are_refused(server: Server) -> None:
    more = [Frame(Opcode.CONT, b"a", fin=False)] * 300
    assert await _closed_by(server, Frame(Opcode.TEXT, b"a", fin=False), *more) == CloseCode.TOO_BIG


async def test_a_ping_flood_is_refused(server: Server) -> None:
    assert await _closed_by(server, *[Frame(Opcode.PING, b"?")] * 200) == CloseCode.POLICY


async def test_fragments_of_one_message_are_one_message(server: Server) -> None:
    mira = await register(server.url, "mira")
    address = f"{server.url.replace('http', 'ws', 1)}/ws"
    async with connect(address, compression=None, proxy=None) as socket:
        text = f'{{"type":"hello","id":1,"versions":[1],"token":"{mira.access_token}"}}'
        await socket.send([text[:20], text[20:60], text[60:]])
        async with asyncio.timeout(PATIENCE_S):
            assert '"welcome"' in str(await socket.recv())


async def test_what_follows_the_upgrade_in_the_same_packet_is_read(server: Server) -> None:
    mira = await register(server.url, "mira")
    hello = f'{{"type":"hello","id":1,"versions":[1],"token":"{mira.access_token}"}}'.encode()
    async with raw(server.url) as (reader, writer):
        writer.write(UPGRADE)
        async with asyncio.timeout(PATIENCE_S):
            assert b" 101 " in await reader.readuntil(b"\r\n\r\n")
            for byte in Frame(Opcode.TEXT, hello).serialize(mask=True):
                writer.write(bytes([byte]))
                await writer.drain()
            assert b'"welcome"' in await reader.readuntil(b'"welcome"')


async def test_who_does_not_read_is_closed_and_nobody_waits_for_them(server: Server) -> None:
    mira, dario = await register(server.url, "mira"), await register(server.url, "dario")
    room = (await direct_room(server.url, mira, dario)).room_id
    hello = f'{{"type":"hello","id":1,"versions":[1],"token":"{dario.access_token}"}}'.encode()
    async with raw(server.url) as (reader, writer):
        writer.write(UPGRADE)
        await reader.readuntil(b"\r\n\r\n")
        writer.write(Frame(Opcode.TEXT, hello).serialize(mask=True))
        await reader.readuntil(b'"ready"')
        cast("asyncio.Transport", writer.transport).pause_reading()
        async with client(server.url, mira) as a:
            assert server.connections == 2
            async with asyncio.timeout(PATIENCE_S):
                while server.connections == 2:
                    await a.say(room, "x" * 16_000)
            again = await a.say(room, "and on it goes")
            assert again.message.msg_no > 1
        async with client(server.url, dario) as b:
            # Nothing is lost by it: what was not sent is in the room.
            page = await b.history(room, limit=1)
            assert page.messages[-1].body == "and on it goes"


async def test_the_docs_are_there_without_anything_from_elsewhere(server: Server) -> None:
    async def page(path: str) -> tuple[int, str, bytes]:
        async with httpx2.AsyncClient(base_url=server.url, trust_env=False) as http:
            answer = await http.get(path)
            return answer.status_code, answer.headers["Content-Type"], answer.content

    status, kind, html = await page("/api/docs")
    assert (status, kind.split(";")[0]) == (200, "text/html")
    assert b'src="/api/redoc.standalone.js"' in html
    assert b"googleapis" not in html
    assert b"cdn" not in html.lower()
    status, kind, _ = await page("/api/redoc.standalone.js")
    assert (status, kind.split(";")[0]) == (200, "text/javascript")
    status, kind, _ = await page("/api/openapi.json")
    assert status == 200
