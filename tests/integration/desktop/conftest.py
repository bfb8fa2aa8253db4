"""Profiles with real services over a real server in the same process."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from common.limits import Limits
from desktop.services.account import AccountService
from desktop.services.accounts import AccountsService
from desktop.services.state import Link, MessageItem, NoticeItem
from desktop.services.timeline import TimelineService
from desktop.storage.profile import Profile
from server.bootstrap import Server
from server.settings import Settings
from tests.support.wait import until

PASSWORD = "correct horse battery"


class Desk:
    """One profile: what a desktop is without its window."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.profile = Profile(folder)
        self.accounts = AccountsService(self.profile)
        self.notices: list[str] = []
        self.accounts.notice.connect(self.notices.append)

    @property
    def account(self) -> AccountService:
        return self.accounts.items[0]

    async def join(self, url: str, name: str) -> AccountService:
        """Make an account at the server and wait until it is online."""
        found = await self.accounts.find(url)
        account = await self.accounts.register(found, name=name, username=name.lower(), password=PASSWORD)
        await online(account)
        return account

    async def close(self) -> None:
        await self.accounts.close()
        self.profile.close()


async def online(account: AccountService) -> None:
    await until(lambda: account.link.link is Link.ONLINE and account.rooms)


def shown(timeline: TimelineService) -> list[str]:
    """What the window reads, oldest first."""
    return [item.body if isinstance(item, MessageItem) else item.text for item in timeline.items]


def messages(timeline: TimelineService) -> list[MessageItem]:
    return [item for item in timeline.items if not isinstance(item, NoticeItem)]


class Place:
    """A server that can be stopped and started again, and the desks around it."""

    def __init__(self, folder: Path, *, tls: bool) -> None:
        self._folder = folder
        self._tls = tls
        self._server: Server | None = None
        self._port = 0
        self.desks: list[Desk] = []
        self.url = ""
        self.limits = Limits(messages_per_second=0, requests_per_second=0, receipts_interval_ms=50)
        """Of the next start."""

    async def start(self) -> None:
        settings = Settings(data=self._folder / "server", port=self._port, tls=self._tls, limits=self.limits)
        self._server = Server(settings)
        await self._server.start()
        self.url = self._server.url
        self._port = int(self.url.rsplit(":", 1)[1])

    async def stop(self) -> None:
        server, self._server = self._server, None
        if server is not None:
            await server.stop()

    def desk(self, name: str) -> Desk:
        desk = Desk(self._folder / name)
        self.desks.append(desk)
        return desk

    async def close(self) -> None:
        for desk in self.desks:
            await desk.close()
        await handshakes_ended()
        await self.stop()


async def handshakes_ended() -> None:
    """One that its client gave up ends a moment later at the server's side: before a server is stopped."""
    await until(lambda: not any("_accept" in repr(task.get_coro()) for task in asyncio.all_tasks()))


@pytest.fixture(params=["plain", "tls"])
async def place(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Place]:
    place = Place(tmp_path, tls=request.param == "tls")
    await place.start()
    yield place
    await place.close()
