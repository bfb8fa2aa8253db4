"""Where every part of the server meets: the composition, with ``ground``, ``joints`` and ``upkeep``."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from functools import partial
from typing import Final

import structlog

from common.errors import Code, ParleyError
from common.protocol.rest import Register
from server.chat import controller as chat_controller
from server.chat.context import ChatContext, ChatPorts
from server.gateway.gateway import Gateway, Place
from server.ground import Ground, lay
from server.http.app import make_app
from server.http.observed import Observed
from server.http.serving import WebServer, config_of
from server.infra.crypto.passwords import Argon2Hasher
from server.infra.crypto.tokenkeys import TokenKeys
from server.infra.crypto.tokens import SignedTokens
from server.infra.pictures import PillowPictures
from server.joints import AccountsOfUsers, info, make_first, revoker, routes
from server.kernel.allowance import Allowances
from server.kernel.bus import EventBus
from server.kernel.clock import Clock, SystemClock
from server.kernel.delivery import DELIVERED
from server.kernel.kick import OUTBOX_KICKED, RemoteKick, on_kick
from server.kernel.meta import history_epoch
from server.kernel.outbox import OutboxRelay
from server.kernel.publisher import DeliveryPublisher
from server.kernel.readiness import Readiness
from server.kernel.tasks import TaskOwner
from server.observe import observe
from server.settings import Role, Settings
from server.signpost import Signpost
from server.upkeep import follow_history, look_for_keys
from server.users import controller as users_controller
from server.users import repository as user_rows
from server.users.context import UsersContext, UsersPorts
from server.users.event import SESSION_REVOKED
from server.users.means import Means
from server.users.resets import ResetService
from server.users.service import UsersService

log: Final = structlog.get_logger(__name__)


class Server:
    """A whole server, or one process of it. ``start`` in order, ``stop`` in reverse."""

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
        ground = await lay(self._settings, self._clock, self._stack)
        self._ready, self.server_id = ground.ready, ground.identity.server_id
        if ground.moved_to is not None:
            await self._point(ground, ground.moved_to)
            return
        stores, role = ground.stores, self._settings.role
        publisher = DeliveryPublisher(bus=stores.bus, presence=stores.presence)
        relay = OutboxRelay(
            database=stores.database,
            bus=stores.bus,
            deliver=publisher.deliver,
            broadcasts=[SESSION_REVOKED],
        )
        kick: Callable[[], None] = relay.kick
        if role is Role.GATEWAY:
            kick = remote = RemoteKick(stores.bus)
            self._stack.push_async_callback(remote.stop)
        chat = _chat(ground, publisher, kick)
        await stores.blobs.start()
        self._stack.push_async_callback(stores.blobs.stop)
        keys = await _token_keys(ground)
        people = self._people(ground, chat, keys, kick)
        self._resets = people.resets
        allowances = Allowances(self._settings.limits, self._clock)
        gateway = self._gateway = _gateway(ground, chat, people.users, allowances)
        observe(ground.metrics, stores, gateway, ground.ready, None if role is Role.GATEWAY else relay)
        await self._consume(stores.bus, relay, chat, people.users)
        await people.start()
        await gateway.start(await stores.database.write(history_epoch))
        self._stack.push_async_callback(gateway.stop)
        self._tasks.keep(partial(look_for_keys, keys), name="token keys")
        self._tasks.keep(partial(follow_history, stores.database, gateway), name="history")
        self._stack.push_async_callback(self._tasks.close)
        if first is not None:
            await make_first(people.users, first)
        app = make_app(
            authenticator=people.users,
            allowances=allowances,
            info=partial(info, self.server_id, people.admission),
            metrics=ground.metrics_page,
            ready=ground.ready.report,
            routes=() if role is Role.CORE else routes(),
            services={**people.services, **chat.services},
        )
        await self._listen(ground, Observed(app, took=ground.metrics.request), gateway)

    def _people(
        self, ground: Ground, chat: ChatContext, keys: TokenKeys, kick: Callable[[], None]
    ) -> UsersContext:
        settings, stores, clock = ground.settings, ground.stores, ground.clock
        hasher = Argon2Hasher()
        self._stack.callback(hasher.close)
        return UsersContext(
            means=Means(
                database=stores.database,
                clock=clock,
                limiter=stores.limiter,
                limits=settings.limits,
                kick=kick,
            ),
            ports=UsersPorts(
                hasher=hasher,
                tokens=SignedTokens(keys=keys, server_id=ground.identity.server_id, clock=clock),
                residence=chat.rooms,
                blobs=stores.blobs,
                pictures=PillowPictures(),
            ),
            name=settings.name,
            registration=settings.registration,
        )

    async def _point(self, ground: Ground, moved_to: str) -> None:
        """Serve nothing but where the server is now."""
        sign = Signpost(moved_to, self.server_id, self._settings, self._clock)
        await sign.gateway.start("")
        self._stack.push_async_callback(self._tasks.close)
        app = sign.app(ground.metrics_page, ground.ready.report)
        await self._listen(ground, Observed(app, took=ground.metrics.request), sign.gateway)
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
            bus.read_partition(SESSION_REVOKED, gateway.ordinal, revoker(users, gateway))
            bus.read_partition(DELIVERED, gateway.ordinal, gateway.deliver)
            bus.on_loss(gateway.compare_soon)
        await bus.start()
        self._stack.push_async_callback(bus.stop)
        if role is not Role.GATEWAY:
            await relay.start()
            self._stack.push_async_callback(relay.stop)

    async def _listen(self, ground: Ground, app: Observed, gateway: Gateway) -> None:
        settings = self._settings
        config = config_of(app, "none" if settings.role is Role.CORE else gateway.connection)
        config.load()
        if settings.secure:
            config.ssl = ground.identity.tls()
        server = WebServer(config, idle_s=settings.limits.idle_timeout_ms / 1_000)
        task = self._tasks.spawn(server.serve(sockets=[ground.listener]), name="http")

        async def stop() -> None:
            server.stop_listening()
            await gateway.stop(patience_s=settings.drain_s / 2)
            server.should_exit = True
            await task

        self._stack.push_async_callback(stop)
        await server.ready.wait()
        host, port = ground.listener.getsockname()[:2]
        shown = f"[{host}]" if ":" in host else host
        self.url = f"{'https' if settings.secure else 'http'}://{shown}:{port}"


async def _token_keys(ground: Ground) -> TokenKeys:
    keys = TokenKeys(
        ground.stores.database,
        sealer=ground.identity.sealer(),
        clock=ground.clock,
        token_ms=ground.settings.limits.access_token_ms,
    )
    await keys.look()
    return keys


def _chat(ground: Ground, publisher: DeliveryPublisher, kick: Callable[[], None]) -> ChatContext:
    return ChatContext(
        ports=ChatPorts(
            database=ground.stores.database,
            clock=ground.clock,
            limiter=ground.stores.limiter,
            people=user_rows.users_by_id,
            accounts=user_rows.AccountStream(),
            deliver=publisher.deliver,
            kick=kick,
            telemetry=ground.telemetry,
        ),
        limits=ground.settings.limits,
    )


def _gateway(ground: Ground, chat: ChatContext, users: UsersService, allowances: Allowances) -> Gateway:
    return Gateway(
        authenticator=users,
        accounts=AccountsOfUsers(users),
        rooms=chat.reads,
        handlers={
            **users_controller.socket_handlers(users),
            **chat_controller.socket_handlers(ground.stores.bus, chat.reads, ground.telemetry),
        },
        presence=ground.stores.presence,
        clock=ground.clock,
        allowances=allowances,
        place=Place(
            server_id=ground.identity.server_id,
            ordinal=ground.settings.ordinal,
            telemetry=ground.telemetry,
        ),
    )
