"""A WebSocket client that costs next to nothing, so that the server is what is measured.

It speaks just what a Parley server sends (RFC 6455, no extensions) and masks with the zero key,
which leaves the payload as it is. Everything received is still decoded, message by message.
"""

from __future__ import annotations

import asyncio
import base64
import os
import ssl
from collections.abc import Callable
from typing import Final, cast
from urllib.parse import urlsplit

import msgspec

from common.limits import FRAME_MAX_BYTES
from common.protocol.pushes import Error, Heads, MessageNew, Push, Ready, SyncEvents, Welcome
from common.protocol.requests import Hello

CONNECT_TIMEOUT_S: Final = 30.0
_TEXT, _CLOSE, _PING, _PONG = 1, 8, 9, 10
_ZERO_MASK: Final = bytes(4)
_SMALL, _MEDIUM = 126, 127
_SWITCHING: Final = b"HTTP/1.1 101"

decode_push: Final[Callable[[bytes], Push]] = msgspec.json.Decoder(Push).decode
encode: Final = msgspec.json.Encoder().encode


class LoadError(Exception):
    """The run is void: the server refused, closed or broke a promise."""


def frame(payload: bytes, opcode: int = _TEXT) -> bytes:
    """One final, masked client frame."""
    size = len(payload)
    if size < _SMALL:
        head = bytes((0x80 | opcode, 0x80 | size))
    elif size < 1 << 16:
        head = bytes((0x80 | opcode, 0x80 | _SMALL)) + size.to_bytes(2, "big")
    else:
        head = bytes((0x80 | opcode, 0x80 | _MEDIUM)) + size.to_bytes(8, "big")
    return head + _ZERO_MASK + payload


class Socket(asyncio.Protocol):
    """One connection. ``on_message`` gets every live ``message.new``; other pushes are kept apart.

    Signed in by ``sign_in``; ``heads`` then holds the rooms by id.
    """

    __slots__ = (
        "_buffer",
        "_closed",
        "_next_id",
        "_opened",
        "_ready",
        "_synced",
        "_transport",
        "_url",
        "heads",
        "on_error",
        "on_message",
        "on_push",
        "welcome",
    )

    def __init__(self, url: str, on_message: Callable[[MessageNew], None]) -> None:
        loop = asyncio.get_running_loop()
        self._url = urlsplit(url)
        self._transport: asyncio.Transport | None = None
        self._buffer = b""
        self._next_id = 1
        self._opened: asyncio.Future[None] | None = loop.create_future()
        self._ready: asyncio.Future[None] | None = loop.create_future()
        self._synced: dict[int, asyncio.Future[SyncEvents]] = {}
        self._closed: str | None = None
        self.on_message = on_message
        self.on_error: Callable[[str], None] | None = None
        self.on_push: Callable[[Push], bool] | None = None
        """Sees all other pushes first; True: nobody else shall."""
        self.heads: Heads = Heads([])
        self.welcome: Welcome | None = None

    @classmethod
    async def connect(
        cls,
        url: str,
        token: str,
        on_message: Callable[[MessageNew], None],
        *,
        on_push: Callable[[Push], bool] | None = None,
    ) -> Socket:
        """Open, upgrade and say hello; returns after ``ready``.

        Raises:
            LoadError: refused, or no answer within a minute.
        """
        loop = asyncio.get_running_loop()
        parts = urlsplit(url)
        secure = parts.scheme in {"https", "wss"}
        socket = cls(url, on_message)
        socket.on_push = on_push
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT_S):
                await loop.create_connection(
                    lambda: socket,
                    parts.hostname or "127.0.0.1",
                    parts.port or (443 if secure else 80),
                    ssl=_any_certificate() if secure else None,
                )
                await socket.sign_in(token)
        except (OSError, TimeoutError) as problem:
            msg = f"can't connect to {url}: {problem!r}"
            raise LoadError(msg) from problem
        return socket

    async def sign_in(self, token: str) -> None:
        """Say hello and wait for ``ready``."""
        assert self._opened is not None
        assert self._ready is not None
        await self._opened
        self.send(encode(Hello(self.request_id(), [1], token)))
        await self._ready
        self._opened = self._ready = None

    def request_id(self) -> int:
        """A fresh request id."""
        self._next_id += 1
        return self._next_id

    def send(self, line: bytes) -> None:
        """Send one line as a frame of its own."""
        if self._transport is None:
            msg = f"the connection is closed: {self._closed}"
            raise LoadError(msg)
        self._transport.write(frame(line))

    async def sync(self, room_id: str, after_seq: int) -> SyncEvents:
        """All events of a room after ``after_seq``."""
        request_id = self.request_id()
        answer: asyncio.Future[SyncEvents] = asyncio.get_running_loop().create_future()
        self._synced[request_id] = answer
        self.send(
            b'{"type":"sync","id":%d,"room_id":"%s","after_seq":%d}'
            % (request_id, room_id.encode(), after_seq)
        )
        return await answer

    def close(self) -> None:
        """Drop the connection, as a crash or a lost network does."""
        if self._transport is not None:
            self._closed = "by the load tool"
            self._transport.abort()

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask for the upgrade."""
        # A cast, not a check: uvloop's transports are no subclasses of asyncio's.
        self._transport = cast("asyncio.Transport", transport)
        key = base64.b64encode(os.urandom(16)).decode()
        self._transport.write(
            f"GET /ws HTTP/1.1\r\nHost: {self._url.netloc}\r\nUpgrade: websocket\r\n"
            f"Connection: Upgrade\r\nSec-WebSocket-Key: {key}\r\n"
            "Sec-WebSocket-Version: 13\r\n\r\n".encode()
        )

    def data_received(self, data: bytes) -> None:
        """Cut frames off what came."""
        buffer = self._buffer + data if self._buffer else data
        if self._opened is not None and not self._opened.done():
            buffer = self._upgraded(buffer)
        at, end = 0, len(buffer)
        while end - at >= 2:
            size, start = buffer[at + 1], at + 2
            if size == _SMALL:
                size, start = int.from_bytes(buffer[at + 2 : at + 4], "big"), at + 4
            elif size == _MEDIUM:
                size, start = int.from_bytes(buffer[at + 2 : at + 10], "big"), at + 10
            if start > end or end - start < size:
                break
            if size > FRAME_MAX_BYTES:
                self._fail("a frame of more than 256 KiB")
                return
            self._frame(buffer[at] & 0x0F, buffer[start : start + size])
            at = start + size
        self._buffer = buffer[at:]

    def connection_lost(self, exc: Exception | None) -> None:
        """Whoever waits is told."""
        self._transport = None
        self._fail(self._closed or f"closed by the server ({exc})")

    # inside

    def _upgraded(self, buffer: bytes) -> bytes:
        head, found, rest = buffer.partition(b"\r\n\r\n")
        if not found:
            self._buffer = buffer
            return b""
        assert self._opened is not None
        self._buffer = b""
        if head.startswith(_SWITCHING):
            self._opened.set_result(None)
            return rest
        self._fail(head.split(b"\r\n", 1)[0].decode(errors="replace"))
        return b""

    def _frame(self, opcode: int, payload: bytes) -> None:
        if opcode == _TEXT:
            for line in payload.split(b"\n"):
                push = decode_push(line)
                if type(push) is MessageNew:
                    self.on_message(push)
                else:
                    self._push(push)
        elif opcode == _PING and self._transport is not None:
            self._transport.write(frame(payload, _PONG))
        elif opcode == _CLOSE:
            self._closed = f"{int.from_bytes(payload[:2], 'big')} {payload[2:].decode()}"

    def _push(self, push: Push) -> None:
        if self.on_push is not None and self.on_push(push):
            return
        if isinstance(push, Heads):
            self.heads.rooms.extend(push.rooms)
        elif isinstance(push, Welcome):
            self.welcome = push
        elif isinstance(push, Ready) and self._ready is not None:
            self._ready.set_result(None)
        elif isinstance(push, SyncEvents):
            waiting = self._synced.pop(push.id, None)
            if waiting is not None:
                waiting.set_result(push)
        elif isinstance(push, Error):
            self._fail(f"refused with {push.code}: {push.message}")

    def _fail(self, reason: str) -> None:
        problem = LoadError(reason)
        for future in (self._opened, self._ready, *self._synced.values()):
            if future is not None and not future.done():
                future.set_exception(problem)
                # Where nobody waits for it yet, somebody else has been told.
                future.exception()
        if self.on_error is not None and self._closed != "by the load tool":
            self.on_error(reason)


def _any_certificate() -> ssl.SSLContext:
    """The load tool measures; it does not authenticate the server it was pointed at."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context
