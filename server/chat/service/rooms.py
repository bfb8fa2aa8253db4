"""Making rooms and changing who is in them: one change, one transaction, its events in the outbox."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final

from common.errors import Code
from common.ids import id_to_bytes, new_id
from common.limits import Limits
from common.protocol import rest
from common.protocol.pushes import RoomChanged
from common.protocol.types import Head, Role, RoomKind, User, Visibility
from server.chat.model import EVERYONE_KEY, EVERYONE_TITLE, ChatError, NoSuchRoomError, Room, check_text
from server.chat.ports import AccountStream, People
from server.chat.repository import messages as message_rows
from server.chat.repository import rooms as room_rows
from server.chat.service.change import Change, Means
from server.chat.service.reads import ReadService
from server.kernel.clock import Clock
from server.kernel.database import Database, IntegrityError, Tx
from server.kernel.limiter import RateLimiter

_HOUR_MS: Final = 3_600_000


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
        limiter: RateLimiter,
        kick: Callable[[], None],
        limits: Limits,
    ) -> None:
        self._database = database
        self._means = Means(clock=clock, accounts=accounts, reads=reads, limits=limits)
        self._people = people
        self._limiter = limiter
        self._kick = kick
        self._limits = limits

    # The users context's port.

    async def welcome(self, tx: Tx, user: User) -> None:
        """Into "Everyone", which the first account brings about."""
        room = await room_rows.room_by_key(tx, EVERYONE_KEY)
        change = Change(self._means, tx, user.id)
        if room is None:
            room = Room(
                id=new_id(),
                kind=RoomKind.GROUP,
                title=EVERYONE_TITLE,
                visibility=Visibility.PUBLIC,
                created_at_ms=self._means.clock.now_ms(),
            )
            await change.create(room, EVERYONE_KEY, [(user, Role.OWNER)])
        else:
            # Whatever the limit of a room: it holds everyone.
            await change.open(room.id, member=False)
            await change.join([(user, await change.role_of_next())])
        await change.finish()

    async def rooms_of(self, tx: Tx, user_id: str) -> Sequence[str]:
        """The rooms of a user."""
        return await room_rows.rooms_of_user(tx, user_id)

    async def leave_all(self, tx: Tx, gone: User) -> None:
        """For an account that ends."""
        for room_id in sorted(await room_rows.rooms_of_user(tx, gone.id)):
            change = Change(self._means, tx, gone.id)
            await change.open(room_id)
            if change.room.kind is RoomKind.DIRECT:
                await room_rows.close_room(tx, room_id)
            else:
                await _depart(change)
            await change.finish()
        for room_id, seq in await room_rows.joins_of_user(tx, gone.id):
            await message_rows.rename_joined(tx, room_id, seq, gone)

    # Use cases.

    async def direct(self, user_id: str, peer_id: str) -> Head:
        """The one room of two people, made if new; with oneself: notes."""
        if await self._database.read(room_rows.room_by_key, _pair(user_id, peer_id)) is None:
            await self._count(user_id)
        return await self._run(user_id, self._direct, peer_id)

    async def _direct(self, change: Change, peer_id: str) -> str:
        unique_key = _pair(change.actor_id, peer_id)
        room = await room_rows.room_by_key(change.tx, unique_key)
        if room is not None:
            return room.id
        people = await self._living(change.tx, [change.actor_id, peer_id])
        if peer_id not in people:
            raise ChatError(Code.NOT_FOUND, "there is no such person")
        await change.check_rooms(people)
        room = Room(id=new_id(), kind=RoomKind.DIRECT, created_at_ms=self._means.clock.now_ms())
        await change.create(room, unique_key, [(user, Role.MEMBER) for user in people.values()])
        return room.id

    async def create(self, user_id: str, request: rest.GroupCreate) -> Head:
        """A group; the same ``client_msg_id`` gives the same room."""
        check_text(request.title, request.topic)
        await self._count(user_id)
        return await self._run(user_id, self._create, request)

    async def _create(self, change: Change, request: rest.GroupCreate) -> str:
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
            created_at_ms=self._means.clock.now_ms(),
        )
        people = await self._living(change.tx, [change.actor_id, *request.member_ids])
        await change.check_rooms(people)
        members = [(people[change.actor_id], Role.OWNER)]
        members += [(user, Role.MEMBER) for user in people.values() if user.id != change.actor_id]
        await change.create(room, unique_key, members)
        return room.id

    async def change(self, user_id: str, room_id: str, request: rest.RoomChange) -> Head:
        """Title, topic, visibility, history access."""
        check_text(request.title, request.topic)
        return await self._run(user_id, self._change, room_id, request)

    async def _change(self, change: Change, room_id: str, request: rest.RoomChange) -> str:
        await change.administer(room_id)
        if await change.is_repeat(request):
            return room_id
        wanted = {
            name: value
            for name in ("title", "topic", "visibility", "history")
            if (value := getattr(request, name)) is not None and value != getattr(change.room, name)
        }
        if wanted:
            change.room = replace(change.room, **wanted)
            now = self._means.clock.now_ms()
            await change.record(lambda seq: RoomChanged(room_id, seq, change.actor_id, now, **wanted))
        return room_id

    async def add_members(self, user_id: str, room_id: str, request: rest.MembersAdd) -> Head:
        """Those who are members already stay as they are."""
        await self._count(user_id)
        return await self._run(user_id, self._add_members, room_id, request)

    async def _add_members(self, change: Change, room_id: str, request: rest.MembersAdd) -> str:
        await change.open(room_id)
        if await change.is_repeat(request):
            return room_id
        if change.room.kind is RoomKind.DIRECT:
            raise ChatError(Code.FORBIDDEN, "a direct room is for two")
        if change.room.visibility is Visibility.PRIVATE and not change.me.administers:
            raise ChatError(Code.FORBIDDEN, "only an admin can add people to a private room")
        people = await self._living(change.tx, request.user_ids)
        there = await room_rows.memberships(change.tx, ((room_id, user_id) for user_id in people))
        coming = [(user, Role.MEMBER) for user in people.values() if (room_id, user.id) not in there]
        await change.check_rooms(user.id for user, _ in coming)
        await change.check_space(len(coming))
        await change.join(coming)
        return room_id

    async def join(self, user_id: str, room_id: str) -> Head:
        """Into a public room."""
        await self._count(user_id)
        return await self._run(user_id, self._join, room_id)

    async def _join(self, change: Change, room_id: str) -> str:
        await change.open(room_id, member=False)
        if change.room.visibility is not Visibility.PUBLIC:
            raise NoSuchRoomError
        if await room_rows.membership(change.tx, room_id, change.actor_id) is None:
            await change.check_rooms([change.actor_id])
            await change.check_space(1)
            people = await self._living(change.tx, [change.actor_id])
            await change.join([(people[change.actor_id], await change.role_of_next())])
        return room_id

    async def leave(self, user_id: str, room_id: str) -> None:
        """Out of a group; the last owner hands over to whoever is there longest, admins first."""
        await self._run_without_head(user_id, self._leave, room_id)

    async def _leave(self, change: Change, room_id: str) -> None:
        await change.open(room_id)
        if change.room.kind is RoomKind.DIRECT:
            raise ChatError(Code.FORBIDDEN, "a direct room can't be left")
        await _depart(change)

    async def remove(self, user_id: str, room_id: str, member_id: str) -> None:
        """An admin removes a member; nobody removes an owner."""
        if member_id == user_id:
            await self.leave(user_id, room_id)
        else:
            await self._run_without_head(user_id, self._remove, room_id, member_id)

    async def _remove(self, change: Change, room_id: str, member_id: str) -> None:
        await change.administer(room_id)
        member = await change.other(member_id)
        if member.role is Role.OWNER:
            raise ChatError(Code.FORBIDDEN, "an owner can't be removed")
        await change.part(member, removed=True)

    async def set_role(self, user_id: str, room_id: str, member_id: str, request: rest.MemberChange) -> Head:
        """An owner gives a role; giving ``owner`` away makes the giver an admin."""
        return await self._run(user_id, self._set_role, room_id, member_id, request)

    async def _set_role(
        self, change: Change, room_id: str, member_id: str, request: rest.MemberChange
    ) -> str:
        await change.administer(room_id)
        if await change.is_repeat(request, member_id):
            return room_id
        member, role = await change.other(member_id), request.role
        if change.me.role is not Role.OWNER or member_id == change.actor_id:
            raise ChatError(Code.FORBIDDEN, "only an owner gives roles, and to others")
        if member.role is not role:
            await change.give(member, role)
            if role is Role.OWNER:
                await change.give(change.me, Role.ADMIN)
        return room_id

    # inside

    async def _living(self, tx: Tx, user_ids: Sequence[str]) -> dict[str, User]:
        """Those that exist and were not deleted."""
        found = await self._people(tx, user_ids)
        return {user_id: user for user_id, user in found.items() if not user.deleted}

    async def _count(self, user_id: str) -> None:
        """Making rooms, joining, adding people: so many an hour."""
        wait_ms = await self._limiter.hit(
            f"rooms:{user_id}", limit=self._limits.rooms_per_hour, window_ms=_HOUR_MS
        )
        if wait_ms:
            raise ChatError(Code.RATE_LIMITED, "too many new rooms for now", retry_after_ms=wait_ms)

    async def _run(self, user_id: str, body: Callable[..., object], *args: object) -> Head:
        try:
            head = await self._database.write(self._in_change, user_id, body, args)
        except IntegrityError:
            # Somebody else made the same room meanwhile: now it is there to be found.
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
        change = Change(self._means, tx, user_id)
        room_id = await body(change, *args)  # type: ignore[misc]  # each body is a coroutine function
        await change.finish()
        heads = await self._means.reads.heads_in(tx, user_id, [room_id]) if isinstance(room_id, str) else []
        return heads[0] if heads else None


async def _depart(change: Change) -> None:
    members = await room_rows.members_of(change.tx, change.room.id)
    others = [member for member in members if member.user_id != change.actor_id]
    if change.me.role is Role.OWNER and others and all(m.role is not Role.OWNER for m in others):
        heir = next((m for m in others if m.role is Role.ADMIN), others[0])
        await change.give(heir, Role.OWNER)
    await change.part(change.me, removed=False)


def _pair(one: str, other: str) -> bytes:
    lower, higher = sorted((one, other))
    return id_to_bytes(lower) + id_to_bytes(higher)
