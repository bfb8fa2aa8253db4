"""Watermarks: receipts in batches, one row per member, and who is told."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Final

from common.limits import SMALL_ROOM_MEMBERS
from common.protocol.pushes import AccountRead, Marks, MinMarks
from server.chat.event import ReceiptRecord, TypingRecord
from server.chat.model import Membership, Room
from server.chat.ports import AccountStream, Deliver
from server.chat.repository import messages as message_rows
from server.chat.repository import rooms as room_rows
from server.kernel.database import Database, Tx
from server.kernel.delivery import Delivery, MarksDelivery, TypingDelivery, UserDelivery

Wanted = dict[tuple[str, str], tuple[int, int]]
"""(room, user) to the delivered and read marks that were asked for."""
_PACE_S: Final = 0.1
_TOLD_MAX: Final = 10_000


class MarkService:
    """Consumes ``chat.receipt`` and ``presence.user_typing``.

    After a batch of receipts it rests for ``pace_s``, so that the next ones gather: receipts share
    the database's writer with the messages, and nobody waits for a tick.
    """

    def __init__(
        self, *, database: Database, accounts: AccountStream, deliver: Deliver, pace_s: float = _PACE_S
    ) -> None:
        self._database = database
        self._accounts = accounts
        self._deliver = deliver
        self._pace_s = pace_s
        self._told: dict[str, Marks | MinMarks] = {}

    async def handle_receipts(self, records: Sequence[ReceiptRecord]) -> None:
        """Marks only grow, up to the head; receipts for rooms one is not in are dropped."""
        wanted: Wanted = {}
        for record in records:
            key = (record.request.room_id, record.user_id)
            delivered, read = wanted.get(key, (0, 0))
            read = max(read, record.request.read)
            wanted[key] = (max(delivered, record.request.delivered, read), read)
        news = await self._database.write(self._move, wanted)
        news = [each for each in news if not isinstance(each, MarksDelivery) or self._is_news(each)]
        await self._deliver(news)
        self._remember(news)
        await asyncio.sleep(self._pace_s)

    async def handle_typing(self, records: Sequence[TypingRecord]) -> None:
        """Tell the rooms; several of one person in one batch are one."""
        places = dict.fromkeys((record.room_id, record.user_id) for record in records)
        members = await self._database.read(room_rows.memberships, places)
        await self._deliver(
            [TypingDelivery(room_id, user_id) for room_id, user_id in places if (room_id, user_id) in members]
        )

    async def _move(self, tx: Tx, wanted: Wanted) -> list[Delivery]:
        rooms = await room_rows.rooms(tx, {room_id for room_id, _ in wanted})
        members = await room_rows.memberships(tx, wanted)
        moved = [
            fresh
            for key, member in members.items()
            if (fresh := await _moved(tx, rooms[key[0]], member, wanted[key])) != member
        ]
        await tx.execute_all([room_rows.new_marks(moved)])
        # Also where nothing moved: sending and leaving raise the minimum too, without a word of it.
        by_room: dict[str, list[Membership]] = {room_id: [] for room_id, _ in members}
        for member in moved:
            by_room[member.room_id].append(member)
        crowds = await room_rows.crowd(tx, by_room)
        news: list[Delivery] = [_news(room_id, some, crowds[room_id]) for room_id, some in by_room.items()]
        news += await self._own(tx, rooms, (m for m in moved if m.read > members[m.room_id, m.user_id].read))
        return news

    async def _own(self, tx: Tx, rooms: dict[str, Room], readers: Iterable[Membership]) -> list[Delivery]:
        """To the reader's other devices. Not kept: whoever comes later finds the marks in the heads."""
        reading = list(readers)
        seqs = await self._accounts.heads(tx, list({member.user_id for member in reading}))
        return [
            UserDelivery(
                member.user_id,
                [
                    AccountRead(
                        seqs[member.user_id],
                        member.room_id,
                        member.delivered,
                        member.read,
                        rooms[member.room_id].msg_no - member.read_msg_no,
                        await message_rows.mentions_after(tx, member.room_id, member.user_id, member.read),
                    )
                ],
            )
            for member in reading
            if member.user_id in seqs
        ]

    def _is_news(self, delivery: MarksDelivery) -> bool:
        """Whether it says more than a minimum that was told already."""
        return len(delivery.marks) > 1 or self._told.get(delivery.room_id) != delivery.marks[-1]

    def _remember(self, told: Iterable[Delivery]) -> None:
        """Once it was delivered: what was not is told again."""
        for each in told:
            if isinstance(each, MarksDelivery):
                if each.room_id not in self._told and len(self._told) >= _TOLD_MAX:
                    self._told.clear()
                self._told[each.room_id] = each.marks[-1]


async def _moved(tx: Tx, room: Room, member: Membership, wanted: tuple[int, int]) -> Membership:
    delivered, read = min(wanted[0], room.seq), min(wanted[1], room.seq)
    fresh = replace(member, delivered=max(member.delivered, delivered), read=max(member.read, read))
    if fresh.read > member.read:
        fresh = replace(fresh, read_msg_no=await message_rows.msg_no_at(tx, room.id, fresh.read))
    return fresh


def _news(room_id: str, moved: Sequence[Membership], crowd: tuple[int, int, int]) -> MarksDelivery:
    """Each member's marks in small rooms; in all, last, the minimum."""
    count, min_delivered, min_read = crowd
    news: list[Marks | MinMarks] = []
    if count <= SMALL_ROOM_MEMBERS:
        news += [Marks(room_id, member.user_id, member.delivered, member.read) for member in moved]
    return MarksDelivery(room_id, [*news, MinMarks(room_id, min_delivered, min_read)])
