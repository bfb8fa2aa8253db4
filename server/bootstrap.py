"""The one composition function: every part of the server meets here, and nowhere else."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final

import structlog
from litestar.types import ControllerRouterHandler

from common.errors import Code, ParleyError
from common.ids import short_key
from common.protocol.pushes import AccountEvent
from common.protocol.rest import Register, ServerInfo
from common.protocol.version import PRODUCT, VERSIONS
from server.chat import controller as chat_controller
from server.chat.context import ChatContext, ChatPorts
from server.gateway.gateway import Gateway, Place
from server.gateway.ports import Account
from server.http.app import MetricsPage, make_app
from server.http.metrics import Metrics
from server.http.observed import Observed
from server.http.serving import BACKLOG, WebServer, config_of
from server.infra.crypto.identity import ServerIdentity
from server.infra.crypto.passwords import Argon2Hasher
from server.infra.crypto.tokenkeys import LOOK_MS, TokenKeys
from server.infra.crypto.tokens import SignedTokens
from server.infra.pictures import PillowPictures
from server.kernel.allowance import Allowances
from server.kernel.bus import EventBus
from server.kernel.clock import Clock, SystemClock
from server.kernel.database import Database
from server.kernel.delivery import DELIVERED
from server.kernel.failures import OperatorError
from server.kernel.kick import OUTBOX_KICKED, RemoteKick, on_kick
from server.kernel.meta import MOVED_TO, ForeignDataError, check_whole, claim, fact, history_epoch, owner
from server.kernel.outbox import OutboxRelay
from server.kernel.publisher import DeliveryPublisher
from server.kernel.readiness import Readiness
from server.kernel.tasks import TaskOwner
from server.observe import observe, readiness, telemetry
from server.settings import LogLevel, Role, Settings
from server.signpost import Signpost
from server.stores import choose
from server.users import controller as users_controller
from server.users import repository as user_rows
from server.users.admission import AdmissionService
from server.users.context import UsersContext, UsersPorts
from server.users.event import SESSION_REVOKED, SessionsRevoked
from server.users.means import Means
from server.users.resets import ResetService
from server.users.service import UsersService

log: Final = structlog.get_logger(__name__)


class PortBusyError(OperatorError):
    """The address can't be listened on, in words."""


class Server:
    """A whole server on embedded storage. ``start`` in order, ``stop`` in reverse."""

    def __init__(self, settings: Settings, *, clock: Clock | None = None) -> None:
        self._settings = settings
        self._clock = clock or SystemClock()
        self._stack = contextlib.AsyncExitStack()
        self._tasks = TaskOwner("server")
        self._ready: Readiness | None = None
        self.url = ""
        """Base address, known once started."""
        self.server_id = ""
        self._resets: ResetService | None = None
        self._gateway: Gateway | None = None

    @property
    def connections(self) -> int:
        """Devices that are signed in on a socket."""
        return 0 if self._gateway is None else len(self._gateway.hub)

    @property
    def resets(self) -> ResetService:
        """For calls in this process, once started.

        Raises:
            ParleyError: ``moved``: the server is elsewhere now.
        """
        if self._resets is None:
            raise ParleyError(Code.MOVED, "this server has moved to another computer")
        return self._resets

    async def start(self, *, first: Register | None = None) -> None:
        """Everything up to listening; what was started is stopped again where a part fails.

        ``first``: an account made before anyone else can reach the server, so that it is the admin.

        Raises:
            PortBusyError: the port is taken or the address is not this machine's.
            DamagedDatabaseError, DatabaseUnavailableError: see the database port.
            ParleyError: ``first`` can't be made.
        """
        try:
            await self._start(first)
        except BaseException:
            await self.stop()
            raise
        if self._ready is not None:
            self._ready.state = None

    async def stop(self) -> None:
        """Drain and stop; again is fine."""
        if self._ready is not None:
            self._ready.state = "closing"
        drain = asyncio.timeout(self._settings.drain_s)
        try:
            async with drain:
                await self._stack.aclose()
        except TimeoutError:
            if not drain.expired():
                raise
            log.warning("server_not_drained_in_time", drain_s=self._settings.drain_s)

    async def _start(self, first: Register | None) -> None:
        settings, clock = self._settings, self._clock
        listener = _bind(settings.host, settings.port)
        self._stack.callback(listener.close)
        metrics = Metrics(detailed=settings.log_level is LogLevel.DEBUG)
        told, close_traces = telemetry(settings, metrics)
        if close_traces is not None:
            self._stack.push_async_callback(asyncio.to_thread, close_traces)
        stores = choose(settings, clock, told)
        self._stack.push_async_callback(stores.close)
        self._ready = ready = readiness(settings, stores, clock)
        database, bus, presence, limiter = stores.database, stores.bus, stores.presence, stores.limiter
        await database.start()
        self._stack.push_async_callback(database.stop)
        await database.read(check_whole)
        await presence.start()
        self._stack.push_async_callback(presence.stop)
        # After the database: the start of SQLite's made and locked the folder.
        identity = await _identity(database, settings.identity_path)
        self.server_id = identity.server_id
        moved_to = await database.read(fact, MOVED_TO)
        if moved_to is not None:
            return await self._point(moved_to, listener, identity, metrics, ready)
        publisher = DeliveryPublisher(bus=bus, presence=presence)
        relay = OutboxRelay(
            database=database, bus=bus, deliver=publisher.deliver, broadcasts=[SESSION_REVOKED]
        )
        kick: Callable[[], None] = relay.kick
        if settings.role is Role.GATEWAY:
            kick = remote = RemoteKick(bus)
            self._stack.push_async_callback(remote.stop)
        chat = ChatContext(
            ports=ChatPorts(
                database=database,
                clock=clock,
                limiter=limiter,
                people=user_rows.users_by_id,
                accounts=user_rows.AccountStream(),
                deliver=publisher.deliver,
                kick=kick,
                telemetry=told,
            ),
            limits=settings.limits,
        )
        hasher = Argon2Hasher()
        self._stack.callback(hasher.close)
        await stores.blobs.start()
        self._stack.push_async_callback(stores.blobs.stop)
        token_keys = TokenKeys(
            database, sealer=identity.sealer(), clock=clock, token_ms=settings.limits.access_token_ms
        )
        await token_keys.look()
        people = UsersContext(
            means=Means(database=database, clock=clock, limiter=limiter, limits=settings.limits, kick=kick),
            ports=UsersPorts(
                hasher=hasher,
                tokens=SignedTokens(keys=token_keys, server_id=identity.server_id, clock=clock),
                residence=chat.rooms,
                blobs=stores.blobs,
                pictures=PillowPictures(),
            ),
            name=settings.name,
            registration=settings.registration,
        )
        users = people.users
        self._resets = people.resets
        allowances = Allowances(settings.limits, clock)
        gateway = Gateway(
            authenticator=users,
            accounts=_Accounts(users),
            rooms=chat.reads,
            handlers={
                **users_controller.socket_handlers(users),
                **chat_controller.socket_handlers(bus, chat.reads, told),
            },
            presence=presence,
            clock=clock,
            allowances=allowances,
            place=Place(server_id=identity.server_id, ordinal=settings.ordinal, telemetry=told),
        )
        self._gateway = gateway
        observe(metrics, stores, gateway, ready, None if settings.role is Role.GATEWAY else relay)
        await self._consume(bus, relay, chat, users)
        await people.start()
        await gateway.start(await database.write(history_epoch))
        self._stack.push_async_callback(gateway.stop)
        app = make_app(
            authenticator=users,
            allowances=allowances,
            info=partial(_info, self.server_id, people.admission),
            metrics=MetricsPage(metrics.text, token=settings.metrics_token),
            ready=ready.report,
            routes=() if settings.role is Role.CORE else _routes(),
            services={
                **people.services,
                **chat.services,
            },
        )
        self._tasks.spawn(_look_for_keys(token_keys), name="token keys")
        self._stack.push_async_callback(self._tasks.close)
        if first is not None:
            await _make_first(users, first)
        await self._listen(Observed(app, took=metrics.request), gateway, listener, identity)
        return None

    async def _point(
        self,
        moved_to: str,
        listener: socket.socket,
        identity: ServerIdentity,
        metrics: Metrics,
        ready: Readiness,
    ) -> None:
        """Serve nothing but where the server is now."""
        sign = Signpost(moved_to, identity.server_id, self._settings, self._clock)
        await sign.gateway.start("")
        self._stack.push_async_callback(self._tasks.close)
        app = sign.app(MetricsPage(metrics.text, token=self._settings.metrics_token), ready.report)
        await self._listen(Observed(app, took=metrics.request), sign.gateway, listener, identity)
        log.warning("server_moved", to=moved_to)

    async def _consume(
        self, bus: EventBus, relay: OutboxRelay, chat: ChatContext, users: UsersService
    ) -> None:
        """What this process's role has it handle, from now on."""
        role, gateway = self._settings.role, self._gateway
        if role is not Role.GATEWAY:
            chat.consume(bus)
            bus.subscribe(OUTBOX_KICKED, "relay", on_kick(relay.kick))
        if role is not Role.CORE and gateway is not None:
            bus.read_partition(SESSION_REVOKED, gateway.ordinal, _revoker(users, gateway))
            bus.read_partition(DELIVERED, gateway.ordinal, gateway.deliver)
            bus.on_loss(gateway.compare_soon)
        await bus.start()
        self._stack.push_async_callback(bus.stop)
        if role is not Role.GATEWAY:
            await relay.start()
            self._stack.push_async_callback(relay.stop)

    async def _listen(
        self,
        app: Observed,
        gateway: Gateway,
        listener: socket.socket,
        identity: ServerIdentity,
    ) -> None:
        settings = self._settings
        config = config_of(app, "none" if settings.role is Role.CORE else gateway.connection)
        config.load()
        if settings.secure:
            config.ssl = identity.tls()
        server = WebServer(config, idle_s=settings.limits.idle_timeout_ms / 1_000)
        task = self._tasks.spawn(server.serve(sockets=[listener]), name="http")

        async def stop() -> None:
            server.stop_listening()
            await gateway.stop(patience_s=settings.drain_s / 2)
            server.should_exit = True
            await task

        self._stack.push_async_callback(stop)
        await server.ready.wait()
        host, port = listener.getsockname()[:2]
        shown = f"[{host}]" if ":" in host else host
        self.url = f"{'https' if settings.secure else 'http'}://{shown}:{port}"


class _Accounts:
    """The gateway's port on the users context."""

    def __init__(self, users: UsersService) -> None:
        self._users = users

    async def account(self, user_id: str) -> Account:
        """One look at a user."""
        record = await self._users.account(user_id)
        return Account(user=record.user, account_seq=record.account_seq)

    async def account_seqs(self, user_ids: Sequence[str]) -> Mapping[str, int]:
        """Heads of account streams."""
        return await self._users.account_seqs(user_ids)

    async def account_events(self, user_id: str, *, after_seq: int) -> Sequence[AccountEvent]:
        """Part of an account stream."""
        return await self._users.events_after(user_id, after_seq)

    async def signed_out(self) -> Collection[str]:
        """Devices whose sockets are to be closed."""
        devices: Collection[str] = await self._users.signed_out()
        return devices


async def _identity(database: Database, file: Path) -> ServerIdentity:
    """A key that is missing is made only for new data: clients take no other for this server."""
    known = await database.read(owner)
    if known is not None and not await asyncio.to_thread(file.exists):
        raise ForeignDataError(
            f"the identity key of the server {short_key(known)} is missing: put it at {file}"
        )
    identity = ServerIdentity(file)
    await database.write(claim, identity.server_id)
    return identity


async def _make_first(users: UsersService, first: Register) -> None:
    try:
        await users.register_locally(first)
    except ParleyError as problem:
        # Made by a start that ended before it was told: signing in shows whether it is theirs.
        if problem.code is not Code.NAME_TAKEN:
            raise


async def _info(server_id: str, admission: AdmissionService) -> ServerInfo:
    policy = await admission.policy()
    return ServerInfo(PRODUCT, server_id, policy.name, list(VERSIONS), policy.registration)


async def _look_for_keys(keys: TokenKeys) -> None:
    while True:
        await asyncio.sleep(LOOK_MS / 1_000)
        try:
            await keys.look()
        except (ParleyError, OperatorError) as problem:
            # The keys of before go on being good.
            log.warning("token_keys_not_read", reason=str(problem))


def _routes() -> tuple[ControllerRouterHandler, ...]:
    return (*users_controller.routes(), *chat_controller.routes())


def _revoker(users: UsersService, gateway: Gateway) -> Any:  # noqa: ANN401 - a bus handler
    async def revoke(events: Any) -> None:  # noqa: ANN401 - payloads of SESSION_REVOKED
        batch: list[SessionsRevoked] = list(events)
        await users.note_revoked(batch)
        for event in batch:
            gateway.revoke(event.user_id, event.device_ids)

    return revoke


def _bind(host: str, port: int) -> socket.socket:
    """Listen here, so that a busy port is a clear error and not a dead thread."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        if hasattr(socket, "SO_EXCLUSIVEADDRUSE"):
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
        else:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(BACKLOG)
        listener.settimeout(0)
    except OSError as problem:
        listener.close()
        reason = problem.strerror or str(problem)
        raise PortBusyError(f"can't listen on {host} port {port}: {reason}") from problem
    return listener
