from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from pathlib import Path

import msgspec
import pytest

from common.ids import new_id
from common.protocol.pushes import AccountRoomRemoved
from server.infra.memory.bus import MemoryBus
from server.infra.sqlite.database import SqliteDatabase
from server.kernel.bus import BusUnavailableError, Topic
from server.kernel.database import Tx
from server.kernel.delivery import Delivery, UserDelivery
from server.kernel.outbox import OutboxRelay, add_deliveries, add_event, waiting_events
from tests.support.wait import until


class Fact(msgspec.Struct, frozen=True):
    n: int


FACTS = Topic("test.facts", Fact)


class World:
    """A database, a bus, and what arrived by either way."""

    def __init__(self, folder: Path) -> None:
        self.database = SqliteDatabase(folder / "parley.db")
        self.bus = MemoryBus()
        self.facts: list[int] = []
        self.delivered: list[Delivery] = []
        self.refusals = 0
        self.bus.read_partition(FACTS, 3, self._take)

    def relay(self, deliver: Callable[[Sequence[Delivery]], Awaitable[None]] | None = None) -> OutboxRelay:
        return OutboxRelay(
            database=self.database, bus=self.bus, deliver=deliver or self._deliver, broadcasts=[FACTS]
        )

    async def left(self) -> int:
        return int((await self.database.read(_count))[0])

    async def _take(self, facts: Sequence[Fact]) -> None:
        self.facts += [fact.n for fact in facts]

    async def _deliver(self, deliveries: Sequence[Delivery]) -> None:
        if self.refusals:
            self.refusals -= 1
            raise BusUnavailableError
        self.delivered += deliveries


async def _count(tx: Tx) -> Sequence[int]:
    row = await tx.fetch_one("SELECT count(*) FROM event_outbox")
    return row or (0,)


async def _insert(tx: Tx, topic: str, payload: bytes) -> None:
    await tx.execute(
        "INSERT INTO event_outbox (topic, key, payload) VALUES ($1, $2, $3)", topic, "k", payload
    )


async def _add_facts(tx: Tx, numbers: Sequence[int]) -> None:
    for n in numbers:
        await add_event(tx, FACTS, "k", Fact(n))


def _delivery(n: int) -> UserDelivery:
    return UserDelivery(new_id(), [AccountRoomRemoved(n, new_id())])


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    made = World(tmp_path)
    await made.database.start()
    await made.bus.start()
    yield made
    await made.bus.stop()
    await made.database.stop()


async def test_events_are_published_in_order_and_their_rows_go(world: World) -> None:
    relay = world.relay()
    await relay.start()
    for start in range(0, 900, 300):
        await world.database.write(_add_facts, range(start, start + 300))
        relay.kick()
    await until(lambda: len(world.facts) == 900)
    await relay.stop()
    assert world.facts == list(range(900))
    assert await world.left() == 0


async def test_deliveries_go_to_the_publisher_as_they_were(world: World) -> None:
    deliveries = [_delivery(1), _delivery(2)]
    relay = world.relay()
    await relay.start()
    await world.database.write(add_deliveries, "k", deliveries)
    relay.kick()
    await until(lambda: len(world.delivered) == 2)
    await relay.stop()
    assert world.delivered == deliveries
    assert world.facts == []


async def test_an_event_of_a_transaction_that_failed_never_was(world: World) -> None:
    async def body(tx: Tx) -> None:
        await _add_facts(tx, [1])
        raise LookupError

    with pytest.raises(LookupError):
        await world.database.write(body)
    assert await world.left() == 0


async def test_what_an_earlier_run_left_is_published_at_start(world: World) -> None:
    await world.database.write(_add_facts, [1, 2, 3])
    relay = world.relay()
    await relay.start()
    await until(lambda: world.facts == [1, 2, 3])
    await relay.stop()


async def test_while_the_bus_is_away_nothing_is_lost_or_overtaken(
    world: World, expect_log: Callable[..., None]
) -> None:
    expect_log("outbox_waits")
    world.refusals = 2
    first, second = _delivery(1), _delivery(2)
    relay = world.relay()
    await world.database.write(add_deliveries, "k", [first, second])
    await relay.start()
    await until(lambda: len(world.delivered) == 2)
    await relay.stop()
    assert world.delivered == [first, second]
    assert await world.left() == 0


async def test_rows_published_before_one_that_fails_are_not_published_again(
    world: World, expect_log: Callable[..., None]
) -> None:
    expect_log("outbox_waits")
    deliveries = [_delivery(n) for n in range(1, 4)]
    seen: list[Delivery] = []

    async def second_fails_once(some: Sequence[Delivery]) -> None:
        (delivery,) = some
        if delivery == deliveries[1] and seen.count(delivery) == 0 and len(seen) == 1:
            seen.append(delivery)
            raise BusUnavailableError
        seen.append(delivery)

    relay = world.relay(second_fails_once)
    await world.database.write(add_deliveries, "k", deliveries)
    await relay.start()
    await until(lambda: len(seen) == 4)
    await relay.stop()
    assert seen == [deliveries[0], deliveries[1], deliveries[1], deliveries[2]]


async def test_a_bug_in_delivering_does_not_end_the_relay(
    world: World, expect_log: Callable[..., None]
) -> None:
    expect_log("outbox_failed")
    calls = 0

    async def broken_once(_: Sequence[Delivery]) -> None:
        nonlocal calls
        calls += 1
        if calls == 1:
            raise LookupError("a bug")

    relay = world.relay(broken_once)
    await world.database.write(add_deliveries, "k", [_delivery(1)])
    await relay.start()
    await until(lambda: calls == 2)
    await relay.stop()


async def test_rows_that_nobody_can_read_do_not_hold_up_the_others(
    world: World, expect_log: Callable[..., None]
) -> None:
    expect_log("outbox_row_unreadable")
    expect_log("outbox_topic_unknown")
    await world.database.write(_insert, FACTS.name, b'{"n": "no number"}')
    await world.database.write(_insert, FACTS.name, b"\xff")
    await world.database.write(_insert, "test.of_a_later_version", b"{}")
    await world.database.write(_add_facts, [1])
    relay = world.relay()
    await relay.start()
    await until(lambda: world.facts == [1])
    await relay.stop()
    assert await world.left() == 0


async def test_stopped_before_publishing_the_row_stays(world: World, expect_log: Callable[..., None]) -> None:
    expect_log("outbox_waits")
    world.refusals = 10**6
    relay = world.relay()
    await world.database.write(add_deliveries, "k", [_delivery(1)])
    await relay.start()
    await until(lambda: world.refusals < 10**6)
    await relay.stop()
    assert await world.left() == 1
    world.refusals = 0
    again = world.relay()
    await again.start()
    await until(lambda: world.delivered)
    await again.stop()


async def test_kicks_from_many_writers_lose_no_row(world: World) -> None:
    relay = world.relay()
    await relay.start()

    async def writer(first: int) -> None:
        for n in range(first, first + 25):
            await world.database.write(_add_facts, [n])
            relay.kick()

    await asyncio.gather(*(writer(100 * k) for k in range(8)))
    await until(lambda: len(world.facts) == 200)
    await relay.stop()
    assert len(set(world.facts)) == 200
    for k in range(8):
        own = [n for n in world.facts if n // 100 == k]
        assert own == sorted(own)


async def test_the_age_of_the_oldest_row_grows_while_it_can_not_go(
    world: World, expect_log: Callable[..., None]
) -> None:
    expect_log("outbox_waits")
    world.refusals = 2
    relay = world.relay()
    assert relay.oldest_s == 0
    await world.database.write(add_deliveries, "k", [_delivery(1)])
    assert await world.database.read(waiting_events, 10) == 1
    assert await world.database.read(waiting_events, 0) == 0
    await relay.start()
    await until(lambda: relay.oldest_s > 0)
    await until(lambda: world.delivered)
    await until(lambda: relay.oldest_s == 0)
    await relay.stop()
