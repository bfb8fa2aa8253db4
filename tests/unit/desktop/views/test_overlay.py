"""Panels over the window: where the focus goes, how high they are."""

from __future__ import annotations

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLabel, QLineEdit, QPushButton, QVBoxLayout, QWidget
from pytestqt.qtbot import QtBot

from desktop.views.overlay import Overlay, Panel


class Body(QWidget):
    """A button first in the order of Tab, and a field that is named as the one to type in."""

    def __init__(self, *, named: bool) -> None:
        super().__init__()
        self.button, self.field = QPushButton("first"), QLineEdit()
        self.note = QLabel("a line\nand more\nand more")
        self.note.hide()
        column = QVBoxLayout(self)
        for part in (self.button, self.field, self.note):
            column.addWidget(part)
        if named:
            self.setFocusProxy(self.field)


@pytest.fixture
def window(qtbot: QtBot) -> QWidget:
    window = QWidget()
    qtbot.addWidget(window)
    window.resize(900, 700)
    QLineEdit(window)
    window.show()
    qtbot.waitExposed(window)
    window.activateWindow()
    qtbot.waitUntil(window.isActiveWindow)
    return window


def test_typing_goes_where_the_body_says(window: QWidget) -> None:
    body = Body(named=True)
    Overlay(window).open(Panel("Jump", body))
    focused = QApplication.focusWidget()
    assert focused is body.field
    QTest.keyClicks(focused, "every")
    assert body.field.text() == "every"


def test_without_a_name_the_focus_is_still_inside(window: QWidget) -> None:
    panel = Panel("Shortcuts", Body(named=False))
    Overlay(window).open(panel)
    focused = QApplication.focusWidget()
    assert focused is not None
    assert panel.isAncestorOf(focused)


def test_a_body_that_grows_makes_its_panel_higher(window: QWidget, qtbot: QtBot) -> None:
    body = Body(named=True)
    panel = Panel("Grow", body)
    Overlay(window).open(panel)
    before = panel.height()
    body.note.show()
    qtbot.waitUntil(lambda: panel.height() > before)


def test_esc_closes_and_gives_the_focus_back(window: QWidget) -> None:
    field = window.findChild(QLineEdit)
    assert field is not None
    field.setFocus()
    overlay = Overlay(window)
    body = Body(named=True)
    overlay.open(Panel("Jump", body))
    QTest.keyClick(body.field, Qt.Key.Key_Escape)
    assert overlay.panel is None
    assert QApplication.focusWidget() is field


def test_what_can_not_be_used_yet_gets_the_focus_once_it_can(window: QWidget) -> None:
    body = Body(named=True)
    body.field.setEnabled(False)
    overlay = Overlay(window)
    overlay.open(Panel("Invite", body))
    inside = QApplication.focusWidget()
    assert inside is not None
    assert overlay.isAncestorOf(inside)
    body.field.setEnabled(True)
    assert QApplication.focusWidget() is body.field
    QTest.keyClick(body.field, Qt.Key.Key_Escape)
    assert overlay.panel is None


def test_what_came_below_meanwhile_gets_the_focus_at_the_end(window: QWidget) -> None:
    field, other = window.findChild(QLineEdit), QLineEdit(window)
    assert field is not None
    field.setFocus()
    overlay, body = Overlay(window), Body(named=True)
    overlay.open(Panel("Invite", body))
    field.hide()
    other.show()
    overlay.give_back_to(other)
    assert QApplication.focusWidget() is body.field
    QTest.keyClick(body.field, Qt.Key.Key_Escape)
    assert QApplication.focusWidget() is other
