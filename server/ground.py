"""What a process of a server stands on before there is anything to serve: a part of the composition."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from dataclasses import dataclass
from pathlib import Path

from common.ids import short_key
from server.http.app import MetricsPage
from server.http.metrics import Metrics
from server.http.serving import bind
from server.infra.crypto.identity import ServerIdentity
from server.kernel.clock import Clock
from server.kernel.database import Database
from server.kernel.meta import MOVED_TO, ForeignDataError, check_whole, claim, fact, owner
from server.kernel.readiness import Readiness
from server.kernel.telemetry import Telemetry
from server.observe import readiness, telemetry
from server.settings import LogLevel, Settings
from server.stores import Stores, choose


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """Database and presence are started; bus and blobs are not, for nobody takes what they bring yet."""

    settings: Settings
    clock: Clock
    listener: socket.socket
    metrics: Metrics
    telemetry: Telemetry
    stores: Stores
    ready: Readiness
    identity: ServerIdentity
    moved_to: str | None
    """Where the server is now, if these data are closed."""

    @property
    def metrics_page(self) -> MetricsPage:
        """For http."""
        return MetricsPage(self.metrics.text, token=self.settings.metrics_token)


async def lay(settings: Settings, clock: Clock, stack: contextlib.AsyncExitStack) -> Ground:
    """In order, each with its end on ``stack``.

    Raises:
        PortBusyError: the port is taken or the address is not this machine's.
        SettingsError, OperatorError, ParleyError: what an operator can mend.
    """
    listener = bind(settings.host, settings.port)
    stack.callback(listener.close)
    metrics = Metrics(detailed=settings.log_level is LogLevel.DEBUG)
    told, close_traces = telemetry(settings, metrics)
    if close_traces is not None:
        stack.push_async_callback(asyncio.to_thread, close_traces)
    stores = choose(settings, clock, told)
    stack.push_async_callback(stores.close)
    ready = readiness(settings, stores, clock)
    await stores.database.start()
    stack.push_async_callback(stores.database.stop)
    await stores.database.read(check_whole)
    await stores.presence.start()
    stack.push_async_callback(stores.presence.stop)
    return Ground(
        settings=settings,
        clock=clock,
        listener=listener,
        metrics=metrics,
        telemetry=told,
        stores=stores,
        ready=ready,
        # After the database: the start of SQLite's made and locked the folder.
        identity=await _identity(stores.database, settings.identity_path),
        moved_to=await stores.database.read(fact, MOVED_TO),
    )


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
