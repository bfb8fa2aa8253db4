"""A window comes back where it was."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from desktop.bootstrap import Desktop
from desktop.views.page.place import SETTING
from desktop.views.panes import MIN_HEIGHT, MIN_WIDTH
from tests.e2e.conftest import Drive
from tests.e2e.windows import (
    PATIENCE_S,
    conversation,
    host,
    join,
    open_chat,
    signed_in,
    started,
    window_of,
    write,
)
from tests.support.wait import until


def kept(desktop: Desktop) -> dict[str, str]:
    return desktop._profile.setting(SETTING, dict[str, str], {})


def back(desktop: Desktop) -> bool:
    """It looked whether there is a room to open, and nothing of that is under way."""
    return open_chat(desktop)._painted and not [
        task for task in asyncio.all_tasks() if task.get_name().endswith("come back")
    ]


async def two_rooms(folder: Path) -> tuple[str, str]:
    """A desktop that was closed with the second of its rooms open; both rooms."""
    mira = await host(folder)
    page = open_chat(mira)
    first = page.account.rooms[0].room_id
    second = await page.account.create_group("Harbour")
    await until(lambda: page.account.room(second), timeout_s=PATIENCE_S)
    page.open(first)
    page.open(second)
    await mira.close()
    return first, second


def test_the_room_of_last_time_is_open_after_a_start(tmp_path: Path, drive: Drive) -> None:
    async def story() -> None:
        _, second = await two_rooms(tmp_path)
        mira = await started(tmp_path)
        await until(lambda: open_chat(mira).conversation is not None, timeout_s=PATIENCE_S)
        assert conversation(mira).room_id == second
        assert window_of(mira).focusWidget() is conversation(mira).composer
        write(conversation(mira), "here again")
        # Who went back to the list is there at the next start.
        open_chat(mira).leave_room()
        await mira.close()
        again = await started(tmp_path)
        await until(lambda: back(again), timeout_s=PATIENCE_S)
        assert open_chat(again).conversation is None
        await again.close()

    drive(story)


def test_a_narrow_window_starts_with_its_list(tmp_path: Path, drive: Drive) -> None:
    async def story() -> None:
        _, second = await two_rooms(tmp_path)
        mira = Desktop(tmp_path, bind="127.0.0.1", port=0)
        mira.show().resize(MIN_WIDTH, MIN_HEIGHT)
        await mira.run()
        await until(lambda: back(mira), timeout_s=PATIENCE_S)
        assert open_chat(mira).conversation is None
        assert open_chat(mira).pane.isVisible()
        assert list(kept(mira).values()) == [second]
        await mira.close()

    drive(story)


def test_a_room_that_somebody_opened_meanwhile_stays(tmp_path: Path, drive: Drive) -> None:
    async def story() -> None:
        first, _ = await two_rooms(tmp_path)
        mira = Desktop(tmp_path, bind="127.0.0.1", port=0)
        mira.show()
        await mira.accounts.start()
        open_chat(mira).open(first)
        await until(lambda: back(mira), timeout_s=PATIENCE_S)
        assert conversation(mira).room_id == first
        await mira.close()

    drive(story)


def test_a_room_that_opens_by_itself_is_read_only_in_an_active_window(
    tmp_path: Path, drive: Drive, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story() -> None:
        mira = await host(tmp_path / "mira")
        address = mira.host.state.addresses[0]
        dario = await join(tmp_path / "dario", address)
        room_id = open_chat(dario).account.rooms[0].room_id
        open_chat(dario).open(room_id)
        await dario.close()
        open_chat(mira).open(room_id)
        write(conversation(mira), "while you were away")
        await until(lambda: not open_chat(mira).account.link.waiting, timeout_s=PATIENCE_S)

        again = Desktop(tmp_path / "dario", bind="127.0.0.1", port=0)
        window = again.show()
        monkeypatch.setattr(window, "isActiveWindow", lambda: False)
        await again.run()
        await signed_in(again)
        await until(lambda: open_chat(again).conversation is not None, timeout_s=PATIENCE_S)
        account, view = open_chat(again).account, conversation(again)
        await until(lambda: view.list.landed and view.list.rows.rowCount(), timeout_s=PATIENCE_S)
        await until(lambda: account.rooms[0].unread == 1, timeout_s=PATIENCE_S)
        view.list.read()
        assert account.rooms[0].unread == 1
        monkeypatch.setattr(window, "isActiveWindow", lambda: True)
        view.list.read()
        await until(lambda: account.rooms[0].unread == 0, timeout_s=PATIENCE_S)
        await again.close()
        await mira.close()

    drive(story)


def test_what_lies_over_the_window_keeps_the_keyboard(tmp_path: Path, drive: Drive) -> None:
    async def story() -> None:
        await two_rooms(tmp_path)
        mira = Desktop(tmp_path, bind="127.0.0.1", port=0)
        window = mira.show()
        await mira.accounts.start()
        open_chat(mira).settings_wanted.emit()
        assert window.panel is not None
        await until(lambda: open_chat(mira).conversation is not None, timeout_s=PATIENCE_S)
        assert window.focusWidget() is not None
        assert window.panel.isAncestorOf(window.focusWidget())
        window.close_panel()
        await mira.close()

    drive(story)


def test_the_rooms_of_accounts_that_are_gone_are_forgotten(tmp_path: Path, drive: Drive) -> None:
    async def story() -> None:
        await two_rooms(tmp_path)
        mira = await started(tmp_path)
        mira._profile.set_setting(SETTING, {**kept(mira), "gone": "room"})
        page = open_chat(mira)
        page.open(page.account.rooms[0].room_id)
        page.leave_room()
        assert kept(mira) == {}
        assert window_of(mira).chat is page
        await mira.close()

    drive(story)
