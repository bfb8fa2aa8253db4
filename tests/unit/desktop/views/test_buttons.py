"""Buttons in narrow places."""

from __future__ import annotations

import pytest
from PySide6.QtWidgets import QPushButton, QWidget
from pytestqt.qtbot import QtBot

from desktop.views.buttons import ButtonRow, IconPushButton, WordButton

WORDS = "Host the server on this computer"


@pytest.mark.parametrize("make", [lambda: WordButton(WORDS), lambda: IconPushButton("plus", WORDS)])
def test_words_wrap_where_the_button_is_narrow_and_are_one_line_again(qtbot: QtBot, make: type) -> None:
    button: WordButton = make()
    qtbot.addWidget(button)
    button.show()
    one = button.sizeHint()
    button.resize(button.minimumSizeHint())
    shown = QPushButton.text(button)
    assert "\n" in shown
    assert " ".join(shown.split()) == WORDS
    assert button.text() == button.accessibleName() == WORDS
    assert button.sizeHint().height() > one.height()
    assert button.sizeHint().width() == one.width()
    button.resize(one)
    assert "\n" not in QPushButton.text(button)


def test_no_button_is_narrower_than_its_longest_word(qtbot: QtBot) -> None:
    button = WordButton(WORDS)
    qtbot.addWidget(button)
    assert button.minimumSizeHint().width() >= button.fontMetrics().horizontalAdvance("computer")
    assert button.minimumSizeHint().width() < button.sizeHint().width()


def settle(row: ButtonRow) -> None:
    layout = row.layout()
    assert layout is not None
    layout.activate()


def test_buttons_stand_below_each_other_where_they_do_not_fit(qtbot: QtBot) -> None:
    window = QWidget()
    qtbot.addWidget(window)
    one, other = WordButton("Close anyway"), WordButton("Keep it open")
    row = ButtonRow(one, other)
    row.setParent(window)
    window.resize(600, 200)
    window.show()
    both = one.sizeHint().width() + other.sizeHint().width()
    row.resize(both + 40, 120)
    settle(row)
    assert one.y() == other.y()
    row.resize(both - 20, 120)
    settle(row)
    assert one.y() < other.y()
