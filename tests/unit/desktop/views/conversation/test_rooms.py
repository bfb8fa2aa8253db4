"""One view shows one room after the other: nothing of the room before is left in it."""

from __future__ import annotations

import gc
import weakref
from dataclasses import replace

import pytest
from PySide6.QtCore import QPoint, QRect, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QMenu, QWidget
from pytestqt.qtbot import QtBot

from desktop.services.state import MessageItem, ServiceError
from desktop.views.conversation.view import ConversationView
from tests.support.fake_account import AtOnce, FakeAccount, Later, context, room
from tests.support.fake_timeline import FakeTimeline, message

MANY = 60
HOLD_MS = 200
"""Longer than a picture is held."""


@pytest.fixture
def account() -> FakeAccount:
    account = FakeAccount(rooms=[room("a", "Workshop"), room("b", "Office")])
    account.timelines["a"] = FakeTimeline([message(seq, own=True) for seq in range(1, MANY)])
    account.timelines["b"] = FakeTimeline([message(seq, own=True) for seq in range(1, MANY)])
    return account


def view_of(qtbot: QtBot, account: FakeAccount, tasks: AtOnce | None = None) -> ConversationView:
    view = ConversationView(context(account, tasks=tasks), account.real, account.rooms[0])
    qtbot.addWidget(view)
    view.resize(600, 400)
    view.show()
    view.activateWindow()
    qtbot.waitUntil(lambda: view.list.landed and view.isActiveWindow())
    return view


def enter(view: ConversationView, account: FakeAccount, room_id: str) -> None:
    there = account.real.room(room_id)
    assert there is not None
    view.enter(there)


def own(seq: int = 7) -> MessageItem:
    return message(seq, own=True)


def stored(account: FakeAccount, room_id: str, seq: int = 7) -> MessageItem:
    found = account.timelines[room_id].items[seq - 1]
    assert isinstance(found, MessageItem)
    return found


def test_each_room_keeps_its_draft_and_opening_one_is_not_typing(qtbot: QtBot, account: FakeAccount) -> None:
    account.texts["b"] = "begun here, @d"
    view = view_of(qtbot, account)
    view.setFocus()
    view.composer.setPlainText("begun there")
    assert account.timelines["a"].typed == 1
    enter(view, account, "b")
    assert view.composer.toPlainText() == "begun here, @d"
    assert view.composer.textCursor().atEnd()
    assert not view.completions.isVisible()
    enter(view, account, "a")
    assert view.composer.toPlainText() == "begun there"
    assert account.texts == {"a": "begun there", "b": "begun here, @d"}
    assert account.timelines["b"].typed == 0
    assert account.timelines["a"].typed == 1


def test_a_reply_and_an_edit_stay_behind(qtbot: QtBot, account: FakeAccount) -> None:
    view = view_of(qtbot, account)
    view._reply(own())
    assert view.strip.isVisible()
    enter(view, account, "b")
    assert not view.strip.isVisible()
    view.composer.setPlainText("to all")
    view.composer.submit()
    assert (account.timelines["b"].sent, account.timelines["b"].answered) == (["to all"], None)
    view._edit(own())
    enter(view, account, "a")
    assert view.composer.toPlainText() == ""
    view.composer.setPlainText("a new one")
    view.composer.submit()
    assert account.timelines["a"].sent == ["a new one"]
    assert not stored(account, "b").edited


def test_an_edit_that_is_saved_late_leaves_the_other_rooms_alone(qtbot: QtBot, account: FakeAccount) -> None:
    tasks = Later()
    view = view_of(qtbot, account, tasks)
    view._edit(own())
    view.composer.setPlainText("better")
    view.composer.submit()
    enter(view, account, "b")
    view._edit(own())
    view.composer.setPlainText("being typed")
    tasks.run()
    assert stored(account, "a").body == "better"
    assert view.composer.toPlainText() == "being typed"
    assert view.strip.isVisible()
    view.composer.submit()
    tasks.run()
    assert stored(account, "b").body == "being typed"
    assert not view.strip.isVisible()


def test_what_is_refused_late_is_not_said_in_another_room(
    qtbot: QtBot, account: FakeAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refused(seq: int) -> None:
        del seq
        raise ServiceError("You may not.")

    monkeypatch.setattr(account.timelines["a"], "delete", refused)
    tasks = Later()
    view = view_of(qtbot, account, tasks)
    view._delete(own())
    enter(view, account, "b")
    tasks.run()
    assert not view.problem.isVisible()
    enter(view, account, "a")
    view._delete(own())
    tasks.run()
    assert view.problem.text() == "You may not."
    enter(view, account, "b")
    assert not view.problem.isVisible()


def test_a_menu_of_the_room_before_does_nothing(qtbot: QtBot, account: FakeAccount) -> None:
    view = view_of(qtbot, account)
    view.list.menu_wanted.emit(stored(account, "a"), QPoint(0, 0))
    (menu,) = (menu for menu in view.findChildren(QMenu) if menu.isVisible())
    actions = {action.text(): action for action in menu.actions()}
    enter(view, account, "b")
    for words in ("Edit", "Reply", "Delete for everyone"):
        if words in actions:
            actions[words].trigger()
    menu.close()
    assert not view.strip.isVisible()
    assert not any(item.deleted for item in account.timelines["a"].items if isinstance(item, MessageItem))
    assert not any(item.deleted for item in account.timelines["b"].items if isinstance(item, MessageItem))


def test_the_list_is_that_of_the_new_room_and_the_old_one_is_freed(
    qtbot: QtBot, account: FakeAccount
) -> None:
    view = view_of(qtbot, account)
    view.list.verticalScrollBar().setValue(0)
    view.list.setCurrentIndex(view.list.rows.index(3))
    view.list.hovered.emit(account.timelines["a"].items[1], QRect(0, 50, 100, 40))
    assert view.tools.isVisible()
    before = account.timelines["a"]
    account.timelines["b"].unread_from = 10
    enter(view, account, "b")
    QTest.qWait(HOLD_MS)
    assert not view.tools.isVisible()
    assert not view.list.currentIndex().isValid()
    assert 0 <= view.list.top_of(view.list.rows.row_of_seq(10)) < 100
    assert not view.list.following
    assert 10 <= max(account.timelines["b"].read) < 30
    rows = view.list.rows.rowCount()
    read = list(before.read)
    before.add(message(MANY))
    before.take(0)
    before.reset.emit()
    QTest.qWait(10)
    assert view.list.rows.rowCount() == rows
    assert before.read == read
    gone = weakref.ref(account.timelines.pop("a"))
    del before
    gc.collect()
    assert gone() is None


@pytest.mark.parametrize("items", [0, MANY])
def test_one_picture_follows_the_other(qtbot: QtBot, account: FakeAccount, items: int) -> None:
    view = view_of(qtbot, account)
    late = account.timelines["b"] = FakeTimeline()
    enter(view, account, "b")
    assert not view.updatesEnabled()
    if items:
        late.add(*(message(seq) for seq in range(items)))
        late.reset.emit()
        assert view.updatesEnabled()
    else:
        # It is said in the end that nothing is there.
        qtbot.waitUntil(view.updatesEnabled, timeout=HOLD_MS)
    enter(view, account, "a")
    assert view.updatesEnabled()


def test_what_was_opened_over_the_room_before_is_closed(qtbot: QtBot, account: FakeAccount) -> None:
    view = view_of(qtbot, account)
    view._pick(own(), QPoint(0, 0))
    view.list.menu_wanted.emit(own(), QPoint(0, 0))

    def popups() -> list[QWidget]:
        return [part for part in view.findChildren(QWidget) if part.isWindow() and part.isVisible()]

    assert popups()
    enter(view, account, "b")
    assert popups() == []


def test_a_message_with_which_nothing_can_be_done_has_no_menu(qtbot: QtBot, account: FakeAccount) -> None:
    view = view_of(qtbot, account)
    for _ in range(3):
        view.list.menu_wanted.emit(replace(own(), deleted=True, body=""), QPoint(0, 0))
    QTest.qWait(1)
    assert view.findChildren(QMenu) == []


def test_the_room_that_was_opened_is_said(
    qtbot: QtBot, account: FakeAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    monkeypatch.setattr("desktop.views.conversation.view.announce", lambda _, words: said.append(words))
    view = view_of(qtbot, account)
    assert said == []
    enter(view, account, "b")
    assert said == ["Conversation: Office"]


def test_what_the_mouse_was_over_is_forgotten(qtbot: QtBot, account: FakeAccount) -> None:
    view = view_of(qtbot, account)
    port = view.list.viewport()
    port.setToolTip("example.org")
    port.setCursor(Qt.CursorShape.PointingHandCursor)
    view.list.verticalScrollBar().setValue(0)
    assert account.timelines["a"].first_read is not None
    enter(view, account, "b")
    assert port.toolTip() == ""
    assert port.cursor().shape() is Qt.CursorShape.ArrowCursor
    assert account.timelines["a"].first_read is None
