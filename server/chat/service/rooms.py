"""Making rooms and changing who is in them: one change, one transaction, its events in the outbox."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

from common.errors import Code
from common.ids import id_to_bytes, new_id
from common.limits import Limits
from common.protocol import rest
from common.protocol.pushes import (
    AccountEvent,
    AccountRoomAdded,
    AccountRoomRemoved,
    RoomChanged,
    RoomCreated,
    RoomEvent,
    RoomJoined,
    RoomLeft,
    RoomRemoved,
    RoomRole,
)
from common.protocol.types import Head, HistoryAccess, Role, RoomKind, User, Visibility
from common.text import text_problem
from server.chat.model import EVERYONE_KEY, EVERYONE_TITLE, ChatError, Membership, NoSuchRoomError, Room
from server.chat.ports import AccountStream, People
from server.chat.repository import messages as message_rows
from server.chat.repository import rooms as room_rows
from server.chat.service.reads import ReadService
from server.kernel.clock import Clock
from server.kernel.database import Database, Tx
from server.kernel.delivery import Delivery, RoomDelivery, UserDelivery
from server.kernel.outbox import add_deliveries


class RoomService:
    """REST's half of the chat context; ``kick`` tells the outbox relay of new events."""

    def __init__(
        self,
        *,
        database: Database,
        clock: Clock,
        people: People,
        accounts: AccountStream,
        reads: ReadService,
        kick: Callable[[], None],
        limits: Limits,
    ) -> None:
        self._database = database
        self.clock = clock
        self._people = people
        self.accounts = accounts
        self.reads = reads
        self._kick = kick
        self.limits = limits

    # The users context's port.

    async def welcome(self, tx: Tx, user: User) -> None:
        """Into "Everyone", which the first account brings about."""
        room = await room_rows.room_by_key(tx, EVERYONE_KEY)
        change = _Change(self, tx, user.id)
        if room is None:
            room = Room(
                id=new_id(),
                kind=RoomKind.GROUP,
                title=EVERYONE_TITLE,
                visibility=Visibility.PUBLIC,
                created_at_ms=self.clock.now_ms(),
            )
            await change.create(room, EVERYONE_KEY, [(user, Role.OWNER)])
        else:
            await change.open(room.id, member=False)
            await change.join([(user, Role.MEMBER)])
        await change.finish()

    async def rooms_of(self, tx: Tx, user_id: str) -> Sequence[str]:
        """The rooms of a user."""
        return await room_rows.rooms_of_user(tx, user_id)

    # Use cases.

    async def direct(self, user_id: str, peer_id: str) -> Head:
        """The one room of two people, made if new; with oneself: notes."""
        return await self._run(user_id, self._direct, peer_id)

    async def _direct(self, change: _Change, peer_id: str) -> str:
        lower, higher = sorted((change.actor_id, peer_id))
        unique_key = id_to_bytes(lower) + id_to_bytes(higher)
        room = await room_rows.room_by_key(change.tx, unique_key)
        if room is not None:
            return room.id
        people = await self._people(change.tx, [change.actor_id, peer_id])
        if peer_id not in people:
            raise ChatError(Code.NOT_FOUND, "there is no such person")
        room = Room(id=new_id(), kind=RoomKind.DIRECT, created_at_ms=self.clock.now_ms())
        await change.create(room, unique_key, [(user, Role.MEMBER) for user in people.values()])
        return room.id

    async def create(self, user_id: str, request: rest.GroupCreate) -> Head:
        """A group; the same ``client_msg_id`` gives the same room."""
        _check_text(request.title, request.topic)
        return await self._run(user_id, self._create, request)

    async def _create(self, change: _Change, request: rest.GroupCreate) -> str:
        unique_key = b"group" + id_to_bytes(change.actor_id) + id_to_bytes(request.client_msg_id)
        room = await room_rows.room_by_key(change.tx, unique_key)
        if room is not None:
            return room.id
        room = Room(
            id=new_id(),
            kind=RoomKind.GROUP,
            title=request.title,
            topic=request.topic,
            visibility=request.visibility,
            history=request.history,
            created_at_ms=self.clock.now_ms(),
        )
        people = await self._people(change.tx, [change.actor_id, *request.member_ids])
        members = [(people[change.actor_id], Role.OWNER)]
        members += [(user, Role.MEMBER) for user in people.values() if user.id != change.actor_id]
        await change.create(room, unique_key, members)
        return room.id

    async def change(self, user_id: str, room_id: str, request: rest.RoomChange) -> Head:
        """Title, topic, visibility, history access."""
        _check_text(request.title, request.topic)
        return await self._run(user_id, self._change, room_id, request)

    async def _change(self, change: _Change, room_id: str, request: rest.RoomChange) -> str:
        await change.administer(room_id)
        wanted = {
            name: value
            for name in ("title", "topic", "visibility", "history")
            if (value := getattr(request, name)) is not None and value != getattr(change.room, name)
        }
        if wanted:
            change.room = replace(change.room, **wanted)
            now = self.clock.now_ms()
            await change.record(lambda seq: RoomChanged(room_id, seq, change.actor_id, now, **wanted))
        return room_id

    async def add_members(self, user_id: str, room_id: str, user_ids: Sequence[str]) -> Head:
        """Those who are members already stay as they are."""
        return await self._run(user_id, self._add_members, room_id, user_ids)

    async def _add_members(self, change: _Change, room_id: str, user_ids: Sequence[str]) -> str:
        await change.open(room_id)
        if change.room.kind is RoomKind.DIRECT:
            raise ChatError(Code.FORBIDDEN, "a direct room is for two")
        if change.room.visibility is Visibility.PRIVATE and not change.me.administers:
            raise ChatError(Code.FORBIDDEN, "only an admin can add people to a private room")
        people = await self._people(change.tx, user_ids)
        there = await room_rows.memberships(change.tx, [room_id], user_ids)
        await change.join([(u, Role.MEMBER) for u in people.values() if (room_id, u.id) not in there])
        return room_id

    async def join(self, user_id: str, room_id: str) -> Head:
        """Into a public room."""
        return await self._run(user_id, self._join, room_id)

    async def _join(self, change: _Change, room_id: str) -> str:
        await change.open(room_id, member=False)
        if change.room.visibility is not Visibility.PUBLIC:
            raise NoSuchRoomError
        if await room_rows.membership(change.tx, room_id, change.actor_id) is None:
            people = await self._people(change.tx, [change.actor_id])
            await change.join([(people[change.actor_id], Role.MEMBER)])
        return room_id

    async def leave(self, user_id: str, room_id: str) -> None:
        """Out of a group; the last owner hands over to whoever is there longest, admins first."""
        await self._run_without_head(user_id, self._leave, room_id)

    async def _leave(self, change: _Change, room_id: str) -> None:
        await change.open(room_id)
        if change.room.kind is RoomKind.DIRECT:
            raise ChatError(Code.FORBIDDEN, "a direct room can't be left")
        others = [m for m in await room_rows.members_of(change.tx, room_id) if m.user_id != change.actor_id]
        if change.me.role is Role.OWNER and others and all(m.role is not Role.OWNER for m in others):
            heir = next((m for m in others if m.role is Role.ADMIN), others[0])
            await change.give(heir, Role.OWNER)
        await change.part(change.me, removed=False)

    async def remove(self, user_id: str, room_id: str, member_id: str) -> None:
        """An admin removes a member; nobody removes an owner."""
        if member_id == user_id:
            await self.leave(user_id, room_id)
        else:
            await self._run_without_head(user_id, self._remove, room_id, member_id)

    async def _remove(self, change: _Change, room_id: str, member_id: str) -> None:
        await change.administer(room_id)
        member = await change.other(member_id)
        if member.role is Role.OWNER:
            raise ChatError(Code.FORBIDDEN, "an owner can't be removed")
        await change.part(member, removed=True)

    async def set_role(self, user_id: str, room_id: str, member_id: str, role: Role) -> Head:
        """An owner gives a role; giving ``owner`` away makes the giver an admin."""
        return await self._run(user_id, self._set_role, room_id, member_id, role)

    async def _set_role(self, change: _Change, room_id: str, member_id: str, role: Role) -> str:
        await change.administer(room_id)
        member = await change.other(member_id)
        if change.me.role is not Role.OWNER or member_id == change.actor_id:
            raise ChatError(Code.FORBIDDEN, "only an owner gives roles, and to others")
        if member.role is not role:
            await change.give(member, role)
            if role is Role.OWNER:
                await change.give(change.me, Role.ADMIN)
        return room_id

    # inside

    async def _run(self, user_id: str, body: Callable[..., object], *args: object) -> Head:
        head = await self._database.write(self._in_change, user_id, body, args)
        self._kick()
        if head is None:
            raise NoSuchRoomError
        return head

    async def _run_without_head(self, user_id: str, body: Callable[..., object], *args: object) -> None:
        await self._database.write(self._in_change, user_id, body, args)
        self._kick()

    async def _in_change(
        self, tx: Tx, user_id: str, body: Callable[..., object], args: Sequence[object]
    ) -> Head | None:
        change = _Change(self, tx, user_id)
        room_id = await body(change, *args)  # type: ignore[misc]  # each body is a coroutine function
        await change.finish()
        heads = await self.reads.heads_in(tx, user_id, [room_id]) if isinstance(room_id, str) else []
        return heads[0] if heads else None


class _Change:
    """One transaction's change of one room: gives ``seq``s, gathers what is to be delivered."""

    room: Room
    me: Membership

    def __init__(self, service: RoomService, tx: Tx, actor_id: str) -> None:
        self.tx = tx
        self.actor_id = actor_id
        self._service = service
        self._events: list[RoomEvent] = []
        self._joined: list[str] = []
        self._parted: list[str] = []

    async def create(self, room: Room, unique_key: bytes, members: Sequence[tuple[User, Role]]) -> None:
        """A new room with its first members."""
        self.room = room
        await room_rows.add_room(self.tx, room, unique_key)
        await self.record(lambda seq: RoomCreated(room.id, seq, self.actor_id, room.created_at_ms))
        await self.join(members)

    async def open(self, room_id: str, *, member: bool = True) -> None:
        """Lock the room and look who asks.

        Raises:
            NoSuchRoomError: no such room, or not a member though one has to be.
        """
        found = await room_rows.rooms(self.tx, [room_id])
        me = await room_rows.membership(self.tx, room_id, self.actor_id)
        if room_id not in found or (member and me is None):
            raise NoSuchRoomError
        self.room = found[room_id]
        if me is not None:
            self.me = me

    async def administer(self, room_id: str) -> None:
        """As ``open``, by an admin of a group."""
        await self.open(room_id)
        if self.room.kind is RoomKind.DIRECT or not self.me.administers:
            raise ChatError(Code.FORBIDDEN, "only an admin of the room can do this")

    async def other(self, user_id: str) -> Membership:
        """Another member."""
        member = await room_rows.membership(self.tx, self.room.id, user_id)
        if member is None:
            raise ChatError(Code.NOT_FOUND, "there is no such member")
        return member

    async def record(self, make: Callable[[int], RoomEvent]) -> int:
        """One event with the next ``seq``."""
        self.room = self.room.next()
        event = make(self.room.seq)
        self._events.append(event)
        await message_rows.add_event(self.tx, event, actor_id=self.actor_id)
        return event.seq

    async def join(self, members: Sequence[tuple[User, Role]]) -> None:
        """New members, with their marks at the head."""
        crowd = (await room_rows.crowd(self.tx, [self.room.id])).get(self.room.id, (0, 0, 0))
        limit = self._service.limits.room_members
        if limit and crowd[0] + len(members) > limit:
            raise ChatError(Code.LIMIT_REACHED, f"a room holds at most {limit:,} people")
        now = self._service.clock.now_ms()
        for user, role in members:
            seq = await self.record(partial(self._joined_event, user, role, now))
            since_join = self.room.history is HistoryAccess.SINCE_JOIN
            await room_rows.add_member(
                self.tx,
                Membership(
                    room_id=self.room.id,
                    user_id=user.id,
                    joined_seq=seq,
                    role=role,
                    visible_from_seq=seq if since_join else 1,
                    delivered=seq,
                    read=seq,
                    read_msg_no=self.room.msg_no,
                ),
            )
            self._joined.append(user.id)

    def _joined_event(self, user: User, role: Role, now_ms: int, seq: int) -> RoomEvent:
        return RoomJoined(self.room.id, seq, self.actor_id, user, role, now_ms)

    async def part(self, member: Membership, *, removed: bool) -> None:
        """A membership ends."""
        now = self._service.clock.now_ms()
        room_id, user_id = self.room.id, member.user_id
        seq = await self.record(
            lambda seq: (
                RoomRemoved(room_id, seq, self.actor_id, user_id, now)
                if removed
                else RoomLeft(room_id, seq, user_id, now)
            )
        )
        await room_rows.end_membership(self.tx, member, seq)
        self._parted.append(user_id)

    async def give(self, member: Membership, role: Role) -> None:
        """A new role."""
        now = self._service.clock.now_ms()
        await room_rows.set_role(self.tx, member, role)
        room_id, user_id = self.room.id, member.user_id
        await self.record(lambda seq: RoomRole(room_id, seq, self.actor_id, user_id, role, now))

    async def finish(self) -> None:
        """Save the head; account events; everything into the outbox."""
        if not self._events:
            return
        await room_rows.save_room(self.tx, self.room)
        deliveries: list[Delivery] = [RoomDelivery(self.room.id, self._events)]
        accounts = self._service.accounts
        room_id = self.room.id
        for user_id in self._joined:
            heads = await self._service.reads.heads_in(self.tx, user_id, [room_id])
            added = await accounts.append(self.tx, user_id, partial(_room_added, heads[0]))
            deliveries.append(UserDelivery(user_id, [added]))
        for user_id in self._parted:
            gone = await accounts.append(self.tx, user_id, lambda seq: AccountRoomRemoved(seq, room_id))
            deliveries.append(UserDelivery(user_id, [gone]))
        await add_deliveries(self.tx, room_id, deliveries)


def _room_added(head: Head, account_seq: int) -> AccountEvent:
    return AccountRoomAdded(account_seq, head)


def _check_text(*texts: str | None) -> None:
    for text in texts:
        if text is not None and (problem := text_problem(text)) is not None:
            raise ChatError(Code.BAD_TEXT, problem)
