from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from common.ids import new_id
from common.protocol import pushes
from desktop.services.roomlist import RoomList
from tests.support.rig import ROOM, Rig, head

LATER = new_id()


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    rig = Rig(tmp_path)
    await rig.open(head(), head(LATER, title="Lunch", created_at_ms=2))
    yield rig
    await rig.close()


async def test_newest_activity_comes_first_and_a_new_order_is_told(rig: Rig) -> None:
    rooms = RoomList(rig.core, {})
    assert [item.title for item in rooms.items] == ["Lunch", "Harbour"]
    assert not rooms.rebuild()
    rig.hear(pushes.AccountRoomAdded(1, head(new_id(), title="Newest", created_at_ms=3)))
    assert rooms.rebuild()
    assert [item.title for item in rooms.items] == ["Newest", "Lunch", "Harbour"]


async def test_an_unsent_text_outlasts_the_room_it_was_typed_in(rig: Rig) -> None:
    rooms = RoomList(rig.core, {ROOM: "unfinished"})
    assert rooms.item(ROOM).draft == "unfinished"
    rig.hear(pushes.AccountRoomRemoved(1, ROOM))
    assert rooms.rebuild()
    rig.hear(pushes.AccountRoomAdded(2, head()))
    rooms.rebuild()
    assert rooms.item(ROOM).draft == "unfinished"


async def test_an_item_is_made_once_until_something_changed(rig: Rig) -> None:
    rooms = RoomList(rig.core, {})
    assert rooms.item(ROOM) is rooms.item(ROOM)
    assert rooms.items[1] is rooms.item(ROOM)
