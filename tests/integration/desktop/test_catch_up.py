"""A desktop that comes back to more rooms than the server answers for at once."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from common.limits import Limits
from tests.integration.desktop.conftest import Place, messages
from tests.integration.desktop.stage import said
from tests.support.wait import until

ROOMS = 25
PATIENCE_S = 30.0


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Place]:
    place = Place(tmp_path, tls=False)
    await place.start()
    yield place
    await place.close()


async def test_all_rooms_catch_up_though_the_server_limits_requests(place: Place) -> None:
    desk = place.desk("ada")
    ada = await desk.join(place.url, "Ada")
    bob = await place.desk("bob").join(place.url, "Bob")
    groups = [await bob.create_group(f"Group {n}", member_ids=[ada.core.me]) for n in range(ROOMS)]
    await until(lambda: all(ada.room(group) for group in groups))
    await until(lambda: all(ada.core.rooms[group].tail for group in groups))
    await place.desks.pop(0).close()
    for group in groups:
        await said(bob, group, "while she was away")
    await place.stop()
    place.limits = Limits(requests_per_second=10, requests_burst=5)
    await place.start()
    again = place.desk("ada")
    await again.accounts.start()
    core = again.account.core

    def caught_up() -> bool:
        return all(
            (room := core.rooms.get(group)) and room.tail and room.tail[1] == room.head.seq
            for group in groups
        )

    refused: list[str] = []
    later = core.sync.catch_up_later

    def noted(room_id: str, after_seq: int, *, retry_after_ms: int | None = None) -> None:
        refused.append(room_id)
        later(room_id, after_seq, retry_after_ms=retry_after_ms)

    core.sync.catch_up_later = noted  # type: ignore[method-assign]  # to know that the limit was met
    await until(lambda: core.incoming.ready and caught_up(), timeout_s=PATIENCE_S)
    assert refused
    last = again.account.timeline(groups[-1])
    await until(lambda: [m.body for m in messages(last)] == ["while she was away"], timeout_s=PATIENCE_S)
