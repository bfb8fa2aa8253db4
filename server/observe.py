"""What the parts of this process tell of themselves when ``/metrics`` is read: a part of the composition."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import Final

import structlog

from server.gateway.gateway import Gateway
from server.http.metrics import Figure, Metrics, Sample
from server.infra import migrations
from server.kernel.clock import Clock
from server.kernel.database import Database, DatabaseUnavailableError, SchemaBehindError, Tx
from server.kernel.outbox import OutboxRelay, waiting_events
from server.kernel.readiness import Check, Readiness
from server.kernel.telemetry import Telemetry
from server.settings import Settings, SettingsError
from server.stores import Stores

log: Final = structlog.get_logger(__name__)

_OTEL: Final = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
_ROWS_COUNTED: Final = 10_000


def telemetry(settings: Settings, metrics: Metrics) -> tuple[Telemetry, Callable[[], None] | None]:
    """The metrics alone, or with traces; and what ends those, which blocks.

    Raises:
        SettingsError: traces are asked for, and the extra is not there.
    """
    asked = any(os.environ.get(name) for name in _OTEL)
    if not settings.otel_endpoint and not asked:
        return metrics, None
    try:
        from server.infra.otel import Tracing
    except ImportError as problem:
        if not settings.otel_endpoint:
            # The variables may be meant for other programs.
            log.warning("traces_not_sent", reason=str(problem))
            return metrics, None
        raise SettingsError(f"otel_endpoint needs the extra otel: {problem}") from problem
    attributes = {"parley.role": settings.role.value, "service.instance.id": str(settings.ordinal)}
    tracing = Tracing(metrics, attributes=attributes, endpoint=settings.otel_endpoint)
    return tracing, tracing.close


def readiness(settings: Settings, stores: Stores, clock: Clock) -> Readiness:
    """What this process can't serve without, and Redis, without which it serves less well."""
    checks = [
        Check(name="database", look=stores.database.check),
        Check(name="migrations", look=_Schema(stores.database).check),
    ]
    if settings.standalone:
        checks += [
            Check(name="kafka", look=stores.bus.check),
            Check(name="redis", look=stores.presence.check, vital=False),
        ]
    return Readiness(checks, clock=clock)


class _Schema:
    """Whether the database has all that this program needs: a backup that was restored may not."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._known = migrations.load()

    async def check(self) -> None:
        """What a newer program added is no hindrance: it is rolled out while this one serves.

        Raises:
            SchemaBehindError: names the migrations.
        """
        try:
            applied = await self._database.read(_applied)
        except DatabaseUnavailableError:
            # Said of the database already.
            return
        if missing := [step.label for step in self._known if step.number not in applied]:
            raise SchemaBehindError(missing)


async def _applied(tx: Tx) -> set[int]:
    return {int(row[0]) for row in await tx.fetch("SELECT number FROM schema_migrations")}


def observe(
    metrics: Metrics, stores: Stores, gateway: Gateway, ready: Readiness, relay: OutboxRelay | None
) -> None:
    """``relay`` where this process relays the outbox."""
    database = stores.database

    async def dependencies() -> list[Sample]:
        report = await ready.report()
        return [Sample(Figure.UP, up, (name,)) for name, up in report.up.items()]

    metrics.ask_later(dependencies)
    metrics.ask(lambda: _gateway(gateway))
    metrics.ask(lambda: _database(database))
    metrics.ask(lambda: [Sample(Figure.LAG, lag, (name,)) for name, lag in stores.bus.lag().items()])
    if relay is not None:
        metrics.ask(lambda: [Sample(Figure.OUTBOX_AGE, relay.oldest_s)])

        async def outbox() -> list[Sample]:
            return [Sample(Figure.OUTBOX_ROWS, await database.read(waiting_events, _ROWS_COUNTED))]

        metrics.ask_later(outbox)


def _gateway(gateway: Gateway) -> Iterator[Sample]:
    yield Sample(Figure.CONNECTIONS, len(gateway))
    yield Sample(Figure.SESSIONS, len(gateway.hub))
    yield Sample(Figure.DELIVERIES, gateway.hub.delivered)


def _database(database: Database) -> Iterator[Sample]:
    usage = database.usage()
    yield Sample(Figure.POOL_SIZE, usage.connections)
    if usage.in_use is not None:
        yield Sample(Figure.POOL_IN_USE, usage.in_use)
    for kind, count in usage.waiting.items():
        yield Sample(Figure.DATABASE_WAITING, count, (kind,))
