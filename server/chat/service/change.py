"""One change of one room, in one transaction: its events, its account events, its deliveries."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial

import msgspec

from common.errors import Code
from common.limits import Limits
from common.protocol import rest
from common.protocol.pushes import (
    AccountEvent,
    AccountRoomAdded,
    AccountRoomRemoved,
    RoomCreated,
    RoomEvent,
    RoomJoined,
    RoomLeft,
    RoomRemoved,
    RoomRole,
)
from common.protocol.types import Head, HistoryAccess, Role, RoomKind, User
from server.chat.model import ChatError, IdReusedError, Membership, NoSuchRoomError, Room
from server.chat.ports import AccountStream
from server.chat.repository import messages as message_rows
from server.chat.repository import rooms as room_rows
from server.chat.service.reads import ReadService
from server.kernel.clock import Clock
from server.kernel.database import Tx
from server.kernel.delivery import Delivery, RoomDelivery, UserDelivery
from server.kernel.outbox import add_deliveries

Keyed = rest.RoomChange | rest.MembersAdd | rest.MemberChange


@dataclass(frozen=True, slots=True, kw_only=True)
class Means:
    """What every change needs."""

    clock: Clock
    accounts: AccountStream
    reads: ReadService
    limits: Limits


class Change:
    """One transaction's change of one room: gives ``seq``s, gathers what is to be delivered."""

    room: Room
    me: Membership

    def __init__(self, means: Means, tx: Tx, actor_id: str) -> None:
        self.tx = tx
        self.actor_id = actor_id
        self._means = means
        self._key: tuple[str, bytes] | None = None
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
        client_msg_id, digest = self._key or (None, None)
        self._key = None
        await message_rows.add_event(
            self.tx, event, actor_id=self.actor_id, client_msg_id=client_msg_id, request_hash=digest
        )
        return event.seq

    async def is_repeat(self, request: Keyed, about: str = "") -> bool:
        """Whether this was done before, in the open room; else the next event carries its key.

        Raises:
            ChatError: ``id_reused`` for the key of another request.
        """
        digest = hashlib.sha256(msgspec.json.encode((about, request))).digest()
        done = await message_rows.done_before(self.tx, [request.client_msg_id])
        known = done.get((self.room.id, self.actor_id, request.client_msg_id))
        if known is None:
            self._key = (request.client_msg_id, digest)
            return False
        if known[0] != digest:
            raise IdReusedError
        return True

    async def check_space(self, coming: int) -> None:
        """In the open room.

        Raises:
            ChatError: ``limit_reached``.
        """
        limit = self._means.limits.room_members
        there = await room_rows.crowd(self.tx, [self.room.id]) if limit else {}
        if limit and there.get(self.room.id, (0, 0, 0))[0] + coming > limit:
            raise ChatError(Code.LIMIT_REACHED, f"a room holds at most {limit:,} people")

    async def check_rooms(self, user_ids: Iterable[str]) -> None:
        """Whether each of these may be in one more.

        Raises:
            ChatError: ``limit_reached``.
        """
        limit = self._means.limits.rooms_per_user
        if limit and max((await room_rows.room_counts(self.tx, user_ids)).values(), default=0) >= limit:
            raise ChatError(Code.LIMIT_REACHED, f"one person can be in at most {limit:,} rooms")

    async def join(self, members: Sequence[tuple[User, Role]]) -> None:
        """New members, with their marks at the head."""
        now = self._means.clock.now_ms()
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
        now = self._means.clock.now_ms()
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

    async def role_of_next(self) -> Role:
        """Whoever comes into an empty room owns it."""
        there = await room_rows.crowd(self.tx, [self.room.id])
        return Role.MEMBER if there else Role.OWNER

    async def give(self, member: Membership, role: Role) -> None:
        """A new role."""
        now = self._means.clock.now_ms()
        await room_rows.set_role(self.tx, member, role)
        room_id, user_id = self.room.id, member.user_id
        await self.record(lambda seq: RoomRole(room_id, seq, self.actor_id, user_id, role, now))

    async def finish(self) -> None:
        """Save the head; account events; everything into the outbox."""
        if not self._events:
            return
        await room_rows.save_room(self.tx, self.room)
        deliveries: list[Delivery] = [RoomDelivery(self.room.id, self._events)]
        accounts = self._means.accounts
        room_id = self.room.id
        for user_id in self._joined:
            heads = await self._means.reads.heads_in(self.tx, user_id, [room_id])
            added = await accounts.append(self.tx, user_id, partial(_room_added, heads[0]))
            deliveries.append(UserDelivery(user_id, [added]))
        for user_id in self._parted:
            gone = await accounts.append(self.tx, user_id, lambda seq: AccountRoomRemoved(seq, room_id))
            deliveries.append(UserDelivery(user_id, [gone]))
        await add_deliveries(self.tx, room_id, deliveries)


def _room_added(head: Head, account_seq: int) -> AccountEvent:
    return AccountRoomAdded(account_seq, head)
