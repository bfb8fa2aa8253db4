"""The pane of rooms: what it says, what it asks of the page."""

from __future__ import annotations

from dataclasses import replace

import pytest
from PySide6.QtCore import QModelIndex, Qt
from PySide6.QtGui import QPainter
from PySide6.QtTest import QAbstractItemModelTester, QTest
from PySide6.QtWidgets import QApplication, QStyleOptionViewItem
from pytestqt.qtbot import QtBot

from desktop.models.rooms import ITEM_ROLE
from desktop.services.state import HostState, Link, LinkState
from desktop.views.page.roomlist import RoomDelegate, second_line
from desktop.views.page.roompane import RoomPane, link_words
from tests.support.fake_account import FakeAccount, FakeHost, context, room
from tests.support.fake_timeline import DARIO

ROOMS = (
    room("a", "Everyone"),
    room("b", "Design", unread=2),
    room("c", "Support"),
    room("d", "Lunch", unread=1),
)


@pytest.fixture
def account() -> FakeAccount:
    return FakeAccount(rooms=ROOMS)


def pane(qtbot: QtBot, account: FakeAccount, host: FakeHost | None = None) -> tuple[RoomPane, list[str]]:
    """It, and the rooms that it asks for, which are shown at once."""
    made = RoomPane(context(account, host=host), account.real)
    QAbstractItemModelTester(made.model, QAbstractItemModelTester.FailureReportingMode.Fatal, made)
    qtbot.addWidget(made)
    made.resize(308, 600)
    made.show()
    wanted: list[str] = []
    made.room_wanted.connect(wanted.append)
    made.room_wanted.connect(made.choose)
    return made, wanted


def test_stepping_starts_at_the_open_room_not_where_the_keyboard_is(
    qtbot: QtBot, account: FakeAccount
) -> None:
    made, wanted = pane(qtbot, account)
    made.rooms.setFocus()
    made.rooms.setCurrentIndex(made.model.index(0))
    made.step(1)
    made.step(1)
    made.step(-1)
    assert wanted == ["a", "b", "a"]
    made.step(-1)
    assert wanted == ["a", "b", "a"]


def test_stepping_to_what_is_unread_passes_the_others(qtbot: QtBot, account: FakeAccount) -> None:
    made, wanted = pane(qtbot, account)
    made.step(1, unread=True)
    made.step(1, unread=True)
    made.step(1, unread=True)
    made.step(-1, unread=True)
    assert wanted == ["b", "d", "b"]


def test_enter_and_a_click_open_a_room(qtbot: QtBot, account: FakeAccount) -> None:
    made, wanted = pane(qtbot, account)
    at = made.rooms.visualRect(made.model.index(2)).center()
    QTest.mouseClick(made.rooms.viewport(), Qt.MouseButton.LeftButton, pos=at)
    made.rooms.setCurrentIndex(made.model.index(1))
    QTest.keyClick(made.rooms, Qt.Key.Key_Return)
    assert wanted == ["c", "b"]


def test_the_model_follows_the_account(qtbot: QtBot, account: FakeAccount) -> None:
    made, _ = pane(qtbot, account)
    account.change_room(
        replace(ROOMS[0], title="All of us", preview="**lunch**", preview_by="Dario", unread=3)
    )
    spoken = made.model.index(0).data(Qt.ItemDataRole.AccessibleTextRole)
    assert spoken == "All of us, 3 unread. Dario: lunch"
    account.set_rooms(ROOMS[2:])
    assert made.model.rowCount() == 2
    assert made.model.row_of("a") == -1


def test_how_others_join_is_shown_until_somebody_did(qtbot: QtBot, account: FakeAccount) -> None:
    host = FakeHost()
    account.set_info(hosted_here=True)
    made, _ = pane(qtbot, account, host)
    assert not made._join.isVisible()
    alone = HostState(running=True, addresses=("192.0.2.7:8930",), short_key="80EC 2A66")
    host.set_state(alone)
    assert made._join.isVisible()
    assert "192.0.2.7:8930" in made._join.text()
    assert "80EC 2A66" in made._join.text()
    host.set_state(replace(alone, connected=1))
    assert not made._join.isVisible()


def test_where_the_server_is_has_no_scheme(qtbot: QtBot, account: FakeAccount) -> None:
    made, _ = pane(qtbot, account)
    assert made._place.accessibleName() == "192.0.2.7:8930"
    account.set_info(hosted_here=True)
    assert made._place.accessibleName() == "on this computer"


@pytest.mark.parametrize(
    ("state", "words"),
    [
        (LinkState(link=Link.ONLINE), "Connected"),
        (LinkState(link=Link.ONLINE, latency_ms=12), "Connected · 12 ms"),
        (LinkState(link=Link.ONLINE, latency_ms=0), "Connected · 1 ms"),
        (LinkState(link=Link.CONNECTING), "Connecting…"),
        (LinkState(link=Link.WAITING), "Offline"),
    ],
)
def test_the_connection_in_words(qtbot: QtBot, account: FakeAccount, state: LinkState, words: str) -> None:
    assert link_words(state) == words
    made, _ = pane(qtbot, account)
    account.set_link(state)
    assert made.status == words


def test_the_second_line_says_who_writes_what_was_drafted_or_said() -> None:
    group, direct = room("a"), room("d", peer=DARIO)
    assert second_line(group) == "No messages yet"
    assert second_line(replace(group, preview="*hi*", preview_by="Dario")) == "Dario: hi"
    assert second_line(replace(group, preview="> why\n\nso", preview_by="You")) == "You: why so"
    assert second_line(replace(group, preview="", preview_by="You")) == "No messages yet"
    assert second_line(replace(group, preview="x", draft="on\nit")) == "Draft: on it"
    assert second_line(replace(group, draft="x", typing=("Ann",))) == "Ann is typing…"
    assert second_line(replace(group, typing=("Ann", "Ben"))) == "Ann, Ben are typing…"
    assert second_line(replace(direct, typing=("Dario Lang",))) == "typing…"


def test_a_room_that_changed_is_painted_and_no_other(
    qtbot: QtBot, account: FakeAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    painted: list[str] = []
    paint = RoomDelegate.paint

    def noted(
        self: RoomDelegate, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex
    ) -> None:
        painted.append(index.data(ITEM_ROLE).room_id)
        paint(self, painter, option, index)

    monkeypatch.setattr(RoomDelegate, "paint", noted)
    made, _ = pane(qtbot, account)
    qtbot.waitUntil(lambda: set(painted) == {"a", "b", "c", "d"})
    QApplication.processEvents()
    painted.clear()
    account.change_room(replace(ROOMS[1], unread=3))
    qtbot.waitUntil(lambda: bool(painted))
    QApplication.processEvents()
    assert set(painted) == {"b"}
    assert made.isVisible()
