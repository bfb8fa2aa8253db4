"""``EventBus`` on Kafka: an idempotent producer, a consumer a subscription, commits behind the handlers."""

from __future__ import annotations

import asyncio
import contextlib
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar

import msgspec
import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.errors import (
    InvalidProducerEpoch,
    KafkaError,
    MessageSizeTooLargeError,
    OutOfOrderSequenceNumber,
    ProducerFenced,
    UnknownProducerId,
)

from server.infra.kafka.brokers import Brokers
from server.infra.kafka.consumer import Consumer, GroupConsumer, PartitionReader
from server.infra.kafka.topics import Layout, look_up, make_topics
from server.kernel.bus import BusUnavailableError, Handler, Held, RecordTooLargeError, Topic
from server.kernel.tasks import TaskOwner
from server.kernel.telemetry import SILENCE, Dependency, Telemetry

T = TypeVar("T")

log: Final = structlog.get_logger(__name__)

_START_TIMEOUT_S: Final = 30.0
_STOP_TIMEOUT_S: Final = 15.0
_BACK_OFF_S: Final = 0.05
_REQUEST_MAX_BYTES: Final = 1024 * 1024
_RECORD_MAX_BYTES: Final = _REQUEST_MAX_BYTES - 1024
"""The rest is for what Kafka puts around it."""
_WATCH_TIMEOUT_S: Final = 20.0
_REFUSALS_MAX: Final = 3
_MISCOUNTED: Final = (OutOfOrderSequenceNumber, InvalidProducerEpoch, UnknownProducerId, ProducerFenced)
"""Of an idempotent producer: none of its records for that partition will be taken any more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    """How often the bus looks at itself, and how long a reader may take nothing of what waits for it."""

    every_s: float = 5.0
    stall_s: float = 10.0


_WATCH: Final = Watch()


class KafkaBus:
    """Topics are made with ``partitions`` and ``replication`` if missing.

    ``prefix`` keeps several servers apart on one cluster. Records are JSON: what is in Kafka is read by
    whoever looks. A record's partition follows from its key alone, as long as their count stays.

    Every few seconds it looks whether the topics are there, and whether readers take what waits.
    """

    def __init__(
        self,
        servers: Brokers,
        *,
        prefix: str = "",
        partitions: int,
        replication: int = 1,
        publish_timeout_s: float = 5.0,
        back_off_s: float = _BACK_OFF_S,
        watch: Watch = _WATCH,
        telemetry: Telemetry = SILENCE,
    ) -> None:
        self._servers = servers
        self._prefix = prefix
        self._layout = Layout(partitions=partitions, replication=replication)
        self._publish_timeout_s = publish_timeout_s
        self._back_off_s = back_off_s
        self._watch_s = watch.every_s
        self._stall_s = watch.stall_s
        self._telemetry = telemetry
        self._topics: set[str] = set()
        """All that was subscribed to or published on, with the prefix."""
        self._consumers: list[Consumer] = []
        self._counts: dict[str, int] = {}
        self._counting = asyncio.Lock()
        self._tell_loss: list[Callable[[], None]] = []
        self._tasks = TaskOwner("kafka_bus")
        self._producer: AIOKafkaProducer | None = None
        self._refusals = 0
        """Of the producer, since it last published something."""
        self._cluster = ""
        """The id of the one that numbered the producer."""
        self._miscounted = False
        self._alarm = asyncio.Event()
        self._encode = msgspec.json.Encoder().encode

    async def start(self) -> None:
        """Make the topics, connect, and read on from where each group stopped.

        Raises:
            BusUnavailableError: the cluster does not answer.
        """
        try:
            async with asyncio.timeout(_START_TIMEOUT_S):
                await make_topics(self._servers, self._topics, self._layout)
                self._producer = await self._new_producer()
                self._cluster, _ = await look_up(self._producer, self._topics)
                await self._start_consumers(self._producer)
        except (KafkaError, OSError, TimeoutError, ValueError) as problem:
            await self.stop()
            raise BusUnavailableError(f"the event bus can't be reached: {problem}") from problem
        for consumer in self._consumers:
            self._tasks.keep(consumer.run, name=consumer.name)
        self._tasks.keep(self._watch, name="watch")

    async def _start_consumers(self, producer: AIOKafkaProducer) -> None:
        """Side by side: who joins a group waits until its members have noticed."""
        for consumer in self._consumers:
            if isinstance(consumer, PartitionReader):
                consumer.settle(len(await producer.partitions_for(consumer.topic)))
        started = [consumer.start(self._servers) for consumer in self._consumers]
        for failed in await asyncio.gather(*started, return_exceptions=True):
            if failed is not None:
                raise failed

    async def stop(self) -> None:
        """Let handlers finish the batch at hand, commit it, disconnect. What is queued stays."""
        for consumer in self._consumers:
            consumer.end()
        producer, self._producer = self._producer, None
        try:
            async with asyncio.timeout(_STOP_TIMEOUT_S):
                for consumer in self._consumers:
                    await consumer.ended()
                    await consumer.stop()
                if producer is not None:
                    await producer.stop()
        except TimeoutError:
            log.warning("bus_not_stopped_in_time")
        await self._tasks.close()

    async def publish(self, topic: Topic[T], key: str, payload: T) -> None:
        """Append to the key's partition; returns when all replicas in sync have it.

        Raises:
            BusUnavailableError: not within the publish time-out, or stopped.
        """
        held = await self.submit(topic, key, payload)
        await held()

    async def submit(self, topic: Topic[T], key: str, payload: T) -> Held:
        """Into the producer's next request: they go one after another, each with all that gathered."""
        return await self._append(topic, ((zlib.crc32(key.encode()), payload),))

    async def publish_to(self, topic: Topic[T], records: Sequence[tuple[int, T]]) -> None:
        """Append to addressed partitions, modulo their count: sent in order, acknowledged together."""
        held = await self._append(topic, records)
        await held()

    async def _append(self, topic: Topic[T], records: Sequence[tuple[int, T]]) -> Held:
        producer = self._producer
        if producer is None:
            raise BusUnavailableError("the server is stopping")
        name = f"{self._prefix}{topic.name}"
        deadline = asyncio.get_running_loop().time() + self._publish_timeout_s
        encoded: dict[int, bytes] = {}
        for _, payload in records:
            if id(payload) not in encoded:
                value = encoded[id(payload)] = self._encode(payload)
                if len(value) > _RECORD_MAX_BYTES:
                    # Before any of them is sent, so that whoever splits it publishes none twice.
                    raise RecordTooLargeError
        sent = []
        try:
            async with asyncio.timeout_at(deadline):
                count = await self._count(producer, name)
                for number, payload in records:
                    sent.append(await producer.send(name, encoded[id(payload)], partition=number % count))
        except (KafkaError, TimeoutError, AssertionError) as problem:
            # aiokafka asserts that the partition exists: not where the topic was made anew with fewer.
            raise self._refused(name, problem) from problem

        async def held() -> None:
            try:
                async with asyncio.timeout_at(deadline):
                    for acknowledged in sent:
                        await acknowledged
            except MessageSizeTooLargeError as problem:
                # A cluster with a smaller `message.max.bytes` than Kafka's own.
                log.warning("bus_record_too_large", topic=name, reason=repr(problem))
                raise RecordTooLargeError from problem
            except (KafkaError, TimeoutError) as problem:
                raise self._refused(name, problem) from problem
            self._refusals = 0

        return held

    def _refused(self, name: str, problem: Exception) -> BusUnavailableError:
        self._refusals += 1
        self._telemetry.failed(Dependency.KAFKA)
        log.warning("bus_refused", topic=name, reason=repr(problem))
        if isinstance(problem, _MISCOUNTED):
            self._miscounted = True
            self._alarm.set()
        return BusUnavailableError()

    async def partitions(self, topic: Topic[T]) -> int:
        """As the cluster has them.

        Raises:
            BusUnavailableError: it does not say.
        """
        producer = self._producer
        if producer is None:
            raise BusUnavailableError("the server is stopping")
        try:
            async with asyncio.timeout(self._publish_timeout_s):
                return await self._count(producer, f"{self._prefix}{topic.name}")
        except (KafkaError, OSError, TimeoutError) as problem:
            raise BusUnavailableError from problem

    def on_loss(self, tell: Callable[[], None]) -> None:
        """Called after topics were made anew, or a reader was replaced."""
        self._tell_loss.append(tell)

    def lag(self) -> dict[str, int]:
        """For each reader the records that wait for it, as of the last look."""
        return {consumer.name: consumer.lag for consumer in self._consumers}

    async def check(self) -> None:
        """Asks the cluster what it consists of, within the publish time-out.

        Raises:
            BusUnavailableError: none of its servers says.
        """
        producer = self._producer
        if producer is None:
            raise BusUnavailableError("the server is stopping")
        try:
            async with asyncio.timeout(self._publish_timeout_s):
                answered = await producer.client.force_metadata_update()
        except (KafkaError, OSError, TimeoutError) as problem:
            raise BusUnavailableError("the event bus does not answer") from problem
        if not answered:
            raise BusUnavailableError("the event bus does not answer")

    def subscribe(self, topic: Topic[T], group: str, handler: Handler[T], *, max_batch: int = 256) -> None:
        """Consume as a member of ``group``; from the beginning, where the group is new."""
        self._consumers.append(
            GroupConsumer(
                self._named(topic),
                topic.payload,
                handler,
                # A group of its own for each topic: members with other topics would rebalance each other.
                group=f"{self._prefix}{topic.name}.{group}",
                max_batch=max_batch,
                back_off_s=self._back_off_s,
                stall_s=self._stall_s,
                telemetry=self._telemetry,
            )
        )

    def read_partition(
        self, topic: Topic[T], partition: int, handler: Handler[T], *, max_batch: int = 256
    ) -> None:
        """Consume one partition, modulo their count, from its end."""
        self._consumers.append(
            PartitionReader(
                self._named(topic),
                topic.payload,
                handler,
                partition=partition,
                max_batch=max_batch,
                back_off_s=self._back_off_s,
                stall_s=self._stall_s,
                telemetry=self._telemetry,
            )
        )

    def _named(self, topic: Topic[Any]) -> str:
        name = f"{self._prefix}{topic.name}"
        self._topics.add(name)
        return name

    async def _count(self, producer: AIOKafkaProducer, name: str) -> int:
        """Partitions of a topic: of the cluster's own, whatever this process would have made."""
        if (count := self._counts.get(name)) is not None:
            return count
        # One asks for all: each would connect a client of its own.
        async with self._counting:
            if (count := self._counts.get(name)) is None:
                self._topics.add(name)
                await make_topics(self._servers, [name], self._layout)
                count = self._counts[name] = len(await producer.partitions_for(name))
        return count

    async def _new_producer(self) -> AIOKafkaProducer:
        producer = AIOKafkaProducer(
            **self._servers.options,
            enable_idempotence=True,
            acks="all",
            max_request_size=_REQUEST_MAX_BYTES,
            request_timeout_ms=round(self._publish_timeout_s * 1_000),
        )
        try:
            await producer.start()
        except BaseException:
            await producer.stop()
            raise
        return producer

    async def _watch(self) -> None:
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._watch_s):
                    await self._alarm.wait()
            self._alarm.clear()
            try:
                async with asyncio.timeout(_WATCH_TIMEOUT_S):
                    await self._look()
            except (KafkaError, OSError, TimeoutError) as problem:
                self._telemetry.failed(Dependency.KAFKA)
                log.warning("bus_not_watched", reason=repr(problem))

    async def _look(self) -> None:
        producer = self._producer
        if producer is None:
            return
        cluster, there = await look_up(producer, self._topics)
        missing = self._topics - set(there)
        made = await make_topics(self._servers, missing, self._layout) if missing else set()
        if made:
            log.warning("bus_topics_made_again", topics=sorted(made))
            _, there = await look_up(producer, self._topics)
        await self._settle(producer, there)
        if self._refusals >= _REFUSALS_MAX or self._miscounted or cluster != self._cluster:
            await self._replace_producer(cluster)
        took = [await consumer.look() for consumer in self._consumers]
        if made or not all(took):
            for tell in self._tell_loss:
                tell()

    async def _settle(self, producer: AIOKafkaProducer, counts: dict[str, int]) -> None:
        """A topic that somebody made anew, or gave more partitions, is read and written as it is now."""
        if counts != self._counts:
            # The producer would look for itself in minutes, and refuse partitions that it does not know.
            await producer.client.force_metadata_update()
        self._counts = counts
        for consumer in self._consumers:
            if isinstance(consumer, PartitionReader) and (count := counts.get(consumer.topic)):
                consumer.settle(count)

    async def _replace_producer(self, cluster: str) -> None:
        """The cluster answers, and still nothing goes through this one; or it is not the one of before.

        A producer has its number from its cluster. An empty one counts from the beginning: a later
        process is given the same number, and records of the two are refused, or taken for repeats.
        """
        log.warning(
            "bus_producer_replaced", refusals=self._refusals, another_cluster=cluster != self._cluster
        )
        fresh = await self._new_producer()
        old, self._producer = self._producer, fresh
        self._refusals, self._miscounted, self._cluster = 0, False, cluster
        if old is not None:
            await old.stop()
