"""Desktops go to where their server is now: the same identity, or not at all."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from common.limits import Limits
from desktop.embedded_host import start_server
from desktop.services.account import AccountService
from desktop.services.host import HostService
from desktop.services.state import Link
from server.bootstrap import Server
from server.kernel.meta import MOVED_TO, set_fact
from server.offline import opened
from server.settings import Settings
from tests.integration.desktop.conftest import PASSWORD, Desk, Place, handshakes_ended, messages, online
from tests.integration.desktop.stage import said
from tests.support.wait import until


class Elsewhere:
    """A copy of the server of a place, at another port; the old one points to it once told."""

    def __init__(self, place: Place, folder: Path, *, tls: bool, expect_log: Callable[..., None]) -> None:
        self.place = place
        self.tls = tls
        self._folder = folder
        self._servers: list[Server] = []
        self._expect_log = expect_log

    @property
    def old(self) -> Settings:
        return Settings(data=self._folder / "server")

    async def serve(self, folder: str = "new", *, tls: bool | None = None) -> str:
        """A server on this folder; its address."""
        limits = Limits(messages_per_second=0, requests_per_second=0)
        secure = self.tls if tls is None else tls
        server = Server(Settings(data=self._folder / folder, port=0, tls=secure, limits=limits))
        self._servers.append(server)
        await server.start()
        return server.url

    async def carry(self, *, tls: bool | None = None) -> str:
        """Stop the old one, serve a copy."""
        await self.place.stop()
        shutil.copytree(self._folder / "server", self._folder / "new")
        return await self.serve(tls=tls)

    async def point(self, url: str) -> None:
        """The old one says this from now on."""
        self._expect_log("server_moved")
        await self.place.stop()
        async with opened(self.old) as database:
            await database.write(set_fact, MOVED_TO, url)
        await self.place.start()

    async def close(self) -> None:
        await handshakes_ended()
        for server in self._servers:
            await server.stop()


@pytest.fixture
async def elsewhere(
    place: Place, tmp_path: Path, expect_log: Callable[..., None]
) -> AsyncIterator[Elsewhere]:
    made = Elsewhere(place, tmp_path, tls=place.url.startswith("https"), expect_log=expect_log)
    yield made
    for desk in place.desks:
        await desk.close()
    place.desks.clear()
    await made.close()


async def devices(account: AccountService) -> int:
    return len(await account.devices())


async def at(account: AccountService, url: str) -> None:
    """Online there."""
    await until(lambda: account.record.address == url and account.link.link is Link.ONLINE)


async def test_both_follow_and_nothing_is_missing(place: Place, elsewhere: Elsewhere) -> None:
    ada_desk, bob_desk = place.desk("ada"), place.desk("bob")
    ada, bob = await ada_desk.join(place.url, "Ada"), await bob_desk.join(place.url, "Bob")
    room = ada.rooms[0].room_id
    hers, his = ada.timeline(room), bob.timeline(room)
    await said(ada, room, "before")
    await until(lambda: [m.body for m in messages(his)] == ["before"])
    epoch = ada.core.incoming.epoch
    new = await elsewhere.carry()
    await until(lambda: ada.link.link is Link.WAITING)
    hers.send("meanwhile")
    await elsewhere.point(new)
    for account in (ada, bob):
        account.try_now()
        await at(account, new)
    his.send("after")
    everything = {"before", "meanwhile", "after"}
    for timeline in (hers, his):
        await until(lambda timeline=timeline: {m.body for m in messages(timeline) if m.seq} == everything)  # type: ignore[misc]  # a default binds the loop variable
    # Nobody signed in again, and no cache was dropped.
    assert await devices(ada) == 1
    assert ada.core.incoming.epoch == epoch
    assert ada_desk.notices[-1] == f"{ada.record.server_name} is at {new.partition('://')[2]} now."
    await ada_desk.close()
    place.desks.remove(ada_desk)
    reopened = place.desk("ada")
    await reopened.accounts.start()
    await at(reopened.account, new)


async def test_another_identity_at_the_new_address_is_refused(place: Place, elsewhere: Elsewhere) -> None:
    desk = place.desk("ada")
    ada = await desk.join(place.url, "Ada")
    before = ada.record.address
    new = await elsewhere.carry()
    await elsewhere.point(await elsewhere.serve("stranger"))
    await until(lambda: "another one answers there" in ada.link.reason)
    assert ada.record.address == before
    assert ada.link.link is not Link.ONLINE
    # Whoever runs the server mends it.
    await elsewhere.point(new)
    ada.try_now()
    await at(ada, new)


async def test_an_address_that_is_none_or_silent_is_said(place: Place, elsewhere: Elsewhere) -> None:
    ada = await place.desk("ada").join(place.url, "Ada")
    before = ada.record.address
    for wrong in ("nonsense://x", "http://203.0.113.1:8470", "https://127.0.0.1:1"):
        await elsewhere.point(wrong)
        ada.try_now()
        await until(lambda: ada.link.link is Link.WAITING and ada.link.reason)
        assert ada.record.address == before
    ada.try_now()
    await until(lambda: "Nothing listens at 127.0.0.1:1" in ada.link.reason)


async def test_the_new_address_entered_by_hand_is_the_same_account(
    place: Place, elsewhere: Elsewhere
) -> None:
    desk = place.desk("ada")
    ada = await desk.join(place.url, "Ada")
    new = await elsewhere.carry()
    await until(lambda: ada.link.link is Link.WAITING)
    found = await desk.accounts.find(new)
    assert found.address == new
    await at(ada, new)
    # Signing in there anyway is the same account too.
    again = await desk.accounts.sign_in(found, username="ada", password=PASSWORD)
    assert again is ada
    assert len(desk.accounts.items) == 1


async def test_the_old_address_leads_a_newcomer_to_the_new_one(place: Place, elsewhere: Elsewhere) -> None:
    old = place.url
    new = await elsewhere.carry()
    await elsewhere.point(new)
    found = await place.desk("carl").accounts.find(old)
    assert found.address == new
    account = await place.desks[-1].accounts.register(found, name="Carl", username="carl", password=PASSWORD)
    await online(account)


@pytest.mark.parametrize("place", ["tls"], indirect=True)
async def test_without_tls_nobody_takes_an_account_that_had_it(place: Place, elsewhere: Elsewhere) -> None:
    desk = place.desk("ada")
    ada = await desk.join(place.url, "Ada")
    before = ada.record.address
    # It tells the right server id, and proves nothing.
    new = await elsewhere.carry(tls=False)
    await until(lambda: ada.link.link is Link.WAITING)
    await desk.accounts.find(new)
    assert ada.record.address == before
    await elsewhere.point(new)
    ada.try_now()
    await until(lambda: ada.link.reason and ada.link.link is Link.WAITING)
    assert ada.record.address == before


async def test_the_one_who_hosted_follows_too(tmp_path: Path, expect_log: Callable[..., None]) -> None:
    expect_log("server_moved")
    desk = Desk(tmp_path / "ada")
    host = HostService(
        profile=desk.profile, accounts=desk.accounts, start_server=start_server, bind="127.0.0.1", port=0
    )
    await desk.accounts.start()
    await host.create(server_name="Home", name="Ada", username="ada", password=PASSWORD)
    await online(desk.account)
    await host.stop()
    shutil.copytree(desk.profile.server_folder, tmp_path / "new")
    server = Server(Settings(data=tmp_path / "new", port=0))
    await server.start()
    async with opened(Settings(data=desk.profile.server_folder)) as database:
        await database.write(set_fact, MOVED_TO, server.url)
    await host.start()
    await at(desk.account, server.url)
    assert not desk.account.info.hosted_here
    # And it stays there when this program starts its old server again.
    await host.restart()
    assert desk.account.record.address == server.url
    await desk.accounts.close()
    await host.close()
    desk.profile.close()
    await server.stop()
