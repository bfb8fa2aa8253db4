"""What an account does over REST: people, rooms, profile, devices, administration."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from common.address import Address, invite_link
from common.errors import Code, ParleyError
from common.ids import new_id
from common.protocol import rest
from common.protocol.types import Head, HistoryAccess, Member, Role, User, Visibility
from desktop.net.problems import NetError
from desktop.net.rest import RestClient
from desktop.net.tokens import Tokens
from desktop.services.people import People
from desktop.services.state import DeviceItem, InviteItem, Person, PublicRoomItem, ServiceError
from desktop.services.words import service_error, tr

T = TypeVar("T")
PAGE = "200"
PICTURE_MAX_BYTES = 2 * 1024 * 1024


class Calls:
    """REST calls of one account; each raises ``ServiceError`` unless it says otherwise."""

    def __init__(self, *, client: RestClient, tokens: Tokens, server_id: str) -> None:
        self.client = client
        self.tokens = tokens
        self._server_id = server_id
        self.people: People

    async def _call(self, use: Callable[[str], Awaitable[T]]) -> T:
        try:
            return await self.tokens.call(use)
        except (NetError, ParleyError) as problem:
            raise service_error(problem) from problem

    # For the core and the people of this account: raise NetError.

    async def fetch_users(self, ids: list[str]) -> list[User]:
        """People by id; none when the server can't be reached, they are asked for again later."""
        try:
            found = await self.tokens.call(
                lambda token: self.client.get("/users", rest.Users, token=token, ids=",".join(ids))
            )
        except NetError:
            return []
        return found.users

    async def fetch_picture(self, user: User) -> bytes | None:
        """Bytes of somebody's picture."""
        try:
            return await self.tokens.call(
                lambda token: self.client.get_bytes(f"/users/{user.id}/avatar?v={user.avatar}", token=token)
            )
        except NetError:
            return None

    async def fetch_members(self, room_id: str) -> list[Member]:
        """All members, page by page."""
        members: list[Member] = []
        after: str | None = ""
        while after is not None:
            query = {"limit": PAGE, **({"after": after} if after else {})}
            page = await self.tokens.call(
                lambda token, query=query: self.client.get(  # type: ignore[misc]  # a default binds the loop variable
                    f"/rooms/{room_id}/members", rest.Members, token=token, **query
                )
            )
            members += page.members
            after = page.next_after
        return members

    async def fetch_head(self, room_id: str) -> Head:
        """Where a room stands now."""
        return await self.tokens.call(lambda token: self.client.get(f"/rooms/{room_id}", Head, token=token))

    # Rooms.

    async def search_people(self, query: str) -> Sequence[Person]:
        """The directory; raises when offline."""
        found = await self._call(
            lambda token: self.client.get("/users", rest.Users, token=token, query=query, limit="100")
        )
        self.people.put(found.users)
        return [self.people.person(user.id) for user in found.users]

    async def open_direct(self, user_id: str) -> Head:
        return await self._room("/rooms/direct", rest.DirectCreate(user_id=user_id))

    async def create_group(
        self, title: str, *, topic: str, visibility: Visibility, member_ids: Sequence[str]
    ) -> Head:
        body = rest.GroupCreate(
            client_msg_id=new_id(),
            title=title,
            topic=topic,
            visibility=visibility,
            member_ids=list(member_ids),
        )
        return await self._room("/rooms", body)

    async def _room(self, path: str, body: rest.DirectCreate | rest.GroupCreate) -> Head:
        return await self._call(lambda token: self.client.post(path, Head, body, token=token))

    async def change_room(
        self,
        room_id: str,
        *,
        title: str | None = None,
        topic: str | None = None,
        visibility: Visibility | None = None,
        history: HistoryAccess | None = None,
    ) -> None:
        body = rest.RoomChange(
            client_msg_id=new_id(), title=title, topic=topic, visibility=visibility, history=history
        )
        await self._call(lambda token: self.client.send("PATCH", f"/rooms/{room_id}", body, token=token))

    async def add_members(self, room_id: str, user_ids: Sequence[str]) -> None:
        body = rest.MembersAdd(client_msg_id=new_id(), user_ids=list(user_ids))
        await self._call(
            lambda token: self.client.send("POST", f"/rooms/{room_id}/members", body, token=token)
        )

    async def remove_member(self, room_id: str, user_id: str) -> None:
        path = f"/rooms/{room_id}/members/{user_id}"
        await self._call(lambda token: self.client.send("DELETE", path, token=token))

    async def set_role(self, room_id: str, user_id: str, role: Role) -> None:
        body = rest.MemberChange(client_msg_id=new_id(), role=role)
        path = f"/rooms/{room_id}/members/{user_id}"
        await self._call(lambda token: self.client.send("PATCH", path, body, token=token))

    async def leave(self, room_id: str) -> None:
        await self._call(lambda token: self.client.send("POST", f"/rooms/{room_id}/leave", token=token))

    async def public_rooms(self, query: str) -> Sequence[PublicRoomItem]:
        found = await self._call(
            lambda token: self.client.get(
                "/rooms/public", rest.PublicRooms, token=token, query=query, limit="100"
            )
        )
        return [
            PublicRoomItem(
                room_id=room.id,
                title=room.title,
                topic=room.topic,
                member_count=room.member_count,
                joined=room.joined,
            )
            for room in found.rooms
        ]

    async def join(self, room_id: str) -> None:
        await self._call(lambda token: self.client.send("POST", f"/rooms/{room_id}/join", token=token))

    # Own account.

    async def change_profile(self, *, name: str | None, about: str | None, colour: int | None) -> User:
        body = rest.ProfileChange(display_name=name, about=about, avatar_colour=colour)
        return await self._call(
            lambda token: self.client.post("/users/me", User, body, token=token, method="PATCH")
        )

    async def set_picture(self, data: bytes | None) -> None:
        if data is None:
            await self._call(lambda token: self.client.send("DELETE", "/users/me/avatar", token=token))
            return
        if len(data) > PICTURE_MAX_BYTES:
            raise ServiceError(
                tr("The picture is larger than 2 MiB. Choose a smaller one."), code=Code.TOO_LARGE
            )
        media_type = _media_type(data)
        await self._call(
            lambda token: self.client.put_bytes("/users/me/avatar", data, token=token, media_type=media_type)
        )

    async def delete_account(self, password: str) -> None:
        body = rest.AccountDelete(password=password)
        await self._call(lambda token: self.client.send("POST", "/users/me/delete", body, token=token))

    async def delete_account_of(self, user_id: str) -> None:
        await self._call(lambda token: self.client.send("DELETE", f"/users/{user_id}", token=token))

    async def change_password(self, current: str, new: str) -> None:
        body = rest.PasswordChange(current=current, new=new)
        await self._call(lambda token: self.client.send("POST", "/auth/password", body, token=token))

    async def devices(self) -> Sequence[DeviceItem]:
        found = await self._call(lambda token: self.client.get("/devices", rest.Devices, token=token))
        return [
            DeviceItem(
                device_id=one.id,
                name=one.name,
                created_at_ms=one.created_at_ms,
                last_seen_at_ms=one.last_seen_at_ms,
                current=one.current,
            )
            for one in found.devices
        ]

    async def revoke_device(self, device_id: str) -> None:
        await self._call(lambda token: self.client.send("DELETE", f"/devices/{device_id}", token=token))

    async def logout(self) -> None:
        await self._call(lambda token: self.client.send("POST", "/auth/logout", rest.Logout(), token=token))

    # Administration.

    async def reset_code(self, user_id: str) -> str:
        path = f"/users/{user_id}/reset-code"
        found = await self._call(lambda token: self.client.post(path, rest.ResetCode, token=token))
        return found.code

    async def invite_link(self, address: Address) -> str:
        """A link with a fresh code that leads to ``address``."""
        found = await self._call(
            lambda token: self.client.post("/invites", rest.Invite, rest.InviteCreate(), token=token)
        )
        return invite_link(address, server_id=self._server_id, code=found.code)

    async def invites(self) -> Sequence[InviteItem]:
        found = await self._call(lambda token: self.client.get("/invites", rest.Invites, token=token))
        return [
            InviteItem(
                invite_id=one.id,
                created_at_ms=one.created_at_ms,
                expires_at_ms=one.expires_at_ms,
                max_uses=one.max_uses,
                uses=one.uses,
            )
            for one in found.invites
        ]

    async def revoke_invite(self, invite_id: str) -> None:
        await self._call(lambda token: self.client.send("DELETE", f"/invites/{invite_id}", token=token))

    async def set_registration(self, *, invite_only: bool) -> None:
        kind = rest.Registration.INVITE if invite_only else rest.Registration.OPEN
        body = rest.ServerChange(registration=kind)
        await self._call(lambda token: self.client.send("PATCH", "/server", body, token=token))


def _media_type(data: bytes) -> str:
    if data.startswith(b"\x89PNG"):
        return "image/png"
    if data.startswith(b"\xff\xd8"):
        return "image/jpeg"
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "image/webp"
    raise ServiceError(tr("This is no picture that Parley can show. Use PNG, JPEG or WebP."))
