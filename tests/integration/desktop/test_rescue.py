"""Whoever is put out of a room keeps what they wrote for it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from common.errors import Code, ParleyError
from common.protocol.types import Role
from desktop.services.account import AccountService
from desktop.services.sender import Sender
from desktop.services.state import ServiceError
from desktop.storage.outbox import Draft, load_outbox
from tests.integration.desktop.conftest import Place
from tests.integration.desktop.stage import Stage, said
from tests.support.desktop_fold import Heard
from tests.support.wait import until

MOVED = "Not sent to Harbour:"


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    place = Place(tmp_path, tls=False)
    await place.start()
    stage = Stage(place, Heard())
    await stage.build()
    await stage.ada.set_role(stage.group, stage.bob.core.me, Role.OWNER)
    await until(lambda: (room := stage.bob.room(stage.group)) and room.role is Role.OWNER)
    yield stage
    await place.close()


def notes(account: AccountService) -> str | None:
    return next((room.room_id for room in account.rooms if room.notes), None)


async def out(stage: Stage) -> None:
    await stage.bob.remove_member(stage.group, stage.ada.core.me)


async def moved(account: AccountService) -> str:
    """The text in Notes to self."""
    await until(lambda: (room := notes(account)) and MOVED in account.draft(room))
    room = notes(account)
    assert room is not None
    return account.draft(room)


async def test_failed_and_unfinished_texts_are_in_the_notes(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(Sender, "_send", refuse)
        for body in ("first", "second"):
            stage.ada.timeline(stage.group).send(body)
        await until(lambda: len([m for m in stage.timeline(stage.ada) if m.error]) == 2)
    stage.ada.set_draft(stage.group, "unfin")
    stage.ada.set_draft(stage.group, "unfinished")
    mine = await stage.ada.open_direct(stage.ada.core.me)
    stage.ada.set_draft(mine, "milk, bread")
    await out(stage)
    text = await moved(stage.ada)
    assert text == f"milk, bread\n\n{MOVED}\n\nfirst\n\nsecond\n\nunfinished"
    words = "You are no longer in Harbour. 3 texts that you had not sent are in “Notes to self”"
    await until(lambda: any(words in notice for notice in stage.ada_desk.notices))
    assert len(stage.ada.core.outbox) == 0
    assert stage.ada_desk.accounts.waiting(stage.ada) == 1
    # It is as well on the disk: there, and nowhere else.
    await stage.ada_desk.close()
    stage.place.desks.remove(stage.ada_desk)
    again = stage.place.desk("ada")
    await again.accounts.start(connect=False)
    assert again.account.draft(mine) == text
    assert again.accounts.waiting(again.account) == 1
    assert await again.account.core.worker.run(load_outbox) == []


async def test_what_was_written_offline_is_not_lost_where_one_was_put_out_meanwhile(stage: Stage) -> None:
    async def meanwhile() -> None:
        stage.ada.timeline(stage.group).send("one")
        stage.ada.timeline(stage.group).send("two")
        stage.ada.set_draft(stage.group, "three")
        await out(stage)

    await stage.away(meanwhile)
    await until(lambda: not len(stage.ada.core.outbox))
    text = await moved(stage.ada)
    assert text == f"{MOVED}\n\none\n\ntwo\n\nthree"
    assert stage.ada.room(stage.group) is None
    # Back again, one starts with nothing, and the notes keep what they have.
    await stage.bob.add_members(stage.group, [stage.ada.core.me])
    await until(lambda: stage.ada.room(stage.group))
    assert stage.ada.draft(stage.group) == ""
    await said(stage.ada, stage.group, "back")
    assert await moved(stage.ada) == text


async def test_without_notes_it_waits_for_them(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    async def refuse_to_open(user_id: str) -> str:
        asked.append(user_id)
        raise ServiceError("Not now.")

    stage.ada.set_draft(stage.group, "unfinished")
    with monkeypatch.context() as patched:
        patched.setattr(stage.ada, "open_direct", refuse_to_open)
        await out(stage)
        await until(lambda: asked)
        assert stage.ada_desk.accounts.waiting(stage.ada) == 1
    await stage.away(_nothing)
    assert await moved(stage.ada) == f"{MOVED}\n\nunfinished"


async def test_nothing_written_nothing_moved(stage: Stage) -> None:
    await out(stage)
    await until(lambda: stage.ada.room(stage.group) is None)
    await stage.away(_nothing)
    assert notes(stage.ada) is None
    assert not any("no longer in" in notice for notice in stage.ada_desk.notices)


def refuse(sender: Sender, draft: Draft) -> None:
    sender._refused(draft, ParleyError(Code.FORBIDDEN, "no"))


async def _nothing() -> None:
    pass
