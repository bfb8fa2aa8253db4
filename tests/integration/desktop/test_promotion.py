"""From a server inside a desktop to one on PostgreSQL, Redis and Kafka, with two desktops that go along."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from common.ids import new_id
from common.limits import Limits
from desktop.services.account import AccountService
from desktop.services.state import Link, MessageItem
from server.bootstrap import Server
from server.settings import Settings
from server.transfer.promotion import promote
from tests.integration.desktop.conftest import Place, messages
from tests.integration.desktop.test_host import free_port
from tests.support.lived_in import texts
from tests.support.services import services
from tests.support.stores import postgres_url, redis_client
from tests.support.wait import until

pytestmark = pytest.mark.usefixtures("quiet_kafka")
SAID = 60


async def test_both_desktops_go_along_and_nothing_is_missing(
    place: Place, tmp_path: Path, expect_log: Callable[..., None]
) -> None:
    expect_log("server_moved")
    ada = await place.desk("ada").join(place.url, "Ada")
    bob = await place.desk("bob").join(place.url, "Bob")
    room = ada.rooms[0].room_id
    hers, his = ada.timeline(room), bob.timeline(room)
    said = texts(SAID)
    for number, text in enumerate(said):
        (hers if number % 3 else his).send(text)
    for timeline in (hers, his):
        await until(lambda timeline=timeline: len(stored(messages(timeline))) == SAID)  # type: ignore[misc]  # a default binds the loop variable
    before = stored(messages(hers))
    assert stored(messages(his)) == before
    devices = {account: {device.device_id for device in await account.devices()} for account in (ada, bob)}
    await place.stop()
    await until(lambda: ada.link.link is Link.WAITING)
    hers.send("written while nobody served")
    async with redis_client():
        port = free_port()
        new = Settings(
            data=tmp_path / "new",
            port=port,
            tls=True,
            limits=Limits(messages_per_second=0, requests_per_second=0),
            database_url=await postgres_url(tmp_path),
            redis_url=services().url("redis"),
            kafka_servers=services().url("kafka"),
            kafka_prefix=f"{new_id()}.",
        )
        url = f"https://127.0.0.1:{port}"
        outcome = await promote(tmp_path / "server", new, url=url)
        assert all(each.source == each.target for each in outcome.tables)
        # The old one served again, before the new one is there: everybody learns where to wait.
        await place.start()
        server = Server(new)
        await server.start()
        try:
            for account in (ada, bob):
                account.try_now()
                await until(lambda account=account: went(account, url))  # type: ignore[misc]  # a default binds the loop variable
            for timeline in (hers, his):
                await until(lambda timeline=timeline: len(stored(messages(timeline))) == SAID + 1)  # type: ignore[misc]  # the same
                assert stored(messages(timeline))[:SAID] == before
                assert messages(timeline)[-1].body == "written while nobody served"
            for account in (ada, bob):
                assert {device.device_id for device in await account.devices()} == devices[account]
            his.send("and on it goes")
            await until(lambda: messages(hers)[-1].body == "and on it goes")
        finally:
            for desk in place.desks:
                await desk.close()
            place.desks.clear()
            await server.stop()


def went(account: AccountService, url: str) -> bool:
    return account.record.address == url and account.link.link is Link.ONLINE


def stored(items: list[MessageItem]) -> list[tuple[int, str, str]]:
    """What the server has of what is shown."""
    return [(item.seq, item.author.user_id, item.body) for item in items if item.seq is not None]
