"""What the keyboard reaches by a message's menu, whom a text names, and what is read out."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest
from PySide6.QtCore import QPoint, Qt, QUrl
from PySide6.QtGui import QAction, QDesktopServices
from PySide6.QtWidgets import QMenu
from pytestqt.qtbot import QtBot

from common.protocol.types import Role
from desktop.services.state import MemberItem, MessageItem, QuoteItem
from desktop.views.conversation.view import ConversationView
from tests.support.fake_account import FakeAccount, context, room
from tests.support.fake_timeline import DARIO, FakeTimeline, message

DELETE = "Delete for everyone"


@pytest.fixture
def account() -> FakeAccount:
    account = FakeAccount(rooms=[room("a", "Workshop")])
    account.timelines["a"] = FakeTimeline([message(1), message(2)])
    return account


def view_of(qtbot: QtBot, account: FakeAccount) -> ConversationView:
    view = ConversationView(context(account), account.real, account.rooms[0])
    qtbot.addWidget(view)
    view.resize(600, 400)
    view.show()
    qtbot.waitUntil(lambda: view.list.landed)
    return view


@contextmanager
def menu_of(view: ConversationView, item: MessageItem) -> Iterator[dict[str, QAction]]:
    """Its entries while it is open."""
    view.list.menu_wanted.emit(item, QPoint(0, 0))
    menus = view.findChildren(QMenu, options=Qt.FindChildOption.FindDirectChildrenOnly)
    (menu,) = (menu for menu in menus if menu.isVisible())
    yield {action.text(): action for action in menu.actions()}
    menu.close()


def test_links_are_reached_without_a_mouse(
    qtbot: QtBot, account: FakeAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    followed: list[str] = []
    monkeypatch.setattr(QDesktopServices, "openUrl", lambda url: followed.append(QUrl(url).toString()))
    body = (
        "see https://example.org/one?a=b&c=d and [this](https://example.com/) not [that](file:///etc/passwd)"
    )
    with menu_of(view_of(qtbot, account), message(2, body)) as found:
        links = {words for words in found if words.startswith("Open ")}
        assert links == {"Open example.org/one?a=b&&c=d", "Open example.com"}
        found["Open example.com"].trigger()
    assert followed == ["https://example.com/"]


def test_what_a_message_answers_is_reached_without_a_mouse(qtbot: QtBot, account: FakeAccount) -> None:
    view = view_of(qtbot, account)
    quote = QuoteItem(seq=1, author=DARIO, excerpt="message 1")
    with menu_of(view, replace(message(2), reply=quote)) as found:
        found["Show what it answers"].trigger()
    assert view.list.currentIndex().row() == 0
    with menu_of(view, message(2)) as found:
        assert "Show what it answers" not in found


def test_only_an_admin_deletes_what_others_wrote(qtbot: QtBot, account: FakeAccount) -> None:
    view = view_of(qtbot, account)
    with menu_of(view, message(2)) as found:
        assert DELETE not in found
    with menu_of(view, message(2, own=True)) as found:
        assert DELETE in found
    account.change_room(replace(account.rooms[0], role=Role.ADMIN))
    with menu_of(view, message(2)) as found:
        found[DELETE].trigger()
    last = account.timelines["a"].items[1]
    assert isinstance(last, MessageItem)
    assert last.deleted


def test_whom_a_text_names_is_known_before_the_members_are(qtbot: QtBot, account: FakeAccount) -> None:
    view = view_of(qtbot, account)
    view.composer.setPlainText("@dario look")
    view.composer.send_wanted.emit("@dario look")
    assert [one.user_id for one in account.timelines["a"].mentioned] == [DARIO.user_id]
    other = replace(DARIO, user_id="other", name="Other", username="other")
    account.in_room = [MemberItem(person=other, role=Role.MEMBER)]
    view.composer.send_wanted.emit("@dario and @other")
    assert [one.user_id for one in account.timelines["a"].mentioned] == ["other"]


@pytest.mark.parametrize("listening", [False, True])
def test_words_are_looked_for_only_where_a_screen_reader_listens(
    qtbot: QtBot, account: FakeAccount, monkeypatch: pytest.MonkeyPatch, *, listening: bool
) -> None:
    said: list[str] = []
    asked: list[str] = []

    def plain(body: str) -> str:
        asked.append(body)
        return body

    monkeypatch.setattr("desktop.views.conversation.aloud.plain", plain)
    monkeypatch.setattr("desktop.views.conversation.view.listened_to", lambda: listening)
    monkeypatch.setattr("desktop.views.conversation.aloud.announce", lambda _, words: said.append(words))
    view = view_of(qtbot, account)
    view.activateWindow()
    qtbot.waitUntil(view.isActiveWindow)
    account.timelines["a"].add(message(3, "the news"))
    assert asked == (["the news"] if listening else [])
    assert said == (["Dario Lang: the news"] if listening else [])


def test_a_text_that_was_put_here_meanwhile_is_in_the_composer(qtbot: QtBot, account: FakeAccount) -> None:
    view = view_of(qtbot, account)
    view.composer.setPlainText("typed")
    account.set_draft("a", "typed\n\nfrom a room that is gone")
    view.show_room(account.rooms[0])
    assert view.composer.toPlainText() == "typed\n\nfrom a room that is gone"
    view._edit(message(2, "said", own=True))
    account.set_draft("a", "more")
    view.show_room(account.rooms[0])
    assert view.composer.toPlainText() == "said"
    view.composer.cancel_wanted.emit()
    assert view.composer.toPlainText() == "more"


@pytest.mark.parametrize("direction", [Qt.LayoutDirection.LeftToRight, Qt.LayoutDirection.RightToLeft])
def test_the_way_down_stays_in_the_list_when_a_reply_takes_room(
    qtbot: QtBot, account: FakeAccount, direction: Qt.LayoutDirection
) -> None:
    account.timelines["a"] = FakeTimeline([message(seq) for seq in range(1, 60)])
    view = view_of(qtbot, account)
    view.setLayoutDirection(direction)
    bar = view.list.verticalScrollBar()
    qtbot.waitUntil(lambda: bar.value() > 0)
    bar.setValue(0)
    qtbot.waitUntil(view._down.isVisible)
    high = view.list.height()
    view._reply(message(2))
    qtbot.waitUntil(lambda: view.list.height() < high)
    assert view.list.rect().contains(view._down.geometry())
    at_the_left = view._down.geometry().center().x() < view.list.width() / 2
    assert at_the_left is (direction is Qt.LayoutDirection.RightToLeft)
