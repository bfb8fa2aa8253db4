"""Watermarks: receipts in batches, one row per member, and who is told."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from common.limits import SMALL_ROOM_MEMBERS
from common.protocol.pushes import Marks, MinMarks
from server.chat.event import ReceiptRecord, TypingRecord
from server.chat.model import Membership
from server.chat.ports import Deliver
from server.chat.repository import messages as message_rows
from server.chat.repository import rooms as room_rows
from server.kernel.database import Database, Tx
from server.kernel.delivery import MarksDelivery, TypingDelivery


class MarkService:
    """Consumes ``chat.receipt`` and ``presence.user_typing``."""

    def __init__(self, *, database: Database, deliver: Deliver) -> None:
        self._database = database
        self._deliver = deliver

    async def handle_receipts(self, records: Sequence[ReceiptRecord]) -> None:
        """Marks only grow, up to the head; receipts for rooms one is not in are dropped."""
        wanted: dict[tuple[str, str], tuple[int, int]] = {}
        for record in records:
            key = (record.request.room_id, record.user_id)
            delivered, read = wanted.get(key, (0, 0))
            read = max(read, record.request.read)
            wanted[key] = (max(delivered, record.request.delivered, read), read)
        for delivery in await self._database.write(self._move, wanted):
            await self._deliver(delivery)

    async def handle_typing(self, records: Sequence[TypingRecord]) -> None:
        """Tell the rooms; several of one person in one batch are one."""
        for user_id, room_id in dict.fromkeys((record.user_id, record.room_id) for record in records):
            if await self._database.read(room_rows.membership, room_id, user_id) is not None:
                await self._deliver(TypingDelivery(room_id, user_id))

    async def _move(self, tx: Tx, wanted: dict[tuple[str, str], tuple[int, int]]) -> list[MarksDelivery]:
        room_ids = {room_id for room_id, _ in wanted}
        rooms = await room_rows.rooms(tx, room_ids)
        members = await room_rows.memberships(tx, room_ids, {user_id for _, user_id in wanted})
        before = await room_rows.crowd(tx, rooms)
        moved: list[Membership] = []
        for key, (delivered, read) in wanted.items():
            member = members.get(key)
            if member is None:
                continue
            head = rooms[member.room_id].seq
            fresh = replace(
                member,
                delivered=max(member.delivered, min(delivered, head)),
                read=max(member.read, min(read, head)),
            )
            if fresh.read > member.read:
                fresh = replace(
                    fresh, read_msg_no=await message_rows.msg_no_at(tx, member.room_id, fresh.read)
                )
            if fresh != member:
                moved.append(fresh)
        await room_rows.save_marks(tx, moved)
        after = await room_rows.crowd(tx, rooms)
        return [
            delivery
            for room_id in rooms
            if (delivery := _news(room_id, moved, before=before[room_id], after=after[room_id])) is not None
        ]


def _news(
    room_id: str, moved: list[Membership], *, before: tuple[int, int, int], after: tuple[int, int, int]
) -> MarksDelivery | None:
    """Each member's marks in small rooms; in large ones the minimum, when it grew."""
    if after[0] <= SMALL_ROOM_MEMBERS:
        marks = [Marks(room_id, m.user_id, m.delivered, m.read) for m in moved if m.room_id == room_id]
        return MarksDelivery(room_id, list(marks)) if marks else None
    if after[1:] == before[1:]:
        return None
    return MarksDelivery(room_id, [MinMarks(room_id, after[1], after[2])])
