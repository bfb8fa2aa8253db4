"""A WebSocket on uvicorn's transport, by the sans-I/O protocol of the ``websockets`` library.

uvicorn gives every upgrade to the protocol class of ``Config(ws=...)``. This one drives
``websockets.server.ServerProtocol`` itself: a complete text frame goes straight to the session, and a
fan-out writes one frame, built once, to every transport. See ``docs/adr/0006``.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from http import HTTPStatus
from typing import Any, Final, Protocol, cast
from urllib.parse import urlsplit

from websockets.frames import Frame, Opcode
from websockets.http11 import Request
from websockets.protocol import State
from websockets.server import ServerProtocol

from common.errors import CloseCode
from common.limits import FRAME_MAX_BYTES

PATH: Final = "/ws"
_CLOSE_TIMEOUT_S: Final = 5.0
_DRAIN_TIMEOUT_S: Final = 30.0
_MAX_FRAGMENTS: Final = 256
_MAX_PINGS_WAITING: Final = 100


class Receiver(Protocol):
    """The session behind a connection."""

    def received(self, payload: bytes) -> None:
        """A whole text message came."""
        ...

    def lost(self) -> None:
        """The connection is gone."""
        ...


def text_frame(payload: bytes) -> bytes:
    """The bytes of one unmasked text frame, the same for every receiver."""
    return Frame(Opcode.TEXT, payload).serialize(mask=False)


class Connection(asyncio.Protocol):
    """One upgraded connection. ``accept`` makes the session once the handshake is done."""

    __slots__ = (
        "_accept",
        "_connections",
        "_fragments",
        "_full",
        "_parts",
        "_pings",
        "_protocol",
        "_receiver",
        "_send_limit",
        "_transport",
        "alive",
    )

    def __init__(
        self,
        *,
        accept: Callable[[Connection], Receiver],
        connections: set[Any],
        send_limit: int,
    ) -> None:
        self._accept = accept
        self._connections = connections
        self._send_limit = send_limit
        self._protocol = ServerProtocol(max_size=FRAME_MAX_BYTES)
        self._receiver: Receiver | None = None
        self._transport: asyncio.Transport | None = None
        self._parts: list[bytes] = []
        self._fragments = 0
        self._pings = 0
        self._full: asyncio.Event | None = None
        """While the transport's buffer is; set when it has room again."""
        self.alive = True
        """Something came since the heartbeat last looked."""

    # What the session does.

    @property
    def open(self) -> bool:
        """Frames can be sent."""
        return self._protocol.state is State.OPEN

    def write(self, frame: bytes) -> None:
        """Send a frame made by ``text_frame``. A receiver that does not read is closed (4408)."""
        transport = self._transport
        if transport is None or self._protocol.state is not State.OPEN:
            return
        transport.write(frame)
        if self._send_limit and transport.get_write_buffer_size() > self._send_limit:
            # It may still read to the close frame, for as long as any close may take.
            self.close(CloseCode.SLOW_CONSUMER, "slow_consumer")

    async def drained(self) -> None:
        """Until the other side has taken most of what was written, or is gone.

        For who has more to say at once than ``send_limit``. Closes (4408) where it takes too long.
        """
        if self._full is None:
            return
        try:
            async with asyncio.timeout(_DRAIN_TIMEOUT_S):
                await self._full.wait()
        except TimeoutError:
            self.close(CloseCode.SLOW_CONSUMER, "slow_consumer")

    def ping(self) -> None:
        """Ask whether the other side is there."""
        if self.open:
            self._protocol.send_ping(b"")
            self._flush()

    def close(self, code: int, reason: str, *, linger_s: float = _CLOSE_TIMEOUT_S) -> None:
        """Close; the transport is cut when the other side has not answered in time."""
        transport = self._transport
        if transport is None or self._protocol.state is not State.OPEN:
            return
        self._protocol.send_close(code, reason)
        self._flush()
        # Or the answer to it would never be read.
        self.resume()
        asyncio.get_running_loop().call_later(linger_s, transport.abort)

    def pause(self) -> None:
        """Stop reading: the session has enough to do."""
        if self._transport is not None:
            self._transport.pause_reading()

    def resume(self) -> None:
        """Read on."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.resume_reading()

    def shutdown(self) -> None:
        """What uvicorn calls for each of its connections when it stops."""
        self.close(CloseCode.RESTART, "the server is closing")

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Uvicorn hands the transport over."""
        # A cast, not a check: uvloop's transports are no subclasses of asyncio's.
        self._transport = cast("asyncio.Transport", transport)
        self._connections.add(self)

    def data_received(self, data: bytes) -> None:
        """Feed the protocol, answer what it answers by itself, pass frames on."""
        self.alive = True
        self._protocol.receive_data(data)
        for event in self._protocol.events_received():
            if isinstance(event, Frame):
                self._frame(event)
            elif isinstance(event, Request):
                self._upgrade(event)
        self._flush()

    def eof_received(self) -> None:
        """The other side will send no more."""
        self._protocol.receive_eof()
        self._flush()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio calls it
        """Tell the session."""
        self._connections.discard(self)
        self._protocol.receive_eof()
        self._transport = None
        self.resume_writing()
        receiver, self._receiver = self._receiver, None
        if receiver is not None:
            receiver.lost()

    def pause_writing(self) -> None:
        """The transport's buffer is full."""
        self._full = asyncio.Event()

    def resume_writing(self) -> None:
        """It has room again."""
        full, self._full = self._full, None
        if full is not None:
            full.set()

    # inside

    def _upgrade(self, request: Request) -> None:
        if urlsplit(request.path).path != PATH:
            response = self._protocol.reject(HTTPStatus.NOT_FOUND, "There is no such address.\n")
        elif not _same_origin(request):
            response = self._protocol.reject(HTTPStatus.FORBIDDEN, "Foreign pages can't connect.\n")
        else:
            response = self._protocol.accept(request)
        self._protocol.send_response(response)
        if self._protocol.state is State.OPEN:
            self._receiver = self._accept(self)

    def _frame(self, frame: Frame) -> None:
        if self._receiver is None or self._protocol.state is not State.OPEN:
            return
        if frame.opcode is Opcode.TEXT and frame.fin:
            self._pings = 0
            self._receiver.received(bytes(frame.data))
        elif frame.opcode in {Opcode.TEXT, Opcode.CONT}:
            self._fragment(frame)
        elif frame.opcode is Opcode.BINARY:
            self.close(CloseCode.POLICY, "text frames only")
        elif frame.opcode is Opcode.PING:
            self._pings += 1
            if self._pings > _MAX_PINGS_WAITING:
                self.close(CloseCode.POLICY, "too many pings")

    def _fragment(self, frame: Frame) -> None:
        """The protocol bounds the bytes of a fragmented message, this their number."""
        self._parts.append(bytes(frame.data))
        self._fragments += 1
        if self._fragments > _MAX_FRAGMENTS:
            self.close(CloseCode.TOO_BIG, "too many fragments")
            return
        if frame.fin and self._receiver is not None:
            payload = b"".join(self._parts)
            self._parts, self._fragments = [], 0
            self._receiver.received(payload)

    def _flush(self) -> None:
        transport = self._transport
        if transport is None:
            return
        for data in self._protocol.data_to_send():
            if data:
                transport.write(data)
            else:
                transport.close()


def _same_origin(request: Request) -> bool:
    """Desktops send no Origin; a page of a browser may connect only where it came from."""
    origin = request.headers.get("Origin")
    return origin is None or urlsplit(origin).netloc == request.headers.get("Host")
