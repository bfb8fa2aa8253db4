"""The server inside this program, as views see it. What runs it is a port: ``desktop.embedded_host``."""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import socket
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, Protocol

import msgspec
from PySide6.QtCore import QObject, Signal

from common.address import Address, is_loopback, parse_address
from common.ids import short_key
from common.protocol.rest import Register
from desktop.net.tasks import TaskOwner
from desktop.services.account import AccountService
from desktop.services.accounts import AccountsService, found_at
from desktop.services.state import HostState, ServerFound, ServiceError
from desktop.services.words import tr
from desktop.storage.profile import Profile

log: Final = logging.getLogger(__name__)

EVERYWHERE: Final = "0.0.0.0"  # noqa: S104 - hosting for the network is what the person asks for
POLL_S: Final = 2.0
DEFAULT_PORT: Final = Address(host="").port
_SETTING: Final = "host"


@dataclass(frozen=True, slots=True, kw_only=True)
class HostSettings:
    """What the server is started with. ``port`` 0: any free one."""

    folder: Path
    bind: str
    port: int
    name: str
    first: Register | None = None
    """The account of who hosts, made before anyone else can reach the server."""


class HostProblem(Exception):
    """Why the server does not run, in words for the window."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.text = text


class HostedServer(Protocol):
    """A running server. Its methods raise ``HostProblem``."""

    @property
    def url(self) -> str: ...

    @property
    def server_id(self) -> str: ...

    @property
    def connections(self) -> int:
        """Signed-in devices, the host's own window included."""
        ...

    async def reset_password(self, username: str, new: str) -> None: ...

    async def stop(self) -> None: ...


StartServer = Callable[[HostSettings], Awaitable[HostedServer]]


class _Kept(msgspec.Struct, kw_only=True):
    name: str
    port: int


class HostService(QObject):
    """See ``desktop.services.api.Host``."""

    changed = Signal()

    def __init__(
        self,
        *,
        profile: Profile,
        accounts: AccountsService,
        start_server: StartServer,
        bind: str = EVERYWHERE,
        port: int = DEFAULT_PORT,
    ) -> None:
        super().__init__()
        self._profile = profile
        self._accounts = accounts
        self._start_server = start_server
        self._bind = bind
        self._port = port
        self._server: HostedServer | None = None
        self._tasks = TaskOwner("host")
        self._lock = asyncio.Lock()
        self._state = HostState(running=False, name=self._kept.name if self._kept else "")

    @property
    def state(self) -> HostState:
        return self._state

    @property
    def exists(self) -> bool:
        return self._kept is not None

    @property
    def _kept(self) -> _Kept | None:
        return self._profile.setting(_SETTING, _Kept | None, None)  # type: ignore[arg-type]  # a union is no type[T] to mypy

    async def create(self, *, server_name: str, name: str, username: str, password: str) -> AccountService:
        first = Register(username=username, display_name=name, password=password)
        async with self._lock:
            server = await self._run(_Kept(name=server_name, port=self._port), first)
            self._keep(server_name, server)
        return await self._accounts.sign_in(
            self._found(server_name, server), username=username, password=password
        )

    async def start(self) -> None:
        async with self._lock:
            kept = self._kept
            if kept is None:
                raise ServiceError(tr("This computer does not host yet."))
            if self._server is None:
                # A new try: what the last one met may be gone.
                self._set(HostState(running=False, name=kept.name))
                server = await self._run(kept)
                self._keep(kept.name, server)
                found = self._found(kept.name, server)
                for account in self._accounts.items:
                    if account.record.hosted_here:
                        self._accounts.move(account, address=found.address, server_name=kept.name)

    async def stop(self) -> None:
        async with self._lock:
            await self._stop()

    async def restart(self) -> None:
        await self.stop()
        await self.start()

    async def close(self) -> None:
        """Stop with the program; one that takes too long ends by itself, and the program with it."""
        try:
            await self.stop()
        except ServiceError as problem:
            log.warning("the server did not stop: %s", problem.text)
        finally:
            await self._tasks.close()

    async def reset_password_locally(self, username: str, new: str) -> None:
        if self._server is None:
            raise ServiceError(tr("Start the server first."))
        try:
            await self._server.reset_password(username, new)
        except HostProblem as problem:
            raise ServiceError(tr(problem.text)) from problem

    async def _run(self, kept: _Kept, first: Register | None = None) -> HostedServer:
        settings = HostSettings(
            folder=self._profile.server_folder,
            bind=self._bind,
            port=kept.port,
            name=kept.name,
            first=first,
        )
        try:
            server = await self._start_server(settings)
        except HostProblem as problem:
            self._set(HostState(running=False, name=kept.name, problem=tr(problem.text)))
            raise ServiceError(tr(problem.text)) from problem
        self._server = server
        self._accounts.hosted_id = server.server_id
        port = parse_address(server.url).port
        hosts = [self._bind] if self._bind != EVERYWHERE else await asyncio.to_thread(own_addresses)
        places = [Address(host=host, port=port) for host in hosts]
        self._set(
            HostState(
                running=True,
                name=kept.name,
                addresses=tuple(place.netloc for place in places),
                short_key=short_key(server.server_id),
                connected=0,
            )
        )
        self._tasks.spawn(self._watch(server), name="watch")
        return server

    async def _stop(self) -> None:
        server, self._server = self._server, None
        if server is None:
            return
        problem = ""
        try:
            await server.stop()
        except HostProblem as late:
            problem = tr(late.text)
            raise ServiceError(problem) from late
        finally:
            self._set(HostState(running=False, name=self._state.name, problem=problem))

    def _keep(self, name: str, server: HostedServer) -> None:
        self._profile.set_setting(_SETTING, _Kept(name=name, port=parse_address(server.url).port))

    def _found(self, name: str, server: HostedServer) -> ServerFound:
        port = parse_address(server.url).port
        return found_at(
            Address(host="127.0.0.1", port=port),
            name=name,
            server_id=server.server_id,
            secure=not is_loopback(self._bind),
        )

    async def _watch(self, server: HostedServer) -> None:
        """How many others are connected: asked now and then, told when it changed."""
        while self._server is server:
            others = max(0, server.connections - 1)
            if others != self._state.connected:
                self._set(replace(self._state, connected=others))
            await asyncio.sleep(POLL_S)

    def _set(self, state: HostState) -> None:
        self._state = state
        self.changed.emit()


def own_addresses() -> list[str]:
    """Addresses of this computer on its networks, the one of the default route first; never empty."""
    found: list[str] = []
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            # Connecting a datagram socket sends nothing; it only chooses the route.
            probe.connect(("192.0.2.1", 9))
            found.append(probe.getsockname()[0])
        except OSError:
            pass
    try:
        infos = socket.getaddrinfo(socket.gethostname(), None, type=socket.SOCK_STREAM)
    except OSError:
        infos = []
    for *_, place in infos:
        address = ipaddress.ip_address(str(place[0]).partition("%")[0])
        if not address.is_loopback and not address.is_link_local and str(address) not in found:
            found.append(str(address))
    return found or ["127.0.0.1"]
