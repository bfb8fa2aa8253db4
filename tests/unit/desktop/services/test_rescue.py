from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from common.errors import Code, ParleyError
from common.ids import new_id
from common.protocol import pushes, requests
from common.protocol.types import RoomKind
from desktop.services.rescue import Rescue
from desktop.storage.outbox import load_outbox
from tests.support.rig import ME, ROOM, Asked, Rig, Stream, head
from tests.support.wait import until

NOTES = new_id()


class Scene:
    """A message on its way to a room that goes before it is answered."""

    def __init__(self, rig: Rig) -> None:
        self.rig = rig
        self.texts: dict[str, str] = {}
        self.told: list[str] = []
        self.rescue = Rescue(
            rig.core, self.texts, open_notes=self._open, tell=self.told.append, changed=lambda _: None
        )

    async def _open(self) -> str:
        pytest.fail("the notes are there")

    async def on_its_way(self) -> Asked:
        await self.rig.open(head(), head(NOTES, kind=RoomKind.DIRECT, title=""))
        self.rig.core.send(ROOM, "hello", reply_to=None, mentions=())
        self.texts[ROOM] = "unfinished"
        await until(lambda: self.rig.line.asks(requests.MessageSend))
        self.rig.hear(pushes.AccountRoomRemoved(1, ROOM))
        self.rescue.gone(ROOM, "Harbour")
        return self.rig.line.take(requests.MessageSend)


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    rig = Rig(tmp_path)
    yield Scene(rig)
    await rig.close()


async def test_what_is_on_its_way_is_left_until_it_is_answered(scene: Scene) -> None:
    asked = await scene.on_its_way()
    assert len(scene.rig.core.outbox) == 1
    assert scene.texts == {ROOM: "unfinished"}
    asked.on_answer(ParleyError(Code.NOT_FOUND, "no member"))
    scene.rescue.look()
    await until(lambda: NOTES in scene.texts)
    assert scene.texts == {NOTES: "Not sent to Harbour:\n\nhello\n\nunfinished"}
    (words,) = scene.told
    assert words.startswith(
        "You are no longer in Harbour. 2 texts that you had not sent are in “Notes to self”"
    )
    assert await scene.rig.worker.run(load_outbox) == []


async def test_what_the_server_has_is_not_among_the_unsent(scene: Scene) -> None:
    asked = await scene.on_its_way()
    assert isinstance(asked.request, requests.MessageSend)
    asked.on_answer(Stream().say(author=ME, key=asked.request.client_msg_id, body="hello"))
    scene.rescue.look()
    assert len(scene.rig.core.outbox) == 0
    await until(lambda: NOTES in scene.texts)
    assert scene.texts == {NOTES: "Not sent to Harbour:\n\nunfinished"}
    assert scene.told == [
        "You are no longer in Harbour. What you had not sent there is in “Notes to self”, ready to be copied."
    ]
    assert await scene.rig.worker.run(load_outbox) == []


async def test_nothing_is_moved_before_it_is_known_which_rooms_there_are(scene: Scene) -> None:
    """After damage the copy knows of none: texts stay until the server has told."""
    await scene.rig.worker.open()
    scene.texts[ROOM] = "unfinished"
    scene.rescue.look()
    assert scene.texts == {ROOM: "unfinished"}
    scene.rig.come(head(), head(NOTES, kind=RoomKind.DIRECT, title=""))
    scene.rescue.look()
    assert not scene.rescue._running
    scene.rig.come(head(NOTES, kind=RoomKind.DIRECT, title=""))
    scene.rescue.look()
    await until(lambda: NOTES in scene.texts)
    assert scene.texts == {NOTES: "Not sent to a room that is gone:\n\nunfinished"}
