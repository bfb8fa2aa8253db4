"""Reading: heads, sync, history, members. Nothing here changes anything."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec

from common.errors import Code
from common.ids import is_id
from common.limits import ANSWER_MAX_BYTES, SMALL_ROOM_MEMBERS, SYNC_MAX_EVENTS
from common.protocol import rest
from common.protocol.pushes import HistoryPage, RoomEvent, SyncEvents
from common.protocol.requests import History, Sync
from common.protocol.types import Head, Member, Message, Preview, Role, RoomKind, User
from server.chat.model import ChatError, Membership, NoSuchRoomError, Room, check_text
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

    async def head_seqs(self, room_ids: Sequence[str]) -> dict[str, int]:
        """The last ``seq`` of each room."""
        return await self._database.read(room_rows.head_seqs, room_ids)

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
        direct = [room.id for room, _ in places if room.kind is RoomKind.DIRECT]
        peers = await room_rows.others(tx, direct, user_id)
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
        return SyncEvents(request.id, room.id, room.seq, events[: _fitting(events, ANSWER_MAX_BYTES)[0]])

    async def history(self, user_id: str, request: History) -> HistoryPage:
        """A page of messages, folded.

        Raises:
            ChatError: ``bad_field`` for more than one of ``before``, ``after`` and ``around``.
        """
        if sum(bound is not None for bound in (request.before, request.after, request.around)) > 1:
            raise ChatError(Code.BAD_FIELD, "only one of before, after and around")
        return await self._database.read(self._history, user_id, request)

    async def _history(self, tx: Tx, user_id: str, request: History) -> HistoryPage:
        room, member = await _place(tx, request.room_id, user_id)
        first, end, limit = member.visible_from_seq, room.seq + 1, request.limit
        older: list[Message] = []
        newer: list[Message] = []
        # The page is what lies on both sides of ``middle``: [from_seq, middle) and [middle, to_seq].
        if request.after is not None:
            middle = from_seq = min(max(request.after + 1, first), end)
            newer, to_seq = await _newer(tx, room, middle, limit)
        elif request.around is not None:
            middle = min(max(request.around, first), end)
            newer, to_seq = await _newer(tx, room, middle, (limit + 1) // 2)
            older, from_seq = await _older(tx, room, middle, limit - len(newer), first)
        else:
            middle = end if request.before is None else min(max(request.before, first), end)
            older, from_seq = await _older(tx, room, middle, limit, first)
            to_seq = middle - 1
        newer_bytes = ANSWER_MAX_BYTES if request.around is None else ANSWER_MAX_BYTES // 2
        kept, used = _fitting(newer, newer_bytes)
        if kept < len(newer):
            newer = newer[:kept]
            to_seq = newer[-1].seq
        kept, _ = _fitting(older[::-1], ANSWER_MAX_BYTES - used)
        if kept < len(older):
            older = older[len(older) - kept :]
            from_seq = older[0].seq
        found = older + newer
        return HistoryPage(
            request.id,
            room.id,
            found,
            from_seq,
            to_seq,
            at_start=from_seq <= first or (bool(found) and found[0].msg_no == _BEGINNING),
            at_end=to_seq >= room.seq,
        )

    async def members(self, user_id: str, room_id: str, *, after: str, limit: int) -> rest.Members:
        """A page of those in the room, owners and admins first; marks in small rooms.

        ``after``: the user id that the page before ended with, or empty.
        """
        return await self._database.read(self._members, user_id, room_id, after, limit)

    async def _members(self, tx: Tx, user_id: str, room_id: str, after: str, limit: int) -> rest.Members:
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
        listed.sort(key=lambda one: (_RANK[one.role], one.user.display_name.casefold(), one.user.id))
        start = next((i for i, member in enumerate(listed, 1) if member.user.id == after), 0)
        page = listed[start : start + limit]
        return rest.Members(page, page[-1].user.id if start + limit < len(listed) else None)

    async def public_rooms(self, user_id: str, *, query: str, after: str, limit: int) -> rest.PublicRooms:
        """Rooms that anyone may join and whose title holds ``query``, by title.

        ``after``: what the page before gave as ``next_after``, or empty.
        """
        check_text(query, after)
        after_id, _, after_title = after.partition(":")
        rows = await self._database.read(
            room_rows.public_rooms,
            user_id,
            query=query,
            after=(after_title, after_id) if is_id(after_id) else None,
            limit=limit + 1,
        )
        page = [rest.PublicRoom(*row) for row in rows[:limit]]
        return rest.PublicRooms(page, f"{page[-1].id}:{page[-1].title}" if len(rows) > limit else None)


def _fitting(items: Sequence[msgspec.Struct], most: int) -> tuple[int, int]:
    """How many of the first items have ``most`` bytes at most, and how many they have; one is always in."""
    used = 0
    for number, item in enumerate(items):
        size = len(msgspec.json.encode(item))
        if number and used + size > most:
            return number, used
        used += size
    return len(items), used


async def _newer(tx: Tx, room: Room, middle: int, limit: int) -> tuple[list[Message], int]:
    """Messages from ``middle`` on, and the last ``seq`` that they cover."""
    found = await message_rows.messages_after(tx, room.id, after=middle - 1, visible_from=1, limit=limit)
    return found, found[-1].seq if len(found) == limit else room.seq


async def _older(tx: Tx, room: Room, middle: int, limit: int, first: int) -> tuple[list[Message], int]:
    """Messages before ``middle``, and the first ``seq`` that they cover."""
    if limit == 0:
        return [], middle
    found = await message_rows.messages_before(tx, room.id, before=middle, visible_from=first, limit=limit)
    return found, found[0].seq if len(found) == limit else first


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
