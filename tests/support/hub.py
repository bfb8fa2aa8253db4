"""What the hub needs of sessions and of the contexts, answering when a test tells it to."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import cast

from common.ids import new_id
from common.protocol.codec import decode_pushes
from common.protocol.pushes import (
    AccountEvent,
    AccountProfile,
    MessageNew,
    Push,
    RoomEvent,
    RoomRemoved,
)
from common.protocol.types import Head, HistoryAccess, Message, Role, RoomKind, User, Visibility
from server.gateway.hub import Hub
from server.gateway.ports import Account
from server.gateway.session import Entrance, Session
from server.kernel.delivery import RoomDelivery

ROOM, MIRA, DARIO = new_id(), new_id(), new_id()
KEY = new_id()


def message(seq: int) -> MessageNew:
    return MessageNew(ROOM, seq, Message(ROOM, seq, seq, seq, DARIO, KEY, f"{seq}", 1))


def removed(seq: int, user_id: str) -> RoomRemoved:
    return RoomRemoved(ROOM, seq, DARIO, user_id, 1)


def head(seq: int, room_id: str = ROOM) -> Head:
    return Head(
        room_id,
        RoomKind.GROUP,
        "Release 1.0",
        "",
        Visibility.PRIVATE,
        HistoryAccess.SINCE_JOIN,
        Role.MEMBER,
        2,
        seq,
        seq,
        0,
        0,
        0,
        0,
        1,
        0,
        0,
        1,
    )


class Receiver:
    """What the hub needs of a session."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.rooms: dict[str, int] = {}
        self.account_seq = -1
        self.got: list[Push] = []
        self.pushed: list[Push] = []
        self.answers: list[object] = []

    def push(self, *pushes: Push) -> None:
        self.pushed += pushes

    def answered(self, *keys: object) -> None:
        self.answers += keys

    def write(self, frame: bytes) -> None:
        size = frame[1]
        at = 2 if size < 126 else 4
        self.got += decode_pushes(frame[at:])

    @property
    def seqs(self) -> list[int]:
        return [push.seq for push in self.got if isinstance(push, MessageNew | RoomRemoved)]


class Stored:
    """The chat context: a room of ``events``; what is read waits for its gate when there is one."""

    def __init__(self) -> None:
        self.events: list[RoomEvent] = [message(seq) for seq in range(1, 6)]
        self.member_of = {ROOM}
        self.gates: list[asyncio.Event] = []
        self.room_gates: list[asyncio.Event] = []
        self.event_gates: list[asyncio.Event] = []
        self.loads: list[tuple[int, int]] = []

    async def room_ids(self, user_id: str) -> Sequence[str]:
        found = sorted(self.member_of)
        if self.room_gates:
            await self.room_gates.pop(0).wait()
        return found

    async def heads(self, user_id: str) -> Sequence[Head]:
        found = [head(self.events[-1].seq)] if self.member_of else []
        if self.gates:
            await self.gates.pop(0).wait()
        return found

    async def head_seqs(self, room_ids: Sequence[str]) -> dict[str, int]:
        return dict.fromkeys(room_ids, self.events[-1].seq)

    async def room_events(self, room_id: str, *, after_seq: int, before_seq: int) -> Sequence[RoomEvent]:
        self.loads.append((after_seq, before_seq))
        await (self.event_gates.pop(0).wait() if self.event_gates else asyncio.sleep(0))
        return [event for event in self.events if after_seq < event.seq < before_seq]

    def append(self, event: RoomEvent) -> RoomDelivery:
        self.events.append(event)
        return RoomDelivery(ROOM, [event])


class Streams:
    """The account streams as the database has them."""

    def __init__(self) -> None:
        self.kept: dict[str, list[AccountEvent]] = {MIRA: [], DARIO: []}
        self.loads: list[tuple[str, int]] = []

    async def account(self, user_id: str) -> Account:
        raise NotImplementedError(user_id)

    async def account_seqs(self, user_ids: Sequence[str]) -> dict[str, int]:
        return {user_id: len(self.kept[user_id]) for user_id in user_ids}

    async def account_events(self, user_id: str, *, after_seq: int) -> Sequence[AccountEvent]:
        self.loads.append((user_id, after_seq))
        return [event for event in self.kept[user_id] if event.account_seq > after_seq]

    async def signed_out(self) -> Sequence[str]:
        return ()

    def profile(self, name: str) -> AccountProfile:
        event = AccountProfile(len(self.kept[MIRA]) + 1, User(MIRA, "mira", name))
        self.kept[MIRA].append(event)
        return event


async def enter(hub: Hub, receiver: Receiver, user_id: str, *, account_seq: int = 0) -> Entrance:
    session = cast("Session", receiver)
    hub.add(session, user_id)
    await hub.expect(user_id)
    return await hub.enter(session, user_id, account_seq)
