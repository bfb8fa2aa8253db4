"""The ``websockets`` client as a ``Transport``, and what its failures mean in words."""

from __future__ import annotations

import asyncio
import socket
import ssl
from typing import TYPE_CHECKING, Final

from common.address import Address
from desktop.net.pin import NoIdentityError, PinnedContext, WrongIdentityError
from desktop.net.problems import (
    KeyChangedError,
    LostError,
    NetError,
    NotParleyError,
    UnreachableError,
)
from desktop.words import QT_TRANSLATE_NOOP

if TYPE_CHECKING:
    from websockets.asyncio.client import ClientConnection

OPEN_TIMEOUT_S: Final = 10.0
PING_S: Final = 15.0
"""Ping every 15 s and wait 15 s: a half-open connection is noticed within 30 s."""
ANSWER_MAX_BYTES: Final = 16 * 1024 * 1024
"""A page of history or a sync is one line, which goes alone and may be larger than a shared frame."""
BROKEN: Final = 1006


class SocketTransport:
    """One WebSocket."""

    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection

    async def send(self, frame: bytes) -> None:
        from websockets.exceptions import ConnectionClosed

        try:
            await self._connection.send(frame, text=True)
        except ConnectionClosed as problem:
            raise LostError(
                QT_TRANSLATE_NOOP("services", "The connection to the server was lost.")
            ) from problem

    async def receive(self) -> bytes | None:
        from websockets.exceptions import ConnectionClosed

        try:
            return await self._connection.recv(decode=False)
        except ConnectionClosed:
            return None

    async def close(self) -> None:
        await self._connection.close()

    @property
    def close_code(self) -> int:
        return self._connection.close_code or BROKEN

    @property
    def latency_ms(self) -> int | None:
        latency = self._connection.latency
        return round(latency * 1000) if latency else None


async def open_socket(address: Address, *, context: PinnedContext | None) -> SocketTransport:
    """Open ``/ws`` at the address; TLS under ``context``, plain without one (loopback only).

    Raises:
        NetError: nobody there, not Parley, another identity.
    """
    from websockets.asyncio.client import connect
    from websockets.exceptions import InvalidHandshake

    if context is None and not address.is_loopback:
        raise NotParleyError(
            QT_TRANSLATE_NOOP("services", "Parley speaks without encryption only to this computer.")
        )
    uri = f"{'ws' if context is None else 'wss'}://{address.netloc}/ws"
    try:
        connection = await connect(
            uri,
            ssl=context,
            server_hostname=address.host if context is not None else None,
            proxy=None,
            compression=None,
            max_size=ANSWER_MAX_BYTES,
            open_timeout=OPEN_TIMEOUT_S,
            ping_interval=PING_S,
            ping_timeout=PING_S,
            close_timeout=2.0,
            user_agent_header=None,
        )
    except InvalidHandshake as problem:
        raise UnreachableError(
            QT_TRANSLATE_NOOP("services", "The server does not take connections right now.")
        ) from problem
    except (OSError, TimeoutError, asyncio.IncompleteReadError) as problem:
        raise explain(problem, address) from problem
    return SocketTransport(connection)


def explain(problem: BaseException, address: Address) -> NetError:
    """A failure to connect in words, by looking through what libraries wrap around it."""
    causes: list[BaseException] = []
    seen: BaseException | None = problem
    while seen is not None and seen not in causes:
        causes.append(seen)
        seen = seen.__cause__ or seen.__context__
    for cause in causes:
        found = _explain_one(cause, address)
        if found is not None:
            return found
    return UnreachableError(
        QT_TRANSLATE_NOOP("services", "{where} can't be reached. Is this computer online?"),
        where=address.netloc,
    )


def _explain_one(cause: BaseException, address: Address) -> NetError | None:
    where = address.netloc
    found: NetError | None = None
    match cause:
        case WrongIdentityError():
            found = KeyChangedError(
                QT_TRANSLATE_NOOP(
                    "services",
                    "The server at {where} shows another key than before. Somebody may be between you "
                    "and it, or it was set up anew. Nothing was sent. Ask whoever runs it.",
                ),
                where=where,
            )
        case NoIdentityError():
            found = NotParleyError(
                QT_TRANSLATE_NOOP("services", "What answers at {where} is not a Parley server."), where=where
            )
        case ssl.SSLError():
            found = NotParleyError(
                QT_TRANSLATE_NOOP(
                    "services",
                    "What answers at {where} is not a Parley server: it does not speak Parley's encryption.",
                ),
                where=where,
            )
        case socket.gaierror():
            found = UnreachableError(
                QT_TRANSLATE_NOOP("services", 'There is no computer named "{name}" here. Check the address.'),
                name=address.host,
            )
        case ConnectionRefusedError():
            found = UnreachableError(
                QT_TRANSLATE_NOOP("services", "Nothing listens at {where}. Is the server running?"),
                where=where,
            )
        case TimeoutError():
            found = UnreachableError(QT_TRANSLATE_NOOP("services", "{where} does not answer."), where=where)
        case _:
            pass
    return found
