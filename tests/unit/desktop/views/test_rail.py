"""The strip of accounts."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from desktop.ui import fonts
from desktop.ui.theme import apply
from desktop.ui.tokens import LIGHT
from desktop.ui.walk import all_widgets
from desktop.views.rail import Rail
from tests.support.fake_account import FakeAccount


def rail(qtbot: QtBot, *accounts: FakeAccount, shown: int = 0) -> Rail:
    made = Rail()
    qtbot.addWidget(made)
    made.show_accounts([one.real for one in accounts], accounts[shown].real)
    return made


def test_one_account_needs_no_strip_and_two_do(qtbot: QtBot) -> None:
    one, two = FakeAccount("Workshop LAN"), FakeAccount("Home")
    made = rail(qtbot, one)
    assert not made.isVisible()
    made.show_accounts([one.real, two.real], two.real)
    assert made.isVisible()
    assert [button.isChecked() for button in made.buttons] == [False, True]
    made.show_accounts([two.real], two.real)
    assert not made.isVisible()
    assert len(made.buttons) == 1


def test_a_click_and_a_key_choose(qtbot: QtBot) -> None:
    accounts = [FakeAccount("Workshop LAN"), FakeAccount("Home")]
    made = rail(qtbot, *accounts)
    chosen: list[object] = []
    made.chosen.connect(chosen.append)
    QTest.mouseClick(made.buttons[1], Qt.MouseButton.LeftButton)
    QTest.keyClick(made.buttons[0], Qt.Key.Key_Space)
    assert chosen == [accounts[1], accounts[0]]


def test_the_name_says_server_person_and_what_is_unread(qtbot: QtBot) -> None:
    accounts = [FakeAccount("Workshop LAN"), FakeAccount("Home")]
    made = rail(qtbot, *accounts)
    assert made.buttons[0].accessibleName() == "Workshop LAN, Mira Rossi"
    accounts[0].set_info(unread=120)
    assert made.buttons[0].accessibleName() == "Workshop LAN, Mira Rossi, 120 unread"
    before = made.buttons[0].grab().toImage()
    accounts[0].set_info(unread=0)
    assert made.buttons[0].grab().toImage() != before


def test_the_buttons_fit_with_text_of_any_size(qtbot: QtBot, qapp: QApplication) -> None:
    made = rail(qtbot, FakeAccount("Workshop LAN"), FakeAccount("Home"))
    try:
        for scale in (1.0, 1.5, fonts.LARGEST):
            fonts.dress(qapp, scale)
            apply(qapp, LIGHT)
            for button in (*made.buttons, made.add):
                assert button.width() <= made.width()
    finally:
        fonts.dress(qapp, 1.0)
        with all_widgets():
            qapp.setStyleSheet("")
