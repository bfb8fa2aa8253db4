"""What a Kafka cluster may do to a bus that runs: lose its topics, stall a reader."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final

import msgspec
import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewPartitions
from aiokafka.structs import ConsumerRecord, TopicPartition

from common.ids import new_id
from server.infra.kafka.brokers import Brokers
from server.infra.kafka.bus import KafkaBus, Watch
from server.infra.kafka.topics import Layout, make_topics
from server.kernel import tasks
from server.kernel.bus import BusUnavailableError, RecordTooLargeError, Topic
from tests.support.services import services
from tests.support.wait import until

PATIENCE_S: Final = 60.0


class Note(msgspec.Struct, frozen=True):
    n: int


NOTES: Final = Topic("test.notes", Note)


class Collector:
    def __init__(self) -> None:
        self.seen: list[int] = []

    async def __call__(self, notes: Sequence[Note]) -> None:
        self.seen += [note.n for note in notes]


@pytest.fixture
async def bus(quiet_kafka: None) -> AsyncIterator[KafkaBus]:
    opened = KafkaBus(
        Brokers(services().url("kafka")),
        prefix=f"{new_id()}.",
        partitions=2,
        publish_timeout_s=2.0,
        back_off_s=0.01,
        watch=Watch(every_s=0.2, stall_s=2.0),
    )
    yield opened
    await opened.stop()


async def published(bus: KafkaBus, n: int) -> None:
    """Tried again as a client would; both ways."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            try:
                await bus.publish(NOTES, "key", Note(n))
                await bus.publish_to(NOTES, [(1, Note(n))])
            except BusUnavailableError:
                await asyncio.sleep(0.05)
            else:
                return


@asynccontextmanager
async def administration() -> AsyncIterator[AIOKafkaAdminClient]:
    admin = AIOKafkaAdminClient(bootstrap_servers=services().url("kafka"))
    await admin.start()
    yield admin
    await admin.close()


@pytest.fixture
def quiet_bus() -> Iterator[None]:
    """Which warnings the loss of a topic brings depends on what is under way at that moment."""
    logger = logging.getLogger("server.infra.kafka")
    logger.setLevel(logging.ERROR)
    yield
    logger.setLevel(logging.NOTSET)


async def test_topics_that_were_deleted_are_made_again_and_read_on(bus: KafkaBus, quiet_bus: None) -> None:
    group, reader, losses = Collector(), Collector(), []
    bus.subscribe(NOTES, "group", group)
    bus.read_partition(NOTES, 1, reader)
    bus.on_loss(lambda: losses.append(1))
    await bus.start()
    for n in range(20):
        await published(bus, n)
    await until(lambda: {*range(20)} <= {*group.seen} & {*reader.seen}, timeout_s=PATIENCE_S)
    async with administration() as admin:
        await admin.delete_topics([name for name in await admin.list_topics() if name.endswith(NOTES.name)])
    await until(lambda: losses, timeout_s=PATIENCE_S)
    # Fewer than before: their places lie before those that were read.
    await published(bus, 100)
    await published(bus, 101)
    await until(lambda: {100, 101} <= {*group.seen} & {*reader.seen}, timeout_s=PATIENCE_S)
    assert reader.seen.index(100) < reader.seen.index(101)


async def test_a_reader_that_takes_nothing_is_replaced_and_misses_nothing(
    bus: KafkaBus, expect_log: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    expect_log("bus_reader_stalled")
    reader, losses = Collector(), []
    bus.read_partition(NOTES, 1, reader)
    bus.on_loss(lambda: losses.append(1))
    await bus.start()
    await published(bus, 1)
    await until(lambda: reader.seen)
    (consumer,) = bus._consumers
    stalled: Any = consumer._client

    async def nothing(**_: Any) -> dict[TopicPartition, list[ConsumerRecord]]:
        await asyncio.sleep(0.01)
        return {}

    monkeypatch.setattr(stalled, "getmany", nothing)
    before = len(reader.seen)
    for n in (2, 3, 4):
        await bus.publish_to(NOTES, [(1, Note(n))])
    await until(lambda: len(reader.seen) >= before + 3, timeout_s=PATIENCE_S)
    assert reader.seen[-3:] == [2, 3, 4]
    assert consumer._client is not stalled
    assert losses


async def test_it_tells_how_far_behind_its_readers_are(bus: KafkaBus) -> None:
    gate = asyncio.Event()

    async def slow(_: Sequence[Note]) -> None:
        await gate.wait()

    bus.subscribe(NOTES, "group", slow, max_batch=1)
    await bus.start()
    for n in range(5):
        await bus.publish(NOTES, "key", Note(n))
    await until(lambda: sum(bus.lag().values()) >= 3, timeout_s=PATIENCE_S)
    gate.set()
    await until(lambda: sum(bus.lag().values()) == 0, timeout_s=PATIENCE_S)


async def test_a_producer_through_which_nothing_goes_is_replaced(
    bus: KafkaBus, expect_log: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    expect_log("bus_refused")
    expect_log("bus_producer_replaced")
    await bus.start()
    await published(bus, 1)
    broken: Any = bus._producer

    async def never(*_: Any, **__: Any) -> None:
        raise TimeoutError

    monkeypatch.setattr(broken, "send", never)
    await published(bus, 2)
    assert bus._producer is not broken


class Letter(msgspec.Struct, frozen=True):
    text: str


LETTERS: Final = Topic("test.letters", Letter)


async def test_a_batch_leaves_room_for_what_is_made_of_it(quiet_kafka: None) -> None:
    size, batches = 3_700, list[int]()

    async def take(letters: Sequence[Letter]) -> None:
        batches.append(sum(len(letter.text) for letter in letters))

    bus = KafkaBus(Brokers(services().url("kafka")), prefix=f"{new_id()}.", partitions=2)
    await bus.start()
    for _ in range(300):
        await bus.publish(LETTERS, "key", Letter("x" * size))
    await bus.stop()
    # It begins with all that waits: as many a batch as there ever are.
    late = KafkaBus(Brokers(services().url("kafka")), prefix=bus._prefix, partitions=2)
    late.subscribe(LETTERS, "group", take)
    await late.start()
    try:
        await until(lambda: sum(batches) == 300 * size, timeout_s=PATIENCE_S)
    finally:
        await late.stop()
    assert max(batches) <= 600 * 1024


async def test_a_reader_counts_its_partition_modulo_those_that_the_topic_has(quiet_kafka: None) -> None:
    """An operator made the topics with fewer than this server would have."""
    prefix, reader = f"{new_id()}.", Collector()
    servers = Brokers(services().url("kafka"))
    await make_topics(servers, [f"{prefix}{NOTES.name}"], Layout(partitions=2, replication=1))
    bus = KafkaBus(servers, prefix=prefix, partitions=16)
    bus.read_partition(NOTES, 5, reader)
    await bus.start()
    try:
        assert await bus.partitions(NOTES) == 2
        await bus.publish_to(NOTES, [(5, Note(1)), (4, Note(2)), (1, Note(3))])
        await until(lambda: reader.seen == [1, 3], timeout_s=PATIENCE_S)
    finally:
        await bus.stop()


async def test_a_record_that_is_too_large_is_refused_for_good_and_nothing_of_its_call_is_there(
    quiet_kafka: None,
) -> None:
    seen: list[int] = []

    async def take(letters: Sequence[Letter]) -> None:
        seen.extend(len(letter.text) for letter in letters)

    bus = KafkaBus(Brokers(services().url("kafka")), prefix=f"{new_id()}.", partitions=2)
    bus.read_partition(LETTERS, 1, take)
    await bus.start()
    largest = 1024 * 1024 - 1024 - len(msgspec.json.encode(Letter("")))
    try:
        with pytest.raises(RecordTooLargeError):
            await bus.publish_to(LETTERS, [(1, Letter("x")), (1, Letter("x" * (largest + 1)))])
        # What is not too large for the bus is not for the cluster either.
        await bus.publish_to(LETTERS, [(1, Letter("x" * largest)), (1, Letter("xx"))])
        await until(lambda: seen == [largest, 2], timeout_s=PATIENCE_S)
    finally:
        await bus.stop()


async def test_a_topic_that_gets_more_partitions_is_read_and_written_as_it_is_then(
    bus: KafkaBus, quiet_bus: None
) -> None:
    first, third, losses = Collector(), Collector(), list[int]()
    bus.read_partition(NOTES, 1, first)
    bus.read_partition(NOTES, 3, third)
    bus.on_loss(lambda: losses.append(1))
    await bus.start()
    await published(bus, 1)
    await until(lambda: first.seen and third.seen, timeout_s=PATIENCE_S)
    async with administration() as admin:
        await admin.create_partitions({f"{bus._prefix}{NOTES.name}": NewPartitions(4)})

    async def heard(number: int, reader: Collector, n: int) -> bool:
        await bus.publish_to(NOTES, [(number, Note(n))])
        return n in reader.seen

    async with asyncio.timeout(PATIENCE_S):
        while await bus.partitions(NOTES) != 4:
            await asyncio.sleep(0.05)
        while not await heard(3, third, 3) or not await heard(1, first, 2):
            await asyncio.sleep(0.05)
    await until(lambda: losses, timeout_s=PATIENCE_S)
    assert 3 not in first.seen
    assert 2 not in third.seen
    assert bus._refusals == 0


async def test_a_topic_that_was_made_anew_with_fewer_partitions_is_read_where_it_is_written(
    quiet_kafka: None, quiet_bus: None
) -> None:
    servers, prefix = Brokers(services().url("kafka")), f"{new_id()}."
    reader, losses = Collector(), list[int]()
    await make_topics(servers, [f"{prefix}{NOTES.name}"], Layout(partitions=8, replication=1))
    bus = KafkaBus(servers, prefix=prefix, partitions=2, publish_timeout_s=2.0, watch=Watch(every_s=0.2))
    bus.read_partition(NOTES, 7, reader)
    bus.on_loss(lambda: losses.append(1))
    await bus.start()
    try:
        await bus.publish_to(NOTES, [(7, Note(1))])
        await until(lambda: reader.seen == [1], timeout_s=PATIENCE_S)
        async with administration() as admin:
            await admin.delete_topics([f"{prefix}{NOTES.name}"])
        async with asyncio.timeout(PATIENCE_S):
            while await bus.partitions(NOTES) != 2:
                await asyncio.sleep(0.05)
            while 2 not in reader.seen:
                with contextlib.suppress(BusUnavailableError):
                    await bus.publish_to(NOTES, [(7, Note(2))])
                await asyncio.sleep(0.05)
        await until(lambda: losses, timeout_s=PATIENCE_S)
    finally:
        await bus.stop()


@pytest.mark.parametrize("grouped", [True, False])
async def test_a_reader_that_breaks_off_goes_on_and_misses_nothing(
    bus: KafkaBus, expect_log: Callable[..., None], monkeypatch: pytest.MonkeyPatch, *, grouped: bool
) -> None:
    expect_log("task_failed")
    monkeypatch.setattr(tasks, "_AGAIN_S", 0.001)
    reader = Collector()
    if grouped:
        bus.subscribe(NOTES, "group", reader)
    else:
        bus.read_partition(NOTES, 1, reader)
    await bus.start()
    await published(bus, 1)
    await until(lambda: 1 in reader.seen, timeout_s=PATIENCE_S)
    (consumer,) = bus._consumers
    broken: Any = consumer._client
    getmany, seen, asked = broken.getmany, len(reader.seen), asyncio.Event()

    async def taken(**how: Any) -> dict[TopicPartition, list[ConsumerRecord]]:
        asked.set()
        if await getmany(**how):
            raise LookupError("taken, and not handled")
        return {}

    monkeypatch.setattr(broken, "getmany", taken)
    await asked.wait()
    await bus.publish_to(NOTES, [(1, Note(2)), (1, Note(3))])
    await until(lambda: {2, 3} <= {*reader.seen[seen:]}, timeout_s=PATIENCE_S)
    assert consumer._client is not broken
