"""The bus when an empty cluster stands where its own was: producers count from the beginning again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Final, cast

import msgspec
import pytest

from server.infra.kafka.brokers import Brokers
from server.infra.kafka.bus import KafkaBus, Watch
from server.kernel.bus import BusUnavailableError, Topic
from tests.support.daemons import Kafka
from tests.support.logs import LogGuard
from tests.support.services import own_services
from tests.support.wait import until

_PATIENCE_S: Final = 60.0


class Note(msgspec.Struct, frozen=True):
    n: int


NOTES: Final = Topic("test.notes", Note)


@asynccontextmanager
async def running(servers: str, *, heard: list[int] | None = None) -> AsyncIterator[KafkaBus]:
    """A bus that consumes where there is somebody to hear it, and else only publishes."""
    bus = KafkaBus(
        Brokers(servers),
        prefix="wiped.",
        partitions=4,
        publish_timeout_s=2.0,
        back_off_s=0.001,
        watch=Watch(every_s=0.5),
    )

    async def hear(notes: Sequence[Note]) -> None:
        if heard is not None:
            heard.extend(note.n for note in notes)

    if heard is not None:
        bus.subscribe(NOTES, "group", hear)
    await bus.start()
    try:
        yield bus
    finally:
        await bus.stop()


async def _say(bus: KafkaBus, number: int) -> None:
    """As a client does: again, until it was taken."""
    async with asyncio.timeout(_PATIENCE_S):
        while True:
            try:
                await bus.publish(NOTES, str(number), Note(number))
            except BusUnavailableError:
                continue
            return


@pytest.mark.usefixtures("quiet_kafka")
async def test_two_producers_of_one_number_do_not_stay(
    expect_log: Callable[..., None], log_guard: LogGuard
) -> None:
    expect_log("bus_producer_replaced")
    log_guard.allow("bus_refused|bus_not_watched|bus_topics_made_again")
    heard: list[int] = []
    with own_services([Kafka]) as daemons:
        kafka = cast("Kafka", daemons[0])
        async with running(kafka.url) as old:
            await _say(old, 1)
            await asyncio.to_thread(kafka.wipe)
            await asyncio.to_thread(kafka.start)
            await asyncio.to_thread(log_guard.wait_for, "bus_producer_replaced", seconds=_PATIENCE_S)
            # This one is given the number that the other had of the cluster before.
            async with running(kafka.url, heard=heard) as new:
                numbers = list(range(2, 42))
                for number in numbers:
                    await _say(old if number % 2 else new, number)
                await until(lambda: set(numbers) <= set(heard), timeout_s=_PATIENCE_S)
