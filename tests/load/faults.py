"""What is broken, and how it is made whole: each part of a server alone, in pairs, and in ways of its own."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from tests.support.daemons import Kafka, Postgres, Redis
from tests.support.house import House

FROZEN_S: Final = 8.0
"""Longer than a consumer group waits for a member (6 s): others take over, and then it wakes."""


@dataclass(frozen=True, slots=True)
class Part:
    """``down`` returns when it is gone, ``up`` when it listens again. Both block."""

    name: str
    down: Callable[[], None]
    up: Callable[[], None]
    least_s: float = 0.0
    """How long it has to be gone at least."""


@dataclass(frozen=True, slots=True)
class Ground:
    """A whole server on services of its own. ``prefix``: of its topics."""

    house: House
    postgres: Postgres
    redis: Redis
    kafka: Kafka
    prefix: str

    @property
    def parts(self) -> dict[str, Part]:
        """All that can go, by name; a fault is one of them, or several joined by ``+``."""
        return {part.name: part for part in (*self._killed(), *self._others())}

    def faults(self) -> list[str]:
        """Each part, each pair of kinds, both of a kind, and the other ways to go."""
        killed = [part.name for part in self._killed()]
        return [
            *killed,
            *("+".join(pair) for pair in _pairs(killed)),
            *(part.name for part in self._others()),
        ]

    def _killed(self) -> Iterator[Part]:
        house = self.house
        for name in house.names:
            yield Part(name, _call(house.kill, name), _call(house.start, name))
        for daemon in (self.kafka, self.redis, self.postgres):
            yield Part(daemon.name, daemon.kill, daemon.start)

    def _others(self) -> Iterator[Part]:
        house, core = self.house, self.house.cores[0]
        yield Part("postgres-immediate", self.postgres.stop_immediate, self.postgres.start)
        yield Part("redis-emptied", self._empty_redis, _nothing)
        yield Part("kafka-topics-deleted", self._delete_topics, _nothing)
        yield Part("kafka-wiped", self.kafka.wipe, self.kafka.start)
        yield Part(f"{core}-frozen", _call(house.freeze, core), _call(house.thaw, core), FROZEN_S)
        yield Part("gateways-rolled", _nothing, lambda: _roll(house, house.gateways))
        yield Part("cores-rolled", _nothing, lambda: _roll(house, house.cores))

    def _empty_redis(self) -> None:
        import redis

        with redis.Redis.from_url(self.redis.url) as client:
            client.flushall()

    def _delete_topics(self) -> None:
        asyncio.run(delete_topics(self.kafka.url, self.prefix))


def _pairs(names: list[str]) -> Iterator[Sequence[str]]:
    """Of the first of each kind with the first of each other, and of both of a kind."""
    kinds: dict[str, list[str]] = {}
    for name in names:
        kinds.setdefault(name.partition("-")[0], []).append(name)
    yield from itertools.combinations([some[0] for some in kinds.values()], 2)
    yield from (some for some in kinds.values() if len(some) > 1)


def _roll(house: House, names: list[str]) -> None:
    """One after the other, as an orchestrator does: ask it to end, start it again, on to the next."""
    for name in names:
        code = house.stop(name)
        if code != 0:
            raise AssertionError(f"{name} ended with {code} when it was asked to end")
        house.start(name)


async def delete_topics(servers: str, prefix: str) -> None:
    """Those that begin so, and what is in them."""
    from aiokafka.admin import AIOKafkaAdminClient

    admin = AIOKafkaAdminClient(bootstrap_servers=servers)
    await admin.start()
    try:
        await admin.delete_topics([name for name in await admin.list_topics() if name.startswith(prefix)])
    finally:
        await admin.close()


def _call(step: Callable[[str], object], name: str) -> Callable[[], None]:
    def call() -> None:
        step(name)

    return call


def _nothing() -> None:
    """It was never gone, or it is back by itself."""
