"""The details panel over a real server: members come, get roles, go; the room changes its name."""

from __future__ import annotations

from pathlib import Path

import pytest

from desktop.bootstrap import Desktop
from desktop.views.ask import Question
from desktop.views.details.edit import EditRoom
from desktop.views.details.pane import DetailsPane
from desktop.views.panes import WIDE_ABOVE
from desktop.views.rooms.panels import AddMembers
from tests.e2e.conftest import Drive
from tests.e2e.windows import PATIENCE_S, host, join, open_chat, window_of
from tests.support.wait import until


def details(desktop: Desktop) -> DetailsPane:
    pane = open_chat(desktop).details
    assert pane is not None
    return pane


def names(pane: DetailsPane) -> list[str]:
    return [entry.title for entry in pane.members.entries]


def notes(pane: DetailsPane) -> list[str]:
    return [entry.note for entry in pane.members.entries]


def trigger(pane: DetailsPane, row: int, words: str) -> None:
    """Choose from the menu of a member."""
    member = pane._account.members(pane.room_id)[row]
    menu = pane.members.menu_of(member)
    assert menu is not None
    action = next(action for action in menu.actions() if action.text() == words)
    action.trigger()
    menu.close()


def menu_words(pane: DetailsPane, row: int) -> list[str]:
    member = pane._account.members(pane.room_id)[row]
    menu = pane.members.menu_of(member)
    assert menu is not None
    words = [action.text() for action in menu.actions() if not action.isSeparator()]
    menu.close()
    return words


async def opened(mira: Desktop, dario: Desktop) -> str:
    """Mira's group, open in her window with its details; Dario is no member yet."""
    page = open_chat(mira)
    room_id = await page.account.create_group("Release 1.0", topic="Ship it together.")
    await until(lambda: page.account.room(room_id), timeout_s=PATIENCE_S)
    window_of(mira).resize(WIDE_ABOVE + 200, 800)
    page.open(room_id)
    page.toggle_details()
    await until(lambda: names(details(mira)), timeout_s=PATIENCE_S)
    assert open_chat(dario).account.room(room_id) is None
    return room_id


def test_a_member_comes_gets_a_role_and_goes(tmp_path: Path, drive: Drive) -> None:
    async def story() -> None:
        mira = await host(tmp_path / "mira")
        dario = await join(tmp_path / "dario", mira.host.state.addresses[0])
        room_id = await opened(mira, dario)
        pane = details(mira)
        assert names(pane) == ["Mira Rossi (you)"]
        pane.add.click()
        panel = window_of(mira).panel
        assert panel is not None
        form = panel.body
        assert isinstance(form, AddMembers)
        await until(lambda: form.people.list.entries, timeout_s=PATIENCE_S)
        form.people.list.taken.emit(form.people.list.entries[0])
        form.add.click()
        await until(lambda: "Dario Lang" in names(pane), timeout_s=PATIENCE_S)
        await until(lambda: open_chat(dario).account.room(room_id), timeout_s=PATIENCE_S)
        assert window_of(mira).panel is None

        trigger(pane, 1, "Make admin")
        await until(lambda: notes(pane) == ["owner", "admin"], timeout_s=PATIENCE_S)
        trigger(pane, 1, "Remove from the room…")
        panel = window_of(mira).panel
        assert panel is not None
        assert isinstance(panel.body, Question)
        panel.body.do.click()
        await until(lambda: names(pane) == ["Mira Rossi (you)"], timeout_s=PATIENCE_S)
        await until(lambda: open_chat(dario).account.room(room_id) is None, timeout_s=PATIENCE_S)
        await dario.close()
        await mira.close()

    drive(story)


def test_a_new_name_reaches_everybody_and_only_admins_may_give_it(tmp_path: Path, drive: Drive) -> None:
    async def story() -> None:
        mira = await host(tmp_path / "mira")
        dario = await join(tmp_path / "dario", mira.host.state.addresses[0])
        room_id = await opened(mira, dario)
        page, theirs = open_chat(mira), open_chat(dario)
        await page.account.add_members(room_id, [theirs.account.info.me.user_id])
        await until(lambda: theirs.account.room(room_id), timeout_s=PATIENCE_S)
        window_of(dario).resize(WIDE_ABOVE + 200, 800)
        theirs.open(room_id)
        theirs.toggle_details()
        await until(lambda: len(names(details(dario))) == 2, timeout_s=PATIENCE_S)
        assert details(dario).edit.isHidden()
        assert details(dario).add.isHidden()
        assert menu_words(details(dario), 0) == ["Message Mira Rossi"]

        details(mira).edit.click()
        panel = window_of(mira).panel
        assert panel is not None
        form = panel.body
        assert isinstance(form, EditRoom)
        form.name.edit.setText("Release 1.1")
        form.public.setChecked(True)
        form.save.click()
        await until(lambda: details(dario).title == "Release 1.1", timeout_s=PATIENCE_S)
        await until(lambda: not details(dario).add.isHidden(), timeout_s=PATIENCE_S)
        await dario.close()
        await mira.close()

    drive(story)


def test_leaving_asks_first_and_closes_the_room(tmp_path: Path, drive: Drive) -> None:
    async def story() -> None:
        mira = await host(tmp_path / "mira")
        dario = await join(tmp_path / "dario", mira.host.state.addresses[0])
        room_id = await opened(mira, dario)
        details(mira).leave.click()
        panel = window_of(mira).panel
        assert panel is not None
        assert isinstance(panel.body, Question)
        panel.body.stay.click()
        assert open_chat(mira).account.room(room_id) is not None
        details(mira).leave.click()
        panel = window_of(mira).panel
        assert panel is not None
        assert isinstance(panel.body, Question)
        panel.body.do.click()
        await until(lambda: open_chat(mira).conversation is None, timeout_s=PATIENCE_S)
        assert open_chat(mira).details is None
        await dario.close()
        await mira.close()

    drive(story)


@pytest.mark.parametrize("width", [400, 900])
def test_in_a_smaller_window_details_take_the_conversations_place(
    tmp_path: Path, drive: Drive, width: int
) -> None:
    async def story() -> None:
        mira = await host(tmp_path / "mira")
        page, window = open_chat(mira), window_of(mira)
        window.resize(width, 700)
        page.open(page.account.rooms[0].room_id)
        view = page.conversation
        assert view is not None
        assert page.details is None
        view.header.details.click()
        pane = details(mira)
        assert not view.isVisible()
        assert pane.isVisible()
        pane.back.click()
        assert view.isVisible()
        assert page.details is None
        await mira.close()

    drive(story)
