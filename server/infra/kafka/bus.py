"""``EventBus`` on Kafka: an idempotent producer, a consumer a subscription, commits behind the handlers."""

from __future__ import annotations

import asyncio
import zlib
from typing import Any, Final, TypeVar

import msgspec
import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaError, TopicAlreadyExistsError, for_code

from server.infra.kafka.consumer import Consumer, GroupConsumer, PartitionReader
from server.kernel.bus import BusUnavailableError, Handler, Topic
from server.kernel.tasks import TaskOwner

T = TypeVar("T")

log: Final = structlog.get_logger(__name__)

_START_TIMEOUT_S: Final = 30.0
_STOP_TIMEOUT_S: Final = 15.0
_BACK_OFF_S: Final = 0.05
_RECORD_MAX_BYTES: Final = 1024 * 1024


class KafkaBus:
    """``servers`` as ``host:port,...``; topics are made with ``partitions`` and ``replication`` if missing.

    ``prefix`` keeps several servers apart on one cluster. Records are JSON: what is in Kafka is read by
    whoever looks. A record's partition follows from its key alone, as long as their count stays.
    """

    def __init__(
        self,
        servers: str,
        *,
        prefix: str = "",
        partitions: int = 16,
        replication: int = 1,
        publish_timeout_s: float = 5.0,
        back_off_s: float = _BACK_OFF_S,
    ) -> None:
        self._servers = servers
        self._prefix = prefix
        self._partitions = partitions
        self._replication = replication
        self._publish_timeout_s = publish_timeout_s
        self._back_off_s = back_off_s
        self._topics: dict[str, Topic[Any]] = {}
        self._consumers: list[Consumer] = []
        self._counts: dict[str, int] = {}
        self._tasks = TaskOwner("kafka_bus")
        self._producer: AIOKafkaProducer | None = None
        self._encode = msgspec.json.Encoder().encode

    async def start(self) -> None:
        """Make the topics, connect, and read on from where each group stopped.

        Raises:
            BusUnavailableError: the cluster does not answer.
        """
        try:
            async with asyncio.timeout(_START_TIMEOUT_S):
                await self._make_topics()
                self._producer = AIOKafkaProducer(
                    bootstrap_servers=self._servers,
                    enable_idempotence=True,
                    acks="all",
                    max_request_size=_RECORD_MAX_BYTES,
                    request_timeout_ms=round(self._publish_timeout_s * 1_000),
                )
                await self._producer.start()
                for consumer in self._consumers:
                    await consumer.start(self._servers)
        except (KafkaError, OSError, TimeoutError) as problem:
            await self.stop()
            raise BusUnavailableError(f"the event bus can't be reached: {problem}") from problem
        for consumer in self._consumers:
            self._tasks.spawn(consumer.run(), name=consumer.name)

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
        await self._send(topic, zlib.crc32(key.encode()), payload)

    async def publish_to(self, topic: Topic[T], partition: int, payload: T) -> None:
        """Append to one partition, modulo their count."""
        await self._send(topic, partition, payload)

    async def broadcast(self, topic: Topic[T], payload: T) -> None:
        """Append to every partition that the cluster has of the topic, at once."""
        producer = self._producer
        if producer is None:
            raise BusUnavailableError("the server is stopping")
        name = f"{self._prefix}{topic.name}"
        value = self._encode(payload)
        try:
            async with asyncio.timeout(self._publish_timeout_s):
                sent = [
                    await producer.send(name, value, partition=partition)
                    for partition in range(await self._count(producer, name))
                ]
                await asyncio.gather(*sent)
        except (KafkaError, TimeoutError) as problem:
            raise self._refused(name, problem) from problem

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
                partition=partition % self._partitions,
                max_batch=max_batch,
                back_off_s=self._back_off_s,
            )
        )

    def _named(self, topic: Topic[Any]) -> str:
        self._topics[topic.name] = topic
        return f"{self._prefix}{topic.name}"

    async def _send(self, topic: Topic[T], number: int, payload: T) -> None:
        producer = self._producer
        if producer is None:
            raise BusUnavailableError("the server is stopping")
        name = f"{self._prefix}{topic.name}"
        try:
            async with asyncio.timeout(self._publish_timeout_s):
                partition = number % await self._count(producer, name)
                await producer.send_and_wait(name, self._encode(payload), partition=partition)
        except (KafkaError, TimeoutError) as problem:
            raise self._refused(name, problem) from problem

    def _refused(self, name: str, problem: Exception) -> BusUnavailableError:
        log.warning("bus_refused", topic=name, reason=repr(problem))
        # A topic that was made anew may have another number of partitions.
        self._counts.pop(name, None)
        return BusUnavailableError()

    async def _count(self, producer: AIOKafkaProducer, name: str) -> int:
        """Partitions of a topic: of the cluster's own, whatever this process would have made."""
        count = self._counts.get(name)
        if count is None:
            count = self._counts[name] = len(await producer.partitions_for(name))
        return count

    async def _make_topics(self) -> None:
        names = [f"{self._prefix}{name}" for name in self._topics]
        if not names:
            return
        admin = AIOKafkaAdminClient(bootstrap_servers=self._servers)
        await admin.start()
        try:
            wanted = [
                NewTopic(name, num_partitions=self._partitions, replication_factor=self._replication)
                for name in names
            ]
            _check(await admin.create_topics(wanted))
        finally:
            await admin.close()


def _check(answer: Any) -> None:  # noqa: ANN401 - aiokafka's response
    """Raises what the cluster refused; a topic that is there already is fine."""
    for _, code, *_ in answer.topic_errors:
        error = for_code(code)
        if code and not issubclass(error, TopicAlreadyExistsError):
            raise error
