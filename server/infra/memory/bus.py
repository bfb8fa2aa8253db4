"""The event bus inside one process: the promises of Kafka without its log.

Payloads are passed as they are, not serialised. What is published when nobody is subscribed is
dropped: in one process, all who consume subscribe before ``start``.
"""

from __future__ import annotations

import asyncio
import sys
import zlib
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, Final, TypeVar

import structlog

from server.kernel.bus import BusUnavailableError, Handler, Held, Topic
from server.kernel.tasks import TaskOwner

T = TypeVar("T")

log: Final = structlog.get_logger(__name__)

_BACK_OFF_S: Final = 0.05
_BACK_OFF_MAX_S: Final = 5.0


class MemoryBus:
    """Queues and the tasks that empty them.

    ``capacity`` bounds each queue, in records. ``publish_timeout_s`` bounds the wait for room in one;
    ``drain_timeout_s`` what ``stop`` gives to what is queued. A batch that fails is handed over again
    after ``back_off_s``, doubled each time up to five seconds.
    """

    def __init__(
        self,
        *,
        partitions: int = 16,
        capacity: int = 10_000,
        publish_timeout_s: float = 5.0,
        drain_timeout_s: float = 10.0,
        back_off_s: float = _BACK_OFF_S,
    ) -> None:
        self._partitions = partitions
        self._capacity = capacity
        self._publish_timeout_s = publish_timeout_s
        self._drain_timeout_s = drain_timeout_s
        self._back_off_s = back_off_s
        self._topics: dict[str, _TopicState] = {}
        self._consumers: list[_Consumer] = []
        self._tasks = TaskOwner("memory_bus")
        self._open = True

    async def start(self) -> None:
        """Run the consumers."""
        for consumer in self._consumers:
            self._tasks.keep(consumer.run, name=consumer.name)

    async def stop(self) -> None:
        """Handle what is queued, and what its handlers publish, within the drain time."""
        if len(self._tasks):
            try:
                async with asyncio.timeout(self._drain_timeout_s):
                    # A handler may have published to a consumer that was looked at before it.
                    while busy := [consumer for consumer in self._consumers if consumer.busy]:
                        await busy[0].drained()
            except TimeoutError:
                left = {consumer.name: consumer.size for consumer in self._consumers if consumer.busy}
                log.warning("bus_not_drained", left=left)
        self._open = False
        for consumer in self._consumers:
            consumer.let_in(sys.maxsize)
        await self._tasks.close()

    async def publish(self, topic: Topic[T], key: str, payload: T) -> None:
        """Append to every group's queue of the key's partition, or to none.

        Raises:
            BusUnavailableError: no room within the publish time-out, or stopped.
        """
        state = self._topics.get(topic.name)
        if state is not None:
            partition = zlib.crc32(key.encode()) % self._partitions if state.is_partitioned else 0
            await self._append(state.targets(partition), payload)
        elif not self._open:
            raise BusUnavailableError("the server is stopping")

    async def submit(self, topic: Topic[T], key: str, payload: T) -> Held:
        """What is in a queue is held: there is no second half."""
        await self.publish(topic, key, payload)
        return _nothing

    async def publish_to(self, topic: Topic[T], records: Sequence[tuple[int, T]]) -> None:
        """Append to the queues of the partitions, modulo their count."""
        state = self._topics.get(topic.name)
        if state is None:
            if not self._open:
                raise BusUnavailableError("the server is stopping")
            return
        for partition, payload in records:
            await self._append(state.targets(partition % self._partitions), payload)

    async def partitions(self, topic: Topic[T]) -> int:
        """The same for all topics."""
        del topic
        return self._partitions

    def on_loss(self, tell: Callable[[], None]) -> None:
        """Nothing is lost within a process."""

    async def check(self) -> None:
        """Raises ``BusUnavailableError`` once stopped."""
        if not self._open:
            raise BusUnavailableError("the server is stopping")

    def lag(self) -> dict[str, int]:
        """Records not yet handled, now."""
        return {consumer.name: consumer.size for consumer in self._consumers}

    def subscribe(self, topic: Topic[T], group: str, handler: Handler[T], *, max_batch: int = 256) -> None:
        """Consume as a member of ``group``; members share the partitions."""
        consumer = self._consumer(f"{topic.name}.{group}", handler, max_batch)
        self._state(topic).join(group, consumer)

    def read_partition(
        self, topic: Topic[T], partition: int, handler: Handler[T], *, max_batch: int = 256
    ) -> None:
        """Consume one partition, modulo their count."""
        partition %= self._partitions
        consumer = self._consumer(f"{topic.name}[{partition}]", handler, max_batch)
        self._state(topic).read(partition, consumer)

    def _state(self, topic: Topic[Any]) -> _TopicState:
        return self._topics.setdefault(topic.name, _TopicState(self._partitions))

    def _consumer(self, name: str, handler: Handler[Any], max_batch: int) -> _Consumer:
        consumer = _Consumer(
            name, handler, max_batch=max_batch, capacity=self._capacity, back_off_s=self._back_off_s
        )
        self._consumers.append(consumer)
        return consumer

    async def _append(self, targets: Sequence[_Consumer], payload: object) -> None:
        if not self._open:
            raise BusUnavailableError("the server is stopping")
        for target in targets:
            if target.is_full:
                await self._wait_for_room(targets)
                break
        for target in targets:
            target.put(payload)

    async def _wait_for_room(self, targets: Sequence[_Consumer]) -> None:
        """Until all have room at one moment, so that a record reaches every group or none."""
        try:
            async with asyncio.timeout(self._publish_timeout_s):
                while self._open and (full := next((one for one in targets if one.is_full), None)):
                    await full.room()
        except TimeoutError:
            log.warning("bus_full", consumers=[target.name for target in targets if target.is_full])
            raise BusUnavailableError from None
        if not self._open:
            raise BusUnavailableError("the server is stopping")


async def _nothing() -> None:
    """It is held already."""


class _TopicState:
    """Who consumes a topic, worked out per partition when somebody joins, not when one publishes."""

    def __init__(self, partitions: int) -> None:
        self._groups: dict[str, list[_Consumer]] = {}
        self._readers: dict[int, list[_Consumer]] = {}
        self._targets: list[tuple[_Consumer, ...]] = [()] * partitions
        self.is_partitioned = False
        """Whether the partition of a record makes a difference to who gets it."""

    def join(self, group: str, consumer: _Consumer) -> None:
        self._groups.setdefault(group, []).append(consumer)
        self._assign()

    def read(self, partition: int, consumer: _Consumer) -> None:
        self._readers.setdefault(partition, []).append(consumer)
        self._assign()

    def targets(self, partition: int) -> tuple[_Consumer, ...]:
        return self._targets[partition]

    def _assign(self) -> None:
        for partition in range(len(self._targets)):
            members = [group[partition % len(group)] for group in self._groups.values()]
            self._targets[partition] = (*members, *self._readers.get(partition, ()))
        self.is_partitioned = bool(self._readers) or any(len(group) > 1 for group in self._groups.values())


class _Consumer:
    """One queue and its handler."""

    def __init__(
        self, name: str, handler: Handler[Any], *, max_batch: int, capacity: int, back_off_s: float
    ) -> None:
        self.name = name
        self._handler = handler
        self._max_batch = max_batch
        self._capacity = capacity
        self._back_off_s = back_off_s
        self._records: deque[object] = deque()
        self._batch: list[object] = []
        self._arrival = asyncio.Event()
        self._idle = asyncio.Event()
        self._waiting: deque[asyncio.Future[None]] = deque()

    @property
    def size(self) -> int:
        """Records not yet handled."""
        return len(self._records) + len(self._batch)

    @property
    def busy(self) -> bool:
        return bool(self._records or self._batch)

    @property
    def is_full(self) -> bool:
        return len(self._records) + len(self._batch) >= self._capacity

    def put(self, payload: object) -> None:
        records = self._records
        records.append(payload)
        if len(records) == 1:
            self._arrival.set()

    async def room(self) -> None:
        """Until a batch was handled. Who waits longest goes first."""
        future = asyncio.get_running_loop().create_future()
        self._waiting.append(future)
        try:
            await future
        finally:
            if not future.done():
                self._waiting.remove(future)

    async def drained(self) -> None:
        self._idle.clear()
        await self._idle.wait()

    async def run(self) -> None:
        """Handle batch after batch; a batch leaves the queue when its handler returned."""
        records = self._records
        while True:
            if not records:
                self._idle.set()
                self._arrival.clear()
                await self._arrival.wait()
            count = min(len(records), self._max_batch)
            self._batch = [records.popleft() for _ in range(count)]
            await self._handle()
            self._batch = []
            self.let_in(count)

    async def _handle(self) -> None:
        attempt = 0
        while True:
            try:
                await self._handler(self._batch)
            except Exception:
                attempt += 1
                delay_s = min(self._back_off_s * 2 ** min(attempt - 1, 16), _BACK_OFF_MAX_S)
                log.exception(
                    "bus_batch_failed", consumer=self.name, records=len(self._batch), attempt=attempt
                )
                await asyncio.sleep(delay_s)
            else:
                return

    def let_in(self, count: int) -> None:
        """Tell so many of those who wait for room to look again."""
        while count and self._waiting:
            future = self._waiting.popleft()
            if not future.done():
                future.set_result(None)
                count -= 1
