"""Joins, removals, messages, hellos, deliveries in any order: members miss nothing, others hear nothing."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Coroutine, Sequence
from typing import Any, cast

import pytest

from common.protocol.pushes import (
    AccountEvent,
    AccountRoomAdded,
    AccountRoomRemoved,
    RoomEvent,
    RoomJoined,
)
from common.protocol.types import Head, Role, User
from server.gateway.hub import Hub
from server.gateway.session import Session
from server.infra.memory.presence import MemoryPresence
from server.kernel.delivery import Delivery, RoomDelivery, UserDelivery
from tests.support.hub import DARIO, MIRA, ROOM, Receiver, Streams, head, message, removed

_STEPS = 60
_LATE = 3
_LOST = 0.05


class Desktop(Receiver):
    """Mira's: what comes before it is ready is held."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.held: list[bytes] | None = []
        self.known = 0
        """Up to this ``seq`` its heads, or the news of the room, told."""

    def write(self, frame: bytes) -> None:
        if self.held is None:
            super().write(frame)
        else:
            self.held.append(frame)

    def ready(self, heads: Sequence[Head], missed: Sequence[RoomEvent]) -> None:
        self.known = heads[0].seq if heads else 0
        self.got += missed
        held, self.held = self.held or [], None
        for frame in held:
            self.write(frame)


class World:
    """A room as the database has it, its deliveries on their way, and one gateway."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.events: list[RoomEvent] = [message(1)]
        self.member = False
        self.members: list[bool] = [False]
        """For each event whether it is for Mira."""
        self.streams = Streams()
        self.ways: tuple[list[Delivery], list[Delivery]] = ([], [])
        """The room's events and Mira's account events, each in their order."""
        self.hub = Hub(rooms=self, accounts=self.streams, presence=MemoryPresence(), ordinal=0)
        self.desktops: list[Desktop] = []
        self.tasks: list[asyncio.Task[None]] = []

    # The database, which answers when it likes with what it had at some moment of that.

    async def _while(self) -> None:
        for _ in range(self.chance.randint(0, _LATE)):
            await asyncio.sleep(0)

    async def room_ids(self, user_id: str) -> Sequence[str]:
        await self._while()
        found = [ROOM] if self.member or user_id == DARIO else []
        await self._while()
        return found

    async def heads(self, user_id: str) -> Sequence[Head]:
        await self._while()
        found = [head(len(self.events))] if self.member or user_id == DARIO else []
        await self._while()
        return found

    async def head_seqs(self, room_ids: Sequence[str]) -> dict[str, int]:
        return dict.fromkeys(room_ids, len(self.events))

    async def room_events(self, room_id: str, *, after_seq: int, before_seq: int) -> Sequence[RoomEvent]:
        assert room_id == ROOM
        await self._while()
        found = [event for event in self.events if after_seq < event.seq < before_seq]
        await self._while()
        return found

    # What happens.

    def commit(self, event: RoomEvent) -> None:
        self.events.append(event)
        self.members.append(self.member)
        if self.chance.random() >= _LOST:
            self.ways[0].append(RoomDelivery(ROOM, [event]))

    def say(self) -> None:
        self.commit(message(len(self.events) + 1))

    def come_or_go(self) -> None:
        seq, kept = len(self.events) + 1, self.streams.kept[MIRA]
        self.member = not self.member
        news: AccountEvent
        if self.member:
            self.commit(RoomJoined(ROOM, seq, DARIO, User(MIRA, "mira", "Mira"), Role.MEMBER, 1))
            news = AccountRoomAdded(len(kept) + 1, head(seq))
        else:
            self.commit(removed(seq, MIRA))
            news = AccountRoomRemoved(len(kept) + 1, ROOM)
        kept.append(news)
        if self.chance.random() >= _LOST:
            self.ways[1].append(UserDelivery(MIRA, [news]))

    def connect(self) -> None:
        self.desktops.append(desktop := Desktop(len(self.desktops) + 1))
        self.spawn(self._hello(desktop))

    async def _hello(self, desktop: Desktop) -> None:
        session = cast("Session", desktop)
        self.hub.add(session, MIRA)
        await self.hub.expect(MIRA)
        account_seq = len(self.streams.kept[MIRA])
        await self._while()
        entrance = await self.hub.enter(session, MIRA, account_seq)
        desktop.ready([one for chunk in entrance.heads for one in chunk], entrance.missed)

    async def deliver(self) -> None:
        way = self.chance.choice([way for way in self.ways if way])
        some = [way.pop(0) for _ in range(self.chance.randint(1, len(way)))]
        await self.hub.deliver(some)

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        self.tasks.append(asyncio.ensure_future(work))

    async def live(self) -> None:
        """Deliveries one after another, as the bus has it; all else beside them."""
        consumed: asyncio.Task[None] | None = None
        for _ in range(_STEPS):
            match self.chance.randint(0, 9):
                case 0 | 1 | 2:
                    self.say()
                case 3:
                    self.come_or_go()
                case 4 if len(self.desktops) < 3:
                    self.connect()
                case 5:
                    self.spawn(self.hub.compare())
                case _ if any(self.ways) and (consumed is None or consumed.done()):
                    consumed = asyncio.ensure_future(self.deliver())
                    self.tasks.append(consumed)
            await self._while()
        await asyncio.gather(*self.tasks)
        while any(self.ways):
            await self.deliver()
        await self.hub.compare()
        await self.hub.compare()


def _told(desktop: Desktop) -> tuple[list[list[int]], set[int]]:
    """What it was told of the room since each news of having it, and all that it knows of it then."""
    told, known = [list[int]()], {*range(1, desktop.known + 1)}
    for push in desktop.got:
        if isinstance(push, AccountRoomAdded):
            told.append([])
            known |= {*range(1, push.head.seq + 1)}
        elif not isinstance(push, AccountRoomRemoved):
            seq = cast("RoomEvent", push).seq
            told[-1].append(seq)
            known.add(seq)
    return told, known


@pytest.mark.parametrize("alone", [True, False])
@pytest.mark.parametrize("seed", range(150))
async def test_members_miss_nothing_and_others_hear_nothing(seed: int, *, alone: bool) -> None:
    world = World(seed)
    if not alone:
        dario = Receiver(99)
        world.hub.add(cast("Session", dario), DARIO)
        await world.hub.enter(cast("Session", dario), DARIO, 0)
    await world.live()
    for desktop in world.desktops:
        told, known = _told(desktop)
        for seqs in told:
            assert all(world.members[seq - 1] for seq in seqs), "of a time when she was no member"
            assert seqs == sorted({*seqs}), "told twice, or out of order"
        assert (ROOM in desktop.rooms) is world.member
        if world.member:
            assert {*range(1, len(world.events) + 1)} <= known
