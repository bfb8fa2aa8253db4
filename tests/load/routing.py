"""``python -m tests.load.routing``: a thousand gateways in one process, and who has how much to do.

The publisher, the table of routes and the fan-out are the server's own; the bus counts instead of storing,
and sessions count what is written to them. Rooms have the sizes of real conversations. Counts, no times: they
are the same on every machine.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import sys
import zlib
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Any, Final, cast

from common.ids import new_id
from common.protocol.pushes import AccountEvent, MessageNew, RoomEvent
from common.protocol.types import Head, HistoryAccess, Message, Role, RoomKind, Visibility
from server.gateway.hub import Hub
from server.gateway.ports import Account
from server.gateway.session import Session
from server.infra.memory.presence import MemoryPresence
from server.kernel.bus import EventBus, Topic
from server.kernel.delivery import Delivery, RoomDelivery
from server.kernel.presence import Routes
from server.kernel.publisher import DeliveryPublisher
from tests.load.crowds import Talk, channels, talks

_COMMAND_PARTITIONS: Final = 1_024
_CHANNEL_MESSAGES: Final = 10
_AUTHOR: Final = new_id()


@dataclass(frozen=True, slots=True)
class Room:
    """Members by number of user; how many messages are written in it."""

    id: str
    members: tuple[int, ...]
    messages: int


@dataclass(frozen=True, slots=True)
class Population:
    """Users with their gateways, and their rooms."""

    gateway_of: Mapping[int, int]
    rooms: Sequence[Room]

    def __add__(self, other: Population) -> Population:
        return Population({**self.gateway_of, **other.gateway_of}, [*self.rooms, *other.rooms])

    def gateways_of(self, room: Room) -> set[int]:
        return {self.gateway_of[user] for user in room.members}


def population(*, first_gateway: int = 0, gateways: int, per_gateway: int, seed: int = 1) -> Population:
    """As many people at each gateway; a talk for every two of them, a channel for every 500."""
    chance = random.Random(seed)
    first = first_gateway * per_gateway
    users = range(first, first + gateways * per_gateway)
    gateway_of = {user: user // per_gateway for user in users}

    def room(talk: Talk, messages: int) -> Room:
        members = chance.sample(users, min(talk.people, len(users)))
        return Room(_id(chance), tuple(members), messages)

    rooms = [room(talk, talk.messages) for talk in chance.choices(talks(), k=len(users) // 2)]
    rooms += [room(talk, _CHANNEL_MESSAGES) for talk in chance.choices(channels(), k=len(users) // 500)]
    return Population(gateway_of, rooms)


def room_of_all(people: Population, messages: int) -> Room:
    """Everybody is in it."""
    return Room(new_id(), tuple(people.gateway_of), messages)


@dataclass(slots=True)
class GatewayWork:
    """``read``: records of its partition. ``own``: those that were for a session of its own."""

    sessions: int = 0
    read: int = 0
    own: int = 0
    written: int = 0


@dataclass(slots=True)
class CoreWork:
    """``asked``: rooms whose routes it looked up. ``published``: records, one a gateway concerned."""

    messages: int = 0
    asked: int = 0
    published: int = 0


@dataclass(slots=True)
class Work:
    """What everybody had to do for the same messages."""

    gateways: list[GatewayWork]
    cores: list[CoreWork]
    published: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    """Records by room."""


async def replay(people: Population, *, gateways: int, partitions: int, cores: int) -> Work:
    """Everybody signs in, then all messages are written, in an order that mixes the rooms."""
    world = _World(people, gateways=gateways, partitions=partitions, cores=cores)
    await world.sign_in()
    for room, seq in _mixed(people.rooms):
        await world.say(room, seq)
    return world.work


class _World:
    def __init__(self, people: Population, *, gateways: int, partitions: int, cores: int) -> None:
        self._people = people
        self.work = Work([GatewayWork() for _ in range(gateways)], [CoreWork() for _ in range(cores)])
        self._presence = _CountedPresence()
        self._bus = _CountedBus(partitions)
        self._publisher = DeliveryPublisher(bus=cast("EventBus", self._bus), presence=self._presence)
        stored = _Stored(people)
        self._hubs = [
            Hub(rooms=stored, accounts=stored, presence=self._presence, ordinal=ordinal)
            for ordinal in range(gateways)
        ]

    async def sign_in(self) -> None:
        for user, gateway in self._people.gateway_of.items():
            hub, work = self._hubs[gateway], self.work.gateways[gateway]
            session = cast("Session", _Receiver(user, work))
            hub.add(session, str(user))
            await hub.expect(str(user))
            await hub.enter(session, str(user), 0)
            work.sessions += 1

    async def say(self, room: Room, seq: int) -> None:
        """One message through its core and all gateways that read what the core wrote."""
        partition = zlib.crc32(room.id.encode()) % _COMMAND_PARTITIONS
        core = self.work.cores[partition * len(self.work.cores) // _COMMAND_PARTITIONS]
        asked = self._presence.asked
        message = Message(room.id, seq, seq, seq, _AUTHOR, _AUTHOR, "hello", 1)
        await self._publisher.deliver([RoomDelivery(room.id, [MessageNew(room.id, seq, message)])])
        core.messages += 1
        core.asked += self._presence.asked - asked
        records = self._bus.take()
        core.published += len(records)
        self.work.published[room.id] += len(records)
        for at, delivery in records:
            # Its ordinal modulo the number of partitions: several gateways may share one.
            for ordinal in range(at, len(self._hubs), self._bus.count):
                await self._read(ordinal, delivery)

    async def _read(self, ordinal: int, delivery: Delivery) -> None:
        hub, work = self._hubs[ordinal], self.work.gateways[ordinal]
        before = hub.delivered
        await hub.deliver([delivery])
        work.read += 1
        work.own += hub.delivered > before


class _CountedBus:
    """Holds the records of a message until its readers took them. Only what the publisher calls."""

    def __init__(self, count: int) -> None:
        self.count = count
        self._records: list[tuple[int, Any]] = []

    async def publish_to(self, topic: Topic[Any], records: Sequence[tuple[int, Any]]) -> None:
        del topic
        self._records += ((number % self.count, payload) for number, payload in records)

    async def partitions(self, topic: Topic[Any]) -> int:
        del topic
        return self.count

    def take(self) -> list[tuple[int, Any]]:
        records, self._records = self._records, []
        return records


class _CountedPresence(MemoryPresence):
    asked = 0

    async def routes(self, room_ids: Sequence[str], user_ids: Sequence[str]) -> Routes:
        self.asked += len(room_ids)
        return await super().routes(room_ids, user_ids)


class _Receiver:
    """What a hub needs of a session."""

    __slots__ = ("_work", "account_seq", "number", "rooms")

    def __init__(self, number: int, work: GatewayWork) -> None:
        self.number = number
        self.rooms: dict[str, int] = {}
        self.account_seq = -1
        self._work = work

    def write(self, frame: bytes) -> None:
        del frame
        self._work.written += 1


class _Stored:
    """The rooms of each user, all of them still empty."""

    def __init__(self, people: Population) -> None:
        self._rooms: defaultdict[str, list[str]] = defaultdict(list)
        for room in people.rooms:
            for user in room.members:
                self._rooms[str(user)].append(room.id)

    async def room_ids(self, user_id: str) -> Sequence[str]:
        return self._rooms[user_id]

    async def heads(self, user_id: str) -> Sequence[Head]:
        return [_head(room_id) for room_id in self._rooms[user_id]]

    async def head_seqs(self, room_ids: Sequence[str]) -> Mapping[str, int]:
        raise AssertionError("nothing was lost that would have to be compared")

    async def room_events(self, room_id: str, *, after_seq: int, before_seq: int) -> Sequence[RoomEvent]:
        raise AssertionError(f"a gap in {room_id} between {after_seq} and {before_seq}")

    async def account(self, user_id: str) -> Account:
        raise NotImplementedError

    async def account_seqs(self, user_ids: Sequence[str]) -> Mapping[str, int]:
        raise NotImplementedError

    async def account_events(self, user_id: str, *, after_seq: int) -> Sequence[AccountEvent]:
        raise NotImplementedError

    async def signed_out(self) -> Sequence[str]:
        raise NotImplementedError


def _head(room_id: str) -> Head:
    kind, access = RoomKind.GROUP, HistoryAccess.SINCE_JOIN
    return Head(
        room_id, kind, "", "", Visibility.PRIVATE, access, Role.MEMBER, 2, 0, 0, 0, 0, 0, 0, 1, 0, 0, 1
    )


def _mixed(rooms: Sequence[Room]) -> Iterator[tuple[Room, int]]:
    """(room, seq): the first messages of all rooms, then the second ones of those that have more."""
    longest = max(room.messages for room in rooms)
    rounds = ([room for room in rooms if room.messages >= seq] for seq in range(1, longest + 1))
    return chain.from_iterable(((room, seq) for room in some) for seq, some in enumerate(rounds, 1))


def _id(chance: random.Random) -> str:
    """Of a room, the same in every run of the same seed."""
    digits = f"{chance.getrandbits(128):032x}"
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))


async def _report(gateways: int, per_gateway: int) -> None:
    here = population(gateways=gateways, per_gateway=per_gateway)
    there = population(first_gateway=gateways, gateways=gateways, per_gateway=per_gateway, seed=2)
    cores = max(1, gateways // 10)
    alone = await replay(here, gateways=gateways, partitions=gateways, cores=cores)
    both = await replay(here + there, gateways=2 * gateways, partitions=2 * gateways, cores=2 * cores)
    shared = await replay(here, gateways=gateways, partitions=max(1, gateways // 4), cores=cores)
    everyone = Population(here.gateway_of, [room_of_all(here, 10)])
    large = await replay(everyone, gateways=gateways, partitions=gateways, cores=cores)
    messages = sum(room.messages for room in here.rooms)
    print(f"{gateways:,} gateways, {len(here.gateway_of):,} people, {len(here.rooms):,} rooms")
    print(f"{messages:,} messages;", end=" ")
    print(f"were each read by every gateway: {messages:,} records a gateway\n")
    print(f"{'':34}{'read':>10}{'own':>10}{'written':>10}{'asked/msg':>11}{'published/msg':>15}")
    same = alone.gateways == both.gateways[:gateways]
    for name, work, many in (
        ("alone, a partition a gateway", alone, gateways),
        ("as many again elsewhere: these", both, gateways),
        ("alone, four gateways a partition", shared, gateways),
        ("a room of all, 10 messages", large, gateways),
    ):
        _line(name, work, many)
    print(f"\nwith as many again elsewhere each of these does the same as before: {'yes' if same else 'NO'}")


def _line(name: str, work: Work, gateways: int) -> None:
    """Means over the first ``gateways``."""

    def mean(of: Callable[[GatewayWork], int]) -> float:
        return sum(map(of, work.gateways[:gateways])) / gateways

    messages = sum(core.messages for core in work.cores)
    asked, published = (sum(getattr(core, of) for core in work.cores) for of in ("asked", "published"))
    figures = (mean(lambda one: one.read), mean(lambda one: one.own), mean(lambda one: one.written))
    print(f"{name:34}" + "".join(f"{figure:>10.1f}" for figure in figures), end="")
    print(f"{asked / messages:>11.2f}{published / messages:>15.2f}")


def main(arguments: Sequence[str] | None = None) -> int:
    """Prints what a gateway and a core have to do, alone and with as many again elsewhere."""
    parser = argparse.ArgumentParser(prog="python -m tests.load.routing", description=__doc__)
    parser.add_argument("--gateways", type=int, default=1_000)
    parser.add_argument("--people", type=int, default=10, help="at each gateway")
    options = parser.parse_args(arguments)
    asyncio.run(_report(options.gateways, options.people))
    return 0


if __name__ == "__main__":
    sys.exit(main())
