"""What the parts of this process tell of themselves when ``/metrics`` is read: a part of the composition."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from server.gateway.gateway import Gateway
from server.http.metrics import Figure, Metrics, Sample
from server.kernel.database import Database
from server.kernel.outbox import OutboxRelay, waiting_events
from server.stores import Stores

_ROWS_COUNTED: Final = 10_000


def observe(metrics: Metrics, stores: Stores, gateway: Gateway, relay: OutboxRelay | None) -> None:
    """``relay`` where this process relays the outbox."""
    database = stores.database
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
