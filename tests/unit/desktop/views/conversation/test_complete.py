"""What is offered while one types, and what comes of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QVBoxLayout, QWidget
from pytestqt.qtbot import QtBot

from desktop.services.state import Person
from desktop.views.conversation.complete import Completions
from desktop.views.conversation.composer import Composer
from tests.support.fake_timeline import DARIO, ME

PEOPLE: Sequence[Person] = (ME, DARIO, Person(user_id="gone", name="Deleted user", deleted=True))


class NoSettings:
    def setting(self, name: str, kind: type, default: object) -> object:
        return default

    def set_setting(self, name: str, value: object) -> None:
        pass


@pytest.fixture
def field(qtbot: QtBot) -> Iterator[Composer]:
    window = QWidget()
    window.resize(500, 400)
    column = QVBoxLayout(window)
    column.addStretch(1)
    composer = Composer()
    column.addWidget(composer)
    completions = Completions(composer, NoSettings(), lambda: PEOPLE)  # type: ignore[arg-type]  # looser than Settings
    completions.setParent(window)
    qtbot.addWidget(window)
    window.show()
    qtbot.waitExposed(window)
    window.activateWindow()
    composer.setFocus()
    qtbot.waitUntil(composer.hasFocus)
    yield composer
    window.close()


def completions(field: Composer) -> Completions:
    found = field.window().findChild(Completions)
    assert found is not None
    return found


def offered(field: Composer) -> list[str]:
    shown = completions(field)
    return [entry.title for entry in shown.entries] if shown.isVisible() else []


def test_people_of_the_room_and_everyone_are_offered(field: Composer) -> None:
    QTest.keyClicks(field, "Hello @")
    assert offered(field) == ["Mira Rossi", "Dario Lang", "@room"]
    QTest.keyClicks(field, "la")
    assert offered(field) == ["Dario Lang"]
    sent: list[str] = []
    field.send_wanted.connect(sent.append)
    QTest.keyClick(field, Qt.Key.Key_Return)
    assert field.toPlainText() == "Hello @Dario Lang "
    assert offered(field) == []
    assert sent == []
    QTest.keyClick(field, Qt.Key.Key_Return)
    assert sent == ["Hello @Dario Lang"]


def test_arrows_choose_and_escape_closes(field: Composer) -> None:
    QTest.keyClicks(field, "@")
    QTest.keyClick(field, Qt.Key.Key_Up)
    QTest.keyClick(field, Qt.Key.Key_Tab)
    assert field.toPlainText() == "@room "
    cancelled: list[bool] = []
    field.cancel_wanted.connect(lambda: cancelled.append(True))
    QTest.keyClicks(field, "@m")
    QTest.keyClick(field, Qt.Key.Key_Escape)
    assert offered(field) == []
    assert cancelled == []
    QTest.keyClick(field, Qt.Key.Key_Escape)
    assert cancelled == [True]


@pytest.mark.parametrize("text", ["mira@ex", "12:30", "a :", "http://x", "@nobodyhere", ":zzzz"])
def test_nothing_is_offered_where_nothing_is_meant(field: Composer, text: str) -> None:
    QTest.keyClicks(field, text)
    assert offered(field) == []


def test_an_emoji_by_its_name(field: Composer) -> None:
    QTest.keyClicks(field, "Good :rocket")
    assert offered(field)[0] == "rocket"
    QTest.keyClick(field, Qt.Key.Key_Return)
    assert field.toPlainText() == "Good \N{ROCKET}"


def test_it_lies_within_the_window_and_goes_with_the_focus(field: Composer) -> None:
    QTest.keyClicks(field, "@")
    shown = completions(field)
    assert field.window().rect().contains(shown.geometry())
    assert shown.geometry().bottom() < field.geometry().top() + field.cursorRect().top() + 4
    field.clearFocus()
    assert offered(field) == []


@pytest.mark.parametrize(
    ("code", "emoji"),
    [
        (":tada", "🎉"),
        (":+1", "👍"),
        (":smile", "😄"),
        (":heart_eyes", "😍"),
        (":party_pop", "🎉"),
        (":rock", "🚀"),
    ],
)
def test_short_codes_from_elsewhere_are_known(field: Composer, code: str, emoji: str) -> None:
    QTest.keyClicks(field, code)
    assert completions(field).isVisible()
    QTest.keyClick(field, Qt.Key.Key_Return)
    assert field.toPlainText() == emoji
