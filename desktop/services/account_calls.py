"""What an account asks of its server over REST."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QObject

from common.address import parse_address
from common.protocol.types import HistoryAccess, Role, Visibility
from desktop.net.link import Phase
from desktop.services.calls import Calls
from desktop.services.core import Core
from desktop.services.state import DeviceItem, InviteItem, Person, PublicRoomItem
from desktop.storage.profile import AccountRecord


class AccountCalls(QObject):
    """The part of ``desktop.services.api.Account`` that hands on to ``Calls``."""

    core: Core
    calls: Calls
    record: AccountRecord

    async def people(self, query: str = "") -> Sequence[Person]:
        if self.core.link.phase is Phase.ONLINE:
            return await self.calls.search_people(query)
        words = query.casefold()
        known = [self.core.people.person(user.id) for user in self.core.people.all() if not user.deleted]
        found = [p for p in known if words in p.name.casefold() or words in p.username.casefold()]
        return sorted(found, key=lambda person: person.name.casefold())

    async def open_direct(self, user_id: str) -> str:
        head = await self.calls.open_direct(user_id)
        self.core.incoming.take_room(head)
        return head.room_id

    async def create_group(
        self,
        title: str,
        *,
        topic: str = "",
        visibility: Visibility = Visibility.PRIVATE,
        member_ids: Sequence[str] = (),
    ) -> str:
        head = await self.calls.create_group(title, topic=topic, visibility=visibility, member_ids=member_ids)
        self.core.incoming.take_room(head)
        return head.room_id

    async def change_room(
        self,
        room_id: str,
        *,
        title: str | None = None,
        topic: str | None = None,
        visibility: Visibility | None = None,
        history: HistoryAccess | None = None,
    ) -> None:
        await self.calls.change_room(
            room_id, title=title, topic=topic, visibility=visibility, history=history
        )

    async def add_members(self, room_id: str, user_ids: Sequence[str]) -> None:
        await self.calls.add_members(room_id, user_ids)

    async def remove_member(self, room_id: str, user_id: str) -> None:
        await self.calls.remove_member(room_id, user_id)

    async def set_role(self, room_id: str, user_id: str, role: Role) -> None:
        await self.calls.set_role(room_id, user_id, role)

    async def leave(self, room_id: str) -> None:
        await self.calls.leave(room_id)

    async def public_rooms(self, query: str = "") -> Sequence[PublicRoomItem]:
        return await self.calls.public_rooms(query)

    async def join(self, room_id: str) -> None:
        await self.calls.join(room_id)

    async def change_profile(
        self, *, name: str | None = None, about: str | None = None, colour: int | None = None
    ) -> None:
        self.core.save_users([await self.calls.change_profile(name=name, about=about, colour=colour)])

    async def set_picture(self, data: bytes | None) -> None:
        await self.calls.set_picture(data)

    async def delete(self, password: str) -> None:
        await self.calls.delete_account(password)

    async def delete_account_of(self, user_id: str) -> None:
        await self.calls.delete_account_of(user_id)

    async def change_password(self, current: str, new: str) -> None:
        await self.calls.change_password(current, new)

    async def devices(self) -> Sequence[DeviceItem]:
        return await self.calls.devices()

    async def revoke_device(self, device_id: str) -> None:
        await self.calls.revoke_device(device_id)

    async def reset_code(self, user_id: str) -> str:
        return await self.calls.reset_code(user_id)

    async def invite_link(self, address: str = "") -> str:
        return await self.calls.invite_link(parse_address(address or self.record.address))

    async def invites(self) -> Sequence[InviteItem]:
        return await self.calls.invites()

    async def revoke_invite(self, invite_id: str) -> None:
        await self.calls.revoke_invite(invite_id)

    async def set_registration(self, *, invite_only: bool) -> None:
        await self.calls.set_registration(invite_only=invite_only)
