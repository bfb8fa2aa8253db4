from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

import msgspec
import pytest

from server.kernel.bus import BusUnavailableError, Topic
from server.kernel.publisher import broadcast
from tests.contract.adapters import BOUNDED_BUSES, BUSES, BusOpener
from tests.support.wait import until

pytestmark = pytest.mark.usefixtures("quiet_kafka")


class Note(msgspec.Struct, frozen=True):
    key: str
    n: int


NOTES = Topic("test.notes", Note)
OTHERS = Topic("test.others", Note)


@pytest.fixture(params=list(BUSES.values()), ids=list(BUSES))
def opener(request: pytest.FixtureRequest) -> BusOpener:
    return request.param  # type: ignore[no-any-return]  # pytest's params are Any


@pytest.fixture(params=list(BOUNDED_BUSES.values()), ids=list(BOUNDED_BUSES))
def bounded(request: pytest.FixtureRequest) -> BusOpener:
    return request.param  # type: ignore[no-any-return]  # pytest's params are Any


class Collector:
    """A handler that remembers, and can be held or made to fail."""

    def __init__(self) -> None:
        self.batches: list[list[Note]] = []
        self.failures = 0
        self.gate = asyncio.Event()
        self.gate.set()
        self.entered = 0

    async def __call__(self, notes: Sequence[Note]) -> None:
        self.entered += 1
        await self.gate.wait()
        if self.failures:
            self.failures -= 1
            raise OSError("for the moment")
        self.batches.append(list(notes))

    @property
    def notes(self) -> list[Note]:
        return [note for batch in self.batches for note in batch]


async def test_each_group_gets_every_record_in_the_order_of_its_key(opener: BusOpener) -> None:
    bus, first, second = opener(), Collector(), Collector()
    bus.subscribe(NOTES, "first", first)
    bus.subscribe(NOTES, "second", second)
    await bus.start()
    for n in range(200):
        await bus.publish(NOTES, f"key{n % 7}", Note(f"key{n % 7}", n))
    await until(lambda: len(first.notes) == len(second.notes) == 200)
    await bus.stop()
    for collector in (first, second):
        for key in {note.key for note in collector.notes}:
            numbers = [note.n for note in collector.notes if note.key == key]
            assert numbers == sorted(numbers)


async def test_what_is_submitted_has_its_place_before_it_is_held(opener: BusOpener) -> None:
    bus, collector = opener(), Collector()
    bus.subscribe(NOTES, "group", collector)
    await bus.start()
    halves = [await bus.submit(NOTES, "k", Note("k", n)) for n in range(100)]
    await bus.publish(NOTES, "k", Note("k", 100))
    for held in reversed(halves):
        await held()
    await until(lambda: len(collector.notes) == 101)
    await bus.stop()
    assert [note.n for note in collector.notes] == list(range(101))
    with pytest.raises(BusUnavailableError):
        await bus.submit(NOTES, "k", Note("k", 101))


async def test_a_topic_reaches_its_own_consumers_only(opener: BusOpener) -> None:
    bus, notes, others = opener(), Collector(), Collector()
    bus.subscribe(NOTES, "group", notes)
    bus.subscribe(OTHERS, "group", others)
    await bus.start()
    await bus.publish(NOTES, "k", Note("k", 1))
    await bus.publish(OTHERS, "k", Note("k", 2))
    await until(lambda: notes.notes and others.notes)
    await bus.stop()
    assert [note.n for note in notes.notes] == [1]
    assert [note.n for note in others.notes] == [2]


async def test_what_gathers_while_a_batch_is_handled_comes_together(opener: BusOpener) -> None:
    bus, collector = opener(), Collector()
    bus.subscribe(NOTES, "group", collector, max_batch=10)
    await bus.start()
    collector.gate.clear()
    await bus.publish(NOTES, "k", Note("k", 0))
    await until(lambda: collector.entered)
    for n in range(1, 26):
        await bus.publish(NOTES, "k", Note("k", n))
    collector.gate.set()
    await until(lambda: len(collector.notes) == 26)
    await bus.stop()
    assert [note.n for note in collector.notes] == list(range(26))
    assert max(len(batch) for batch in collector.batches) == 10


async def test_a_batch_that_fails_comes_again_whole_before_later_ones(
    opener: BusOpener, expect_log: Callable[..., None]
) -> None:
    expect_log("bus_batch_failed")
    bus, collector = opener(), Collector()
    bus.subscribe(NOTES, "group", collector)
    collector.failures = 3
    await bus.start()
    for n in range(50):
        await bus.publish(NOTES, "k", Note("k", n))
    await until(lambda: len(collector.notes) == 50)
    await bus.stop()
    assert [note.n for note in collector.notes] == list(range(50))
    assert collector.entered == len(collector.batches) + 3


async def test_one_group_that_fails_does_not_stop_another(
    opener: BusOpener, expect_log: Callable[..., None]
) -> None:
    expect_log("bus_batch_failed")
    bus, ill, well = opener(), Collector(), Collector()
    ill.failures = 10**6
    bus.subscribe(NOTES, "ill", ill)
    bus.subscribe(NOTES, "well", well)
    await bus.start()
    await bus.publish(NOTES, "k", Note("k", 1))
    await until(lambda: well.notes and ill.entered)
    ill.failures = 0
    await until(lambda: ill.notes)
    await bus.stop()


async def test_a_full_bus_refuses_after_its_time(bounded: BusOpener, expect_log: Callable[..., None]) -> None:
    expect_log("bus_full")
    bus, held, free = bounded(capacity=5, publish_timeout_s=0.05), Collector(), Collector()
    bus.subscribe(NOTES, "held", held)
    bus.subscribe(NOTES, "free", free)
    held.gate.clear()
    await bus.start()
    published = 0

    async def fill() -> None:
        nonlocal published
        while True:
            await bus.publish(NOTES, "k", Note("k", published))
            published += 1

    with pytest.raises(BusUnavailableError) as refusal:
        await fill()
    assert refusal.value.retry_after_ms is not None
    held.gate.set()
    await until(lambda: len(held.notes) == published)
    await bus.stop()
    # Refused means refused: no group has it.
    assert [note.n for note in held.notes] == [note.n for note in free.notes] == list(range(published))


async def test_a_publisher_waits_for_room(bounded: BusOpener) -> None:
    bus, collector = bounded(capacity=5), Collector()
    bus.subscribe(NOTES, "group", collector, max_batch=2)
    collector.gate.clear()
    await bus.start()

    async def publish_all() -> None:
        for n in range(50):
            await bus.publish(NOTES, "k", Note("k", n))

    publishing = asyncio.ensure_future(publish_all())
    await until(lambda: collector.entered)
    assert not publishing.done()
    collector.gate.set()
    async with asyncio.timeout(10):
        await publishing
    await until(lambda: len(collector.notes) == 50)
    await bus.stop()
    assert [note.n for note in collector.notes] == list(range(50))


async def test_many_waiting_publishers_all_get_in(bounded: BusOpener) -> None:
    bus, collector = bounded(capacity=3), Collector()
    bus.subscribe(NOTES, "group", collector, max_batch=2)
    await bus.start()
    async with asyncio.timeout(10):
        await asyncio.gather(*(bus.publish(NOTES, f"k{n}", Note(f"k{n}", n)) for n in range(200)))
    await until(lambda: len(collector.notes) == 200)
    await bus.stop()
    assert sorted(note.n for note in collector.notes) == list(range(200))


async def test_a_cancelled_publisher_leaves_the_others_their_place(bounded: BusOpener) -> None:
    bus, collector = bounded(capacity=1), Collector()
    bus.subscribe(NOTES, "group", collector, max_batch=1)
    collector.gate.clear()
    await bus.start()
    await bus.publish(NOTES, "k", Note("k", 0))
    await until(lambda: collector.entered)
    waiting = [asyncio.ensure_future(bus.publish(NOTES, "k", Note("k", n))) for n in (1, 2, 3)]
    await asyncio.sleep(0)
    waiting[1].cancel()
    collector.gate.set()
    async with asyncio.timeout(10):
        await asyncio.gather(*waiting, return_exceptions=True)
    await until(lambda: len(collector.notes) >= 3)
    await bus.stop()
    assert [note.n for note in collector.notes] == [0, 1, 3]


async def test_a_partition_reader_gets_what_is_addressed_to_it(opener: BusOpener) -> None:
    bus, zero, one = opener(), Collector(), Collector()
    bus.read_partition(NOTES, 0, zero)
    bus.read_partition(NOTES, 1, one)
    await bus.start()
    for n in range(10):
        await bus.publish_to(NOTES, [(n % 2, Note("k", n))])
    await until(lambda: len(zero.notes) == len(one.notes) == 5)
    await bus.stop()
    assert [note.n for note in zero.notes] == [0, 2, 4, 6, 8]
    assert [note.n for note in one.notes] == [1, 3, 5, 7, 9]


async def test_what_is_broadcast_reaches_every_reader_once(opener: BusOpener) -> None:
    bus, readers = opener(), [Collector() for _ in range(3)]
    for partition, reader in enumerate(readers):
        bus.read_partition(NOTES, partition, reader)
    await bus.start()
    await broadcast(bus, NOTES, Note("k", 1))
    await bus.publish_to(NOTES, [(partition, Note("k", 2)) for partition in range(3)])
    await until(lambda: all(len(reader.notes) >= 2 for reader in readers))
    await bus.stop()
    assert [[note.n for note in reader.notes] for reader in readers] == [[1, 2]] * 3
    with pytest.raises(BusUnavailableError):
        await broadcast(bus, NOTES, Note("k", 3))


async def test_records_of_one_call_keep_their_order_in_each_partition(opener: BusOpener) -> None:
    bus, readers = opener(), [Collector() for _ in range(2)]
    for partition, reader in enumerate(readers):
        bus.read_partition(NOTES, partition, reader)
    await bus.start()
    count = await bus.partitions(NOTES)
    await bus.publish_to(NOTES, [(n % 2 + n % 3 * count, Note("k", n)) for n in range(100)])
    await until(lambda: sum(len(reader.notes) for reader in readers) == 100)
    await bus.stop()
    for partition, reader in enumerate(readers):
        assert [note.n for note in reader.notes] == list(range(partition, 100, 2))


async def test_two_readers_of_one_partition_both_get_all(opener: BusOpener) -> None:
    bus, first, second = opener(), Collector(), Collector()
    bus.read_partition(NOTES, 3, first)
    bus.read_partition(NOTES, 3, second)
    await bus.start()
    await bus.publish_to(NOTES, [(3, Note("k", 1))])
    await until(lambda: first.notes and second.notes)
    await bus.stop()


async def test_a_group_gets_addressed_records_too(opener: BusOpener) -> None:
    bus, group, reader = opener(), Collector(), Collector()
    bus.subscribe(NOTES, "group", group)
    bus.read_partition(NOTES, 0, reader)
    await bus.start()
    await bus.publish_to(NOTES, [(0, Note("k", 1))])
    await until(lambda: group.notes and reader.notes)
    await bus.stop()


async def test_stop_lets_the_batch_at_hand_finish(opener: BusOpener) -> None:
    bus, collector = opener(), Collector()
    bus.subscribe(NOTES, "group", collector)
    collector.gate.clear()
    await bus.start()
    await bus.publish(NOTES, "k", Note("k", 1))
    await until(lambda: collector.entered)
    stopping = asyncio.ensure_future(bus.stop())
    await asyncio.sleep(0)
    collector.gate.set()
    async with asyncio.timeout(10):
        await stopping
    assert [note.n for note in collector.notes] == [1]


async def test_publishing_after_stop_is_refused(opener: BusOpener) -> None:
    bus, collector = opener(), Collector()
    bus.subscribe(NOTES, "group", collector)
    await bus.start()
    await bus.stop()
    with pytest.raises(BusUnavailableError):
        await bus.publish(NOTES, "k", Note("k", 1))
    with pytest.raises(BusUnavailableError):
        await bus.publish_to(NOTES, [(0, Note("k", 1))])


async def test_it_says_whether_it_answers_and_what_waits(opener: BusOpener) -> None:
    bus, collector = opener(), Collector()
    collector.gate.clear()
    bus.subscribe(NOTES, "slow", collector, max_batch=1)
    await bus.start()
    try:
        await bus.check()
        for n in range(3):
            await bus.publish(NOTES, "k", Note("k", n))
        await until(lambda: sum(bus.lag().values()) >= 2, timeout_s=30)
        assert all("test.notes" in name and name.endswith("slow") for name in bus.lag())
        collector.gate.set()
        await until(lambda: sum(bus.lag().values()) == 0, timeout_s=30)
    finally:
        collector.gate.set()
        await bus.stop()
    with pytest.raises(BusUnavailableError):
        await bus.check()
