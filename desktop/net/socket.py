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
            raise LostError("The connection to the server was lost.") from problem

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
        raise NotParleyError("Parley speaks without encryption only to this computer.")
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
        raise UnreachableError("The server does not take connections right now.") from problem
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
    return UnreachableError(f"{address.netloc} can't be reached. Is this computer online?")


def _explain_one(cause: BaseException, address: Address) -> NetError | None:
    where = address.netloc
    found: NetError | None = None
    match cause:
        case WrongIdentityError():
            found = KeyChangedError(
                f"The server at {where} shows another key than before. Somebody may be between you and it, "
                "or it was set up anew. Nothing was sent. Ask whoever runs it."
            )
        case NoIdentityError():
            found = NotParleyError(f"What answers at {where} is not a Parley server.")
        case ssl.SSLError():
            found = NotParleyError(
                f"What answers at {where} is not a Parley server: it does not speak Parley's encryption."
            )
        case socket.gaierror():
            found = UnreachableError(f'There is no computer named "{address.host}" here. Check the address.')
        case ConnectionRefusedError():
            found = UnreachableError(f"Nothing listens at {where}. Is the server running?")
        case TimeoutError():
            found = UnreachableError(f"{where} does not answer.")
        case _:
            pass
    return found
