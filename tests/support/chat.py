"""The chat context on a real database, with everyone's view kept by the pushes they get."""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Sequence
from typing import Any, Final

import msgspec

from common.ids import new_id
from common.limits import Limits
from common.protocol import requests, rest
from common.protocol.pushes import AccountRoomAdded, AccountRoomRemoved, Push, RoomLeft, RoomRemoved
from common.protocol.types import Head, User
from server.chat.event import ReceiptRecord, RoomCommandRecord
from server.chat.service.commit import CommitService
from server.chat.service.marks import MarkService
from server.chat.service.posts import PostService
from server.chat.service.reads import ReadService
from server.chat.service.rooms import RoomService
from server.infra.memory.limiter import MemoryLimiter
from server.kernel.database import Database, Tx
from server.kernel.delivery import (
    DELIVERED,
    Answers,
    Delivery,
    MarksDelivery,
    Origin,
    RoomDelivery,
    UserDelivery,
)
from server.users import repository as user_rows
from server.users.model import AccountRecord
from tests.support.clock import ManualClock
from tests.support.fold import RoomFold

ALL: Final = 200
NO_LIMITS: Final = Limits(rooms_per_hour=0, rooms_per_user=0)


class Chat:
    """Services, people and what each of them was told."""

    def __init__(self, database: Database, *, limits: Limits = NO_LIMITS) -> None:
        self.database = database
        self.clock = ManualClock()
        self.reads = ReadService(database=database, people=user_rows.users_by_id)
        accounts = user_rows.AccountStream()
        self.rooms = RoomService(
            database=database,
            clock=self.clock,
            people=user_rows.users_by_id,
            accounts=accounts,
            reads=self.reads,
            limiter=MemoryLimiter(self.clock),
            kick=lambda: None,
            limits=limits,
        )
        self.commit = CommitService(database=database, clock=self.clock, deliver=self.deliver)
        self.posts = PostService(database=database, clock=self.clock, kick=lambda: None)
        self.marks = MarkService(database=database, accounts=accounts, deliver=self.deliver, pace_s=0)
        self.names: dict[str, str] = {}
        self.views: defaultdict[str, dict[str, RoomFold]] = defaultdict(dict)
        self.streams: defaultdict[str, list[int]] = defaultdict(list)
        self.answers: defaultdict[str, list[Push]] = defaultdict(list)
        self._origins: dict[Origin, str] = {}
        self._numbers = itertools.count(1)

    # People.

    async def person(self, name: str) -> str:
        """A new account; its id."""
        user = User(new_id(), name, name.title())
        record = AccountRecord(
            user=user, username_key=name, display_key=name, password_hash="", created_at_ms=0
        )

        async def register(tx: Tx) -> None:
            await user_rows.add_account(tx, record)
            await self.rooms.welcome(tx, user)

        await self.database.write(register)
        self.names[user.id] = user.display_name
        self._origins[Origin(0, len(self.names))] = user.id
        await self.relay()
        return user.id

    async def people(self, *names: str) -> list[str]:
        return [await self.person(name) for name in names]

    async def group(self, owner: str, *members: str, **fields: Any) -> str:
        """A room of these; its id."""
        request = rest.GroupCreate(new_id(), "Harbour", member_ids=list(members), **fields)
        head = await self.rooms.create(owner, request)
        await self.relay()
        return head.room_id

    # Commands.

    def record(self, user_id: str, request: requests.RoomCommand) -> RoomCommandRecord:
        origin = next(origin for origin, user in self._origins.items() if user == user_id)
        return RoomCommandRecord(origin, user_id, request)

    def send(self, user_id: str, room_id: str, body: str = "hello", **fields: Any) -> RoomCommandRecord:
        key = fields.pop("key", None) or new_id()
        request = requests.MessageSend(next(self._numbers), key, room_id, body, **fields)
        return self.record(user_id, request)

    async def handle(self, *records: RoomCommandRecord) -> list[Push]:
        """Commit as one batch; the answers it brought, of all senders in order."""
        self.answers.clear()
        await self.commit.handle(records)
        return [push for pushes in self.answers.values() for push in pushes]

    async def receipt(self, user_id: str, room_id: str, *, delivered: int = 0, read: int = 0) -> None:
        request = requests.Receipt(next(self._numbers), room_id, delivered, read)
        await self.marks.handle_receipts([ReceiptRecord(user_id, request)])

    # What is told.

    async def relay(self) -> None:
        """Deliver what waits in the outbox."""

        async def take(tx: Tx) -> list[Any]:
            rows = await tx.fetch("SELECT topic, payload FROM event_outbox ORDER BY id")
            await tx.execute("DELETE FROM event_outbox")
            return rows

        for topic, payload in await self.database.write(take):
            assert topic == DELIVERED.name
            await self.deliver([msgspec.json.decode(payload, type=Delivery)])

    async def deliver(self, deliveries: Sequence[Delivery]) -> None:
        """As a gateway does: the removed hear nothing of it, nor anything later."""
        for delivery in deliveries:
            await self._deliver(delivery)

    async def _deliver(self, delivery: Delivery) -> None:
        match delivery:
            case RoomDelivery():
                for event in delivery.events:
                    if event.seq in self.streams[delivery.room_id]:
                        continue
                    self.streams[delivery.room_id].append(event.seq)
                    if isinstance(event, RoomLeft | RoomRemoved):
                        self.views[event.user_id].pop(delivery.room_id, None)
                    self._tell(delivery.room_id, event)
            case MarksDelivery():
                for mark in delivery.marks:
                    self._tell(delivery.room_id, mark)
            case UserDelivery():
                for account_event in delivery.events:
                    await self._account(delivery.user_id, account_event)
            case Answers():
                self.answers[self._origins[delivery.origin]] += delivery.pushes
            case _:
                raise AssertionError(f"unexpected {delivery}")

    def _tell(self, room_id: str, push: Push) -> None:
        for rooms in self.views.values():
            if room_id in rooms:
                rooms[room_id].apply(push)

    async def _account(self, user_id: str, event: Push) -> None:
        rooms = self.views[user_id]
        match event:
            case AccountRoomAdded():
                rooms[event.head.room_id] = fold = RoomFold(
                    user_id, event.head, await self.history(user_id, event.head.room_id)
                )
                fold.know(self.names)
            case AccountRoomRemoved():
                assert event.room_id not in rooms
            case _:
                rooms[event.room_id].apply(event)  # type: ignore[union-attr]  # account.read

    # A fresh look.

    async def history(self, user_id: str, room_id: str) -> list[Any]:
        """All visible messages, page by page."""
        found: list[Any] = []
        before = None
        while True:
            page = await self.reads.history(user_id, requests.History(0, room_id, before, limit=ALL))
            found = page.messages + found
            if page.at_start:
                return found
            before = page.from_seq

    async def head(self, user_id: str, room_id: str) -> Head:
        return await self.reads.head(user_id, room_id)

    async def check(self) -> None:
        """Every view equals a fresh fetch, and every stream is dense.

        The lowest marks also grow by sending and leaving, which is told with the next receipt: so
        they are compared after one of everybody.
        """
        await self._compare(lowest=False)
        for user_id, rooms in self.views.items():
            for room_id, fold in rooms.items():
                await self.receipt(user_id, room_id, delivered=fold.head.seq)
        await self._compare(lowest=True)
        for seqs in self.streams.values():
            assert seqs == list(range(1, len(seqs) + 1))

    async def _compare(self, *, lowest: bool) -> None:
        for user_id, rooms in self.views.items():
            heads = {head.room_id: head for head in await self.reads.heads(user_id)}
            assert rooms.keys() == heads.keys()
            for room_id, fold in rooms.items():
                fold.know(self.names)
                fold.equals(heads[room_id], await self.history(user_id, room_id), lowest=lowest)
