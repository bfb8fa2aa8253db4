"""What a desktop does when its server was restored from a backup."""

from __future__ import annotations

from pathlib import Path

from desktop.services.state import Link
from server.settings import Settings
from server.transfer.backup import backup
from server.transfer.restore import restore
from tests.integration.desktop.conftest import Place, messages
from tests.integration.desktop.stage import said
from tests.support.wait import until


async def test_the_cache_is_dropped_and_the_outbox_kept(place: Place, tmp_path: Path) -> None:
    ada = await place.desk("ada").join(place.url, "Ada")
    bob = await place.desk("bob").join(place.url, "Bob")
    room = ada.rooms[0].room_id
    hers, his = ada.timeline(room), bob.timeline(room)
    server = Settings(data=tmp_path / "server")
    await said(ada, room, "before the backup")
    await backup(server, tmp_path / "kept")
    for number in range(3):
        await said(ada, room, f"lost {number}")
    await until(lambda: len(messages(his)) == 4)
    epoch = ada.core.incoming.epoch
    await place.stop()
    await until(lambda: ada.link.link is Link.WAITING)
    hers.send("not sent yet")
    ada.set_draft(room, "unfinished")
    await restore(server, tmp_path / "kept", replace=True)
    await place.start()
    expected = ["before the backup", "not sent yet"]
    for account, timeline in ((ada, hers), (bob, his)):
        account.try_now()
        await until(lambda timeline=timeline: [m.body for m in messages(timeline)] == expected)  # type: ignore[misc]  # a default binds the loop variable
        assert account.core.incoming.epoch != epoch
    assert ada.draft(room) == ada.rooms[0].draft == "unfinished"
    await until(lambda: messages(hers)[-1].seq and not ada.link.waiting)
    # A room that was never open either: what the file keeps of it.
    await place.desks[1].close()
    reopened = place.desk("bob")
    place.desks.pop(1)
    await reopened.accounts.start(connect=False)
    again = reopened.account.timeline(room)
    await until(lambda: [m.body for m in messages(again)] == expected)
