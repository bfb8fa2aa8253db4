"""uvicorn, with bounds on how long a connection may take to say what it wants."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Iterator
from typing import Any, Final

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from server.kernel.failures import OperatorError

_BACKLOG: Final = 1_024
_GRACE_S: Final = 5
_KEPT_S: Final = 75
"""So long a connection waits for its next request. Clients (httpx 5 s) and proxies (nginx 60 s) that keep it
are to close it first: a request that is on its way when the server does has no answer, a proxy says 502."""


class PortBusyError(OperatorError):
    """The address can't be listened on, in words."""


def bind(host: str, port: int) -> socket.socket:
    """Listen before anything else is done, so that a busy port is a clear error and not a dead thread.

    Raises:
        PortBusyError: the port is taken or the address is not this machine's.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        if hasattr(socket, "SO_EXCLUSIVEADDRUSE"):
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
        else:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(_BACKLOG)
        listener.settimeout(0)
    except OSError as problem:
        listener.close()
        reason = problem.strerror or str(problem)
        raise PortBusyError(f"can't listen on {host} port {port}: {reason}") from problem
    return listener


class BoundedHttp(HttpToolsProtocol):
    """Cuts a request that does not arrive: ``idle_s`` for its head, and for the next byte of its body.

    uvicorn itself would wait for ever, so that a few thousand silent sockets would use up a server.
    """

    def __init__(self, *, idle_s: float, **kwargs: Any) -> None:  # noqa: ANN401 - uvicorn's own
        super().__init__(**kwargs)
        self._idle_s = idle_s
        self._timer: asyncio.TimerHandle | None = None
        self._in_body = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        """The head of the first request has to come now."""
        super().connection_made(transport)
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing is waited for."""
        self._unwatch()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """In a body each byte counts as progress; in a head only its end does."""
        super().data_received(data)
        if self._in_body:
            self._watch()

    def on_message_begin(self) -> None:
        """A request begins."""
        super().on_message_begin()
        if self._timer is None:
            self._watch()

    def on_headers_complete(self) -> None:
        """Its head is there."""
        super().on_headers_complete()
        self._in_body = True

    def on_message_complete(self) -> None:
        """All of it is there: what follows takes as long as the server takes."""
        self._in_body = False
        self._unwatch()
        super().on_message_complete()

    def handle_websocket_upgrade(self) -> None:
        """The gateway's own bounds hold from here."""
        self._in_body = False
        self._unwatch()
        super().handle_websocket_upgrade()

    def _watch(self) -> None:
        self._unwatch()
        if self._idle_s:
            self._timer = self.loop.call_later(self._idle_s, self._too_slow)

    def _unwatch(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _too_slow(self) -> None:
        self._timer = None
        if self._in_body and self.flow.read_paused:
            # The server itself is behind with reading: not the client's fault.
            self._watch()
        else:
            self.transport.abort()


class WebServer(uvicorn.Server):
    """Leaves signals to the program, tells when it listens, bounds TLS handshakes."""

    def __init__(self, config: uvicorn.Config, *, idle_s: float) -> None:
        super().__init__(config)
        self.ready = asyncio.Event()
        self._idle_s = idle_s

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Nothing: it would end the process before the database is closed."""
        yield

    def stop_listening(self) -> None:
        """Let nobody in any more; who is connected stays."""
        for each in self.servers:
            each.close()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """As uvicorn's for sockets that listen, which has no time-out of handshakes to set."""
        config, loop = self.config, asyncio.get_running_loop()

        def protocol() -> asyncio.Protocol:
            return BoundedHttp(
                idle_s=self._idle_s,
                config=config,
                server_state=self.server_state,
                app_state=self.lifespan.state,
            )

        handshake_s = self._idle_s if config.ssl and self._idle_s else None
        self.servers = [
            await loop.create_server(
                protocol, sock=each, ssl=config.ssl, backlog=_BACKLOG, ssl_handshake_timeout=handshake_s
            )
            for each in sockets or ()
        ]
        self.started = True
        self.ready.set()


def config_of(app: Any, websocket: Any) -> uvicorn.Config:  # noqa: ANN401 - an ASGI application and uvicorn's callable
    """How uvicorn serves Parley; ``websocket`` is called for every upgrade."""
    return uvicorn.Config(
        app,
        ws=websocket,
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=_GRACE_S,
        timeout_keep_alive=_KEPT_S,
    )
