"""``EventBus`` in one process: Kafka's promises without its broker.

A topic is a bounded queue per group; payloads are handed over as they are, not copied or encoded.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Any, Final, TypeVar

import structlog

from server.kernel.bus import BusUnavailableError, Handler, Topic
from server.kernel.tasks import TaskOwner

T = TypeVar("T")
log: Final = structlog.get_logger(__name__)

_FIRST_RETRY_S: Final = 0.05
_LAST_RETRY_S: Final = 5.0


class MemoryBus:
    """Groups and partition readers that are subscribed before ``start``; what nobody reads is dropped.

    ``capacity`` bounds each queue in records; a publisher waits ``publish_timeout_s`` for room.
    """

    def __init__(
        self, *, capacity: int = 10_000, publish_timeout_s: float = 5.0, drain_timeout_s: float = 10.0
    ) -> None:
        self._capacity = capacity
        self._publish_timeout_s = publish_timeout_s
        self._drain_timeout_s = drain_timeout_s
        self._groups: dict[str, dict[str, _Queue]] = {}
        self._partitions: dict[str, dict[int, list[_Queue]]] = {}
        self._tasks = TaskOwner("bus")
        self._running = False

    async def start(self) -> None:
        """Run the consumers."""
        self._running = True
        for queue in self._queues():
            self._tasks.spawn(queue.run(), name=queue.name)

    async def stop(self) -> None:
        """Handle what is queued, within the drain time, then end the consumers."""
        if not self._running:
            return
        try:
            async with asyncio.timeout(self._drain_timeout_s):
                # A handler may publish on another queue, also on one that was empty before.
                while any(not queue.idle.is_set() for queue in self._queues()):
                    for queue in self._queues():
                        await queue.idle.wait()
        except TimeoutError:
            log.warning("bus_not_drained", waiting=sum(len(queue) for queue in self._queues()))
        self._running = False
        await self._tasks.close()

    async def publish(self, topic: Topic[T], key: str, payload: T) -> None:  # noqa: ARG002 - one queue a group keeps the order of every key
        """Append for each group; waits where one is full.

        Raises:
            BusUnavailableError: still full after the publish time-out, or stopped.
        """
        for queue in self._groups.get(topic.name, {}).values():
            await self._put(queue, payload)

    async def publish_to(self, topic: Topic[T], partition: int, payload: T) -> None:
        """Append for the readers of one partition; no readers: nobody is concerned."""
        for queue in self._partitions.get(topic.name, {}).get(partition, ()):
            await self._put(queue, payload)

    def subscribe(self, topic: Topic[T], group: str, handler: Handler[T], *, max_batch: int = 256) -> None:
        """Consume as ``group``; in one process a group has one member.

        Raises:
            ValueError: the group reads this topic already, or the bus runs.
        """
        groups = self._groups.setdefault(topic.name, {})
        if group in groups or self._running:
            raise ValueError(f"{group} can't subscribe to {topic.name}: it does already, or the bus runs")
        groups[group] = _Queue(f"{topic.name}.{group}", handler, max_batch, self._capacity)

    def read_partition(
        self, topic: Topic[T], partition: int, handler: Handler[T], *, max_batch: int = 256
    ) -> None:
        """Consume one partition, beside its other readers."""
        readers = self._partitions.setdefault(topic.name, {}).setdefault(partition, [])
        name = f"{topic.name}.{partition}.{len(readers)}"
        readers.append(_Queue(name, handler, max_batch, self._capacity))

    async def _put(self, queue: _Queue, payload: object) -> None:
        if not self._running:
            raise BusUnavailableError("the server is closing")
        if len(queue) >= self._capacity:
            try:
                async with asyncio.timeout(self._publish_timeout_s):
                    await queue.has_room()
            except TimeoutError:
                raise BusUnavailableError from None
        queue.put(payload)

    def _queues(self) -> list[_Queue]:
        groups = [queue for by_group in self._groups.values() for queue in by_group.values()]
        readers = [
            queue
            for by_partition in self._partitions.values()
            for queues in by_partition.values()
            for queue in queues
        ]
        return groups + readers


class _Queue:
    """The records that one consumer has still to handle."""

    def __init__(self, name: str, handler: Handler[Any], max_batch: int, capacity: int) -> None:
        self.name = name
        self.idle = asyncio.Event()
        self.idle.set()
        self._handler = handler
        self._max_batch = max_batch
        self._capacity = capacity
        self._records: deque[object] = deque()
        self._filled = asyncio.Event()
        self._emptied = asyncio.Event()

    def __len__(self) -> int:
        return len(self._records)

    def put(self, payload: object) -> None:
        self._records.append(payload)
        self.idle.clear()
        self._filled.set()

    async def has_room(self) -> None:
        while len(self._records) >= self._capacity:
            self._emptied.clear()
            await self._emptied.wait()

    async def run(self) -> None:
        """Batch after batch; one counts as done when its handler returned."""
        records = self._records
        while True:
            if not records:
                self.idle.set()
                self._filled.clear()
                await self._filled.wait()
            batch = [records[i] for i in range(min(len(records), self._max_batch))]
            await self._handle(batch)
            for _ in batch:
                records.popleft()
            self._emptied.set()

    async def _handle(self, batch: list[object]) -> None:
        delay = _FIRST_RETRY_S
        while True:
            try:
                await self._handler(batch)
            except Exception:
                log.exception("batch_failed", consumer=self.name, records=len(batch), retry_s=delay)
                await asyncio.sleep(delay)
                delay = min(delay * 2, _LAST_RETRY_S)
            else:
                return
