"""Reading: heads, sync, history, members. Nothing here changes anything."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec

from common.limits import SMALL_ROOM_MEMBERS, SYNC_MAX_EVENTS
from common.protocol import rest
from common.protocol.pushes import HistoryPage, RoomEvent, SyncEvents
from common.protocol.requests import History, Sync
from common.protocol.types import Head, Member, Preview, Role, RoomKind, User
from server.chat.model import Membership, NoSuchRoomError, Room
from server.chat.ports import People
from server.chat.repository import messages as message_rows
from server.chat.repository import rooms as room_rows
from server.kernel.database import Database, Tx

_RANK: Final = {Role.OWNER: 0, Role.ADMIN: 1, Role.MEMBER: 2}
_BEGINNING: Final = 1


class ReadService:
    """Also what the gateway asks at ``hello`` and to close a gap."""

    def __init__(self, *, database: Database, people: People) -> None:
        self._database = database
        self._people = people

    async def room_ids(self, user_id: str) -> Sequence[str]:
        """The rooms the user is a member of."""
        return await self._database.read(room_rows.rooms_of_user, user_id)

    async def heads(self, user_id: str) -> Sequence[Head]:
        """All heads of the user, the room with the latest message first."""
        heads = await self._database.read(self.heads_in, user_id, None)
        return sorted(heads, key=_activity, reverse=True)

    async def head(self, user_id: str, room_id: str) -> Head:
        """One head.

        Raises:
            NoSuchRoomError: no member.
        """
        heads = await self._database.read(self.heads_in, user_id, [room_id])
        if not heads:
            raise NoSuchRoomError
        return heads[0]

    async def room_events(self, room_id: str, *, after_seq: int, before_seq: int) -> Sequence[RoomEvent]:
        """What a gateway missed, at most 1,000."""
        events = await self._database.read(
            message_rows.events_after, room_id, after=after_seq, visible_from=1, limit=SYNC_MAX_EVENTS
        )
        return [event for event in events if event.seq < before_seq]

    async def heads_in(self, tx: Tx, user_id: str, room_ids: Sequence[str] | None) -> list[Head]:
        """Heads of all or some rooms, in a number of statements that does not grow with them."""
        places = await room_rows.memberships_of_user(tx, user_id, room_ids)
        found = [room.id for room, _ in places]
        crowds = await room_rows.crowd(tx, found)
        previews = await message_rows.previews(tx, found)
        mentions = await message_rows.unread_mentions(tx, user_id)
        peers = {
            member.room_id: member.user_id
            for room, _ in places
            if room.kind is RoomKind.DIRECT
            for member in await self._others(tx, room.id, user_id)
        }
        wanted = {*peers.values(), *(preview.author_id for preview in previews.values()), user_id}
        people = await self._people(tx, list(wanted))
        return [
            self._head(
                room,
                member,
                crowd=crowds[room.id],
                preview=_named(previews.get(room.id), member, people),
                mentions=mentions.get(room.id, 0),
                peer=people.get(peers.get(room.id, user_id)) if room.kind is RoomKind.DIRECT else None,
            )
            for room, member in places
        ]

    async def _others(self, tx: Tx, room_id: str, user_id: str) -> list[Membership]:
        return [member for member in await room_rows.members_of(tx, room_id) if member.user_id != user_id]

    def _head(
        self,
        room: Room,
        member: Membership,
        *,
        crowd: tuple[int, int, int],
        preview: Preview | None,
        mentions: int,
        peer: User | None,
    ) -> Head:
        return Head(
            room.id,
            room.kind,
            room.title,
            room.topic,
            room.visibility,
            room.history,
            member.role,
            crowd[0],
            room.seq,
            room.msg_no,
            member.delivered,
            member.read,
            room.msg_no - member.read_msg_no,
            mentions,
            member.visible_from_seq,
            crowd[1],
            crowd[2],
            room.created_at_ms,
            peer,
            preview,
        )

    async def sync(self, user_id: str, request: Sync) -> SyncEvents:
        """All events of a room after a cursor, or ``truncated``."""
        return await self._database.read(self._sync, user_id, request)

    async def _sync(self, tx: Tx, user_id: str, request: Sync) -> SyncEvents:
        room, member = await _place(tx, request.room_id, user_id)
        after = max(request.after_seq, member.visible_from_seq - 1)
        if room.seq - after > SYNC_MAX_EVENTS:
            return SyncEvents(request.id, room.id, room.seq, [], truncated=True)
        events = await message_rows.events_after(
            tx, room.id, after=after, visible_from=member.visible_from_seq, limit=SYNC_MAX_EVENTS
        )
        return SyncEvents(request.id, room.id, room.seq, events)

    async def history(self, user_id: str, request: History) -> HistoryPage:
        """A page of messages, folded."""
        return await self._database.read(self._history, user_id, request)

    async def _history(self, tx: Tx, user_id: str, request: History) -> HistoryPage:
        room, member = await _place(tx, request.room_id, user_id)
        first, limit = member.visible_from_seq, request.limit
        if request.after is not None:
            found = await message_rows.messages_after(
                tx, room.id, after=request.after, visible_from=first, limit=limit
            )
            to_seq = found[-1].seq if len(found) == limit else room.seq
            from_seq = max(request.after + 1, first)
        else:
            before = (room.seq if request.before is None else min(request.before - 1, room.seq)) + 1
            newer = []
            if request.around is not None:
                newer = await message_rows.messages_after(
                    tx, room.id, after=request.around - 1, visible_from=first, limit=(limit + 1) // 2
                )
                before = max(request.around, first)
            older = await message_rows.messages_before(
                tx, room.id, before=before, visible_from=first, limit=limit - len(newer)
            )
            found = older + newer
            from_seq = older[0].seq if len(older) == limit - len(newer) and older else first
            to_seq = before - 1
            if request.around is not None:
                to_seq = newer[-1].seq if len(newer) == (limit + 1) // 2 else room.seq
        return HistoryPage(
            request.id,
            room.id,
            found,
            from_seq,
            max(to_seq, from_seq - 1),
            at_start=from_seq <= first or (bool(found) and found[0].msg_no == _BEGINNING),
            at_end=to_seq >= room.seq,
        )

    async def members(self, user_id: str, room_id: str) -> rest.Members:
        """Everyone in the room, owners and admins first; marks in small rooms."""
        return await self._database.read(self._members, user_id, room_id)

    async def _members(self, tx: Tx, user_id: str, room_id: str) -> rest.Members:
        await _place(tx, room_id, user_id)
        members = await room_rows.members_of(tx, room_id)
        people = await self._people(tx, [member.user_id for member in members])
        small = len(members) <= SMALL_ROOM_MEMBERS
        listed = [
            Member(
                people[member.user_id],
                member.role,
                member.joined_seq,
                member.delivered if small else None,
                member.read if small else None,
            )
            for member in members
            if member.user_id in people
        ]
        listed.sort(key=lambda member: (_RANK[member.role], member.user.display_name.casefold()))
        return rest.Members(listed)

    async def public_rooms(self, user_id: str, after: str, limit: int) -> rest.PublicRooms:
        """Rooms that anyone may join, by title."""
        rows = await self._database.read(room_rows.public_rooms, user_id, after=after, limit=limit + 1)
        page = [rest.PublicRoom(*row) for row in rows[:limit]]
        return rest.PublicRooms(page, page[-1].title if len(rows) > limit else None)


async def _place(tx: Tx, room_id: str, user_id: str) -> tuple[Room, Membership]:
    places = await room_rows.memberships_of_user(tx, user_id, [room_id])
    if not places:
        raise NoSuchRoomError
    return places[0]


def _named(preview: Preview | None, member: Membership, people: dict[str, User]) -> Preview | None:
    """With its author's name; what was before the member's time is not shown."""
    if preview is None or preview.seq < member.visible_from_seq:
        return None
    author = people.get(preview.author_id)
    return msgspec.structs.replace(preview, author_name="" if author is None else author.display_name)


def _activity(head: Head) -> int:
    return head.created_at_ms if head.preview is None else head.preview.sent_at_ms
