"""Ada, Bob and Carl in a room, and what each push changes for them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from desktop.net.link import Transport
from desktop.net.problems import UnreachableError
from desktop.services.account import AccountService
from desktop.services.state import Link, MessageItem
from tests.integration.desktop.conftest import PASSWORD, Desk, Place, messages, online
from tests.support.desktop_fold import Heard, Seen
from tests.support.wait import until


class Stage:
    """Ada watches; Bob and Carl act. All share "Everyone" and the group "Harbour", which Ada made."""

    def __init__(self, place: Place, heard: Heard) -> None:
        self.place = place
        self.heard = heard
        self.group = ""
        self.ada_desk: Desk
        self.ada: AccountService
        self.bob: AccountService
        self.carl: AccountService
        self.seen: Seen

    async def build(self) -> None:
        self.ada_desk = self.place.desk("ada")
        self.ada = await self.ada_desk.join(self.place.url, "Ada")
        self.bob = await self.place.desk("bob").join(self.place.url, "Bob")
        self.carl = await self.place.desk("carl").join(self.place.url, "Carl")
        self.group = await self.ada.create_group("Harbour", member_ids=[self.bob.core.me, self.carl.core.me])
        await until(lambda: self.bob.room(self.group) and self.carl.room(self.group))
        await said(self.ada, self.group, "hers")
        await said(self.bob, self.group, "his")
        self.seen = Seen(self.ada)
        await until(lambda: self.seen.settled and len(self.timeline(self.ada)) == 2)
        self.heard.clear()

    def timeline(self, account: AccountService) -> list[MessageItem]:
        return messages(account.timeline(self.group))

    def seq(self, body: str) -> int:
        """Where a message stands in the group, as Ada has it."""
        found = next(m.seq for m in self.timeline(self.ada) if m.body == body)
        assert found is not None
        return found

    async def another(self, name: str = "ada-two") -> AccountService:
        """A new desktop of Ada's."""
        desk = self.place.desk(name)
        found = await desk.accounts.find(self.place.url)
        account = await desk.accounts.sign_in(found, username="ada", password=PASSWORD)
        await online(account)
        return account

    async def away(self, do: Callable[[], Awaitable[None]]) -> None:
        """Something happens while Ada's desktop is off the network."""
        link = self.ada.core.link
        transport = link._transport
        assert transport is not None
        connect, link._connect = link._connect, _nobody
        await transport.close()
        await until(lambda: self.ada.link.link is Link.WAITING)
        await do()
        link._connect = connect
        self.ada.try_now()
        await until(lambda: self.ada.link.link is Link.ONLINE)


async def _nobody() -> Transport:
    raise UnreachableError("The network is down.")


async def said(account: AccountService, room_id: str, body: str, **options: Any) -> None:
    """Sent and acknowledged."""
    timeline = account.timeline(room_id)
    timeline.send(body, **options)
    await until(lambda: any(m.body == body and m.seq for m in messages(timeline)))
