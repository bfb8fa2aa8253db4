"""The event outbox: an event is a row of the transaction that caused it, and is published after it.

So an event is never lost and never invented; a crash between publishing and deleting publishes twice.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar

import msgspec
import structlog

from common.errors import ParleyError
from server.kernel.bus import EventBus, Topic
from server.kernel.database import Database, Tx
from server.kernel.delivery import DELIVERED, Delivery
from server.kernel.publisher import broadcast
from server.kernel.tasks import TaskOwner

T = TypeVar("T")
log: Final = structlog.get_logger(__name__)

_BATCH: Final = 256
_POLL_S: Final = 5.0
_RETRY_S: Final = 0.1
_RETRY_MAX_S: Final = 5.0
_STOP_S: Final = 5.0

_ADD: Final = "INSERT INTO event_outbox (topic, key, payload) VALUES ($1, $2, $3)"
_NEXT: Final = "SELECT id, topic, key, payload FROM event_outbox ORDER BY id LIMIT $1"
_COUNT: Final = "SELECT COUNT(*) FROM (SELECT id FROM event_outbox LIMIT $1) AS waiting"
_DONE: Final = "DELETE FROM event_outbox WHERE id IN $1"


@dataclass(frozen=True, slots=True)
class _Row:
    id: int
    topic: str
    key: str
    payload: bytes


async def add_event(tx: Tx, topic: Topic[T], key: str, payload: T) -> None:
    """Within the transaction that causes the event; call ``OutboxRelay.kick`` after its commit."""
    await tx.execute(_ADD, topic.name, key, msgspec.json.encode(payload))


async def add_deliveries(tx: Tx, key: str, deliveries: Sequence[Delivery]) -> None:
    """Deliveries of this transaction, in their order."""
    for delivery in deliveries:
        await add_event(tx, DELIVERED, key, delivery)


async def waiting_events(tx: Tx, most: int) -> int:
    """How many rows there are, counted up to ``most``."""
    row = await tx.fetch_one(_COUNT, most)
    return 0 if row is None else int(row[0])


class OutboxRelay:
    """Publishes rows in the order of their ids and deletes them then.

    Rows of ``chat.message_delivered`` go to ``deliver``, which knows the gateways; those of ``broadcasts``
    go to all of them. A row of a topic unknown here, or that can't be read, is an error of the deployment: it
    is logged, and passed. While the bus or the database is away the relay waits, up to 5 s at a time.
    """

    def __init__(
        self,
        *,
        database: Database,
        bus: EventBus,
        deliver: Callable[[Sequence[Delivery]], Awaitable[None]],
        broadcasts: Sequence[Topic[Any]] = (),
    ) -> None:
        self._database = database
        self._bus = bus
        self._deliver = deliver
        self._topics: Mapping[str, Topic[Any]] = {topic.name: topic for topic in broadcasts}
        self._tasks = TaskOwner("outbox")
        self._kicked = asyncio.Event()
        self._stopping = asyncio.Event()
        self._relay: asyncio.Task[None] | None = None
        self._oldest: int | None = None
        self._oldest_since = 0.0

    @property
    def oldest_s(self) -> float:
        """How long this relay has known the row that waits longest; 0 when it last saw none."""
        return 0.0 if self._oldest is None else time.monotonic() - self._oldest_since

    async def start(self) -> None:
        """Publish what an earlier run left, then what comes."""
        self._stopping.clear()
        self._kicked.set()
        self._relay = self._tasks.spawn(self._run(), name="relay")

    async def stop(self) -> None:
        """Finish the rows at hand, or they would be published twice. The others stay in the table."""
        self._stopping.set()
        self._kicked.set()
        if self._relay is not None:
            await asyncio.wait({self._relay}, timeout=_STOP_S)
        await self._tasks.close()

    def kick(self) -> None:
        """There is something new: do not wait for the next look."""
        self._kicked.set()

    async def _run(self) -> None:
        delay_s = _RETRY_S
        while not self._stopping.is_set():
            await _within(_POLL_S, self._kicked)
            self._kicked.clear()
            try:
                while not self._stopping.is_set() and await self._relay_batch():
                    pass
            except Exception as problem:  # noqa: BLE001 - logged; the relay goes on, whatever it was
                _report(problem, delay_s)
                await _within(delay_s, self._stopping)
                delay_s = min(delay_s * 2, _RETRY_MAX_S)
                self._kicked.set()
            else:
                delay_s = _RETRY_S

    async def _relay_batch(self) -> bool:
        """Whether there may be more. Rows published before one that fails are done with."""
        rows = await self._database.read(_read)
        self._note(rows)
        done: list[int] = []
        try:
            for row in rows:
                await self._publish(row)
                done.append(row.id)
        finally:
            if done:
                await self._database.write(_delete, done)
        self._note(())
        return len(rows) == _BATCH

    def _note(self, rows: Sequence[_Row]) -> None:
        oldest = rows[0].id if rows else None
        if oldest != self._oldest:
            self._oldest, self._oldest_since = oldest, time.monotonic()

    async def _publish(self, row: _Row) -> None:
        topic = DELIVERED if row.topic == DELIVERED.name else self._topics.get(row.topic)
        if topic is None:
            log.error("outbox_topic_unknown", topic=row.topic)
            return
        try:
            payload = msgspec.json.decode(row.payload, type=topic.payload)
        except msgspec.DecodeError:
            # Kept, it would hold up everything behind it for ever; clients find a gap by ``seq``.
            log.exception("outbox_row_unreadable", topic=row.topic, row=row.id)
            return
        if topic is DELIVERED:
            await self._deliver((payload,))
        else:
            await broadcast(self._bus, topic, payload)


def _report(problem: Exception, retry_s: float) -> None:
    if isinstance(problem, ParleyError):
        log.warning("outbox_waits", reason=problem.message, retry_s=retry_s)
    else:
        log.error("outbox_failed", retry_s=retry_s, exc_info=problem)


async def _within(seconds: float, event: asyncio.Event) -> None:
    """Until the event, but no longer than so."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()


async def _read(tx: Tx) -> list[_Row]:
    return [_Row(*row) for row in await tx.fetch(_NEXT, _BATCH)]


async def _delete(tx: Tx, ids: list[int]) -> None:
    await tx.execute(_DONE, ids)
