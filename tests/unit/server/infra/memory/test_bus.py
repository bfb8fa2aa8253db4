from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

import pytest

from server.infra.memory.bus import MemoryBus
from server.kernel.bus import BusUnavailableError, Topic
from tests.support.wait import until

WORDS = Topic("test.words", str)
LATER = Topic("test.later", str)


async def test_payloads_are_handed_over_as_they_are() -> None:
    bus, taken = MemoryBus(), list[list[int]]()

    async def take(numbers: Sequence[list[int]]) -> None:
        taken.extend(numbers)

    topic = Topic("test.numbers", list[int])
    bus.subscribe(topic, "group", take)
    await bus.start()
    numbers = [1, 2, 3]
    await bus.publish(topic, "k", numbers)
    await until(lambda: taken)
    await bus.stop()
    assert taken[0] is numbers


async def test_members_of_a_group_share_the_keys() -> None:
    bus = MemoryBus()
    shares: list[list[str]] = [[], []]

    async def first(words: Sequence[str]) -> None:
        shares[0].extend(words)

    async def second(words: Sequence[str]) -> None:
        shares[1].extend(words)

    bus.subscribe(WORDS, "group", first)
    bus.subscribe(WORDS, "group", second)
    await bus.start()
    for n in range(200):
        await bus.publish(WORDS, f"key{n % 20}", f"key{n % 20}")
    await until(lambda: len(shares[0]) + len(shares[1]) == 200)
    await bus.stop()
    assert shares[0]
    assert shares[1]
    assert set(shares[0]).isdisjoint(shares[1])


async def test_stop_handles_what_is_queued_and_what_that_publishes() -> None:
    bus, taken = MemoryBus(), list[str]()

    async def forward(words: Sequence[str]) -> None:
        for word in words:
            await bus.publish(LATER, "k", word)

    async def take(words: Sequence[str]) -> None:
        taken.extend(words)

    bus.subscribe(LATER, "group", take)
    bus.subscribe(WORDS, "group", forward, max_batch=3)
    await bus.start()
    for n in range(100):
        await bus.publish(WORDS, "k", str(n))
    await bus.stop()
    assert taken == [str(n) for n in range(100)]


async def test_a_handler_that_never_ends_is_cut_off_after_the_drain_time(
    expect_log: Callable[..., None],
) -> None:
    expect_log("bus_not_drained")
    bus = MemoryBus(drain_timeout_s=0.01)

    async def hang(words: Sequence[str]) -> None:
        await asyncio.Event().wait()

    bus.subscribe(WORDS, "group", hang)
    await bus.start()
    await bus.publish(WORDS, "k", "word")
    async with asyncio.timeout(10):
        await bus.stop()


async def test_a_publisher_that_waits_when_the_bus_stops_is_refused(
    expect_log: Callable[..., None],
) -> None:
    expect_log("bus_not_drained")
    bus = MemoryBus(capacity=1, drain_timeout_s=0.05, publish_timeout_s=60)

    async def hang(words: Sequence[str]) -> None:
        await asyncio.Event().wait()

    bus.subscribe(WORDS, "group", hang)
    await bus.start()
    await bus.publish(WORDS, "k", "word")
    waiting = asyncio.ensure_future(bus.publish(WORDS, "k", "another"))
    await asyncio.sleep(0)
    await bus.stop()
    with pytest.raises(BusUnavailableError):
        await waiting


async def test_publishing_where_nobody_reads_is_nothing() -> None:
    bus = MemoryBus()
    await bus.start()
    await bus.publish(WORDS, "k", "word")
    await bus.publish_to(WORDS, [(7, "word")])
    await bus.stop()
