"""Ctrl+K: what is found by a few letters and where it leads."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from desktop.views.switcher import Switcher
from tests.support.fake_account import FakeAccount, FakeShell, context, room
from tests.support.fake_timeline import DARIO


def switcher(qtbot: QtBot, account: FakeAccount, *others: FakeAccount, shell: FakeShell) -> Switcher:
    made = Switcher(context(account, *others, shell=shell), account.real)
    qtbot.addWidget(made)
    made.show()
    return made


def titles(made: Switcher) -> list[str]:
    return [entry.title for entry in made.list.entries]


def test_rooms_come_first_and_people_without_a_room_after_them(qtbot: QtBot) -> None:
    account = FakeAccount(rooms=[room("a", "Everyone"), room("b", "Design")])
    assert titles(switcher(qtbot, account, shell=FakeShell())) == ["Everyone", "Design", "Dario Lang"]
    account = FakeAccount(rooms=[room("a", "Everyone"), room("d", "Dario Lang", peer=DARIO)])
    assert titles(switcher(qtbot, account, shell=FakeShell())) == ["Everyone", "Dario Lang"]


def test_letters_narrow_it_down_and_enter_goes_to_the_first(qtbot: QtBot) -> None:
    account, shell = FakeAccount(rooms=[room("a", "Everyone"), room("b", "Design")]), FakeShell()
    made = switcher(qtbot, account, shell=shell)
    QTest.keyClicks(made.field, "des")
    assert titles(made) == ["Design"]
    QTest.keyClick(made.field, Qt.Key.Key_Return)
    assert shell.opened == [(account, "b")]


def test_the_arrow_keys_choose_while_one_types(qtbot: QtBot) -> None:
    account, shell = FakeAccount(rooms=[room("a", "Everyone"), room("b", "Design")]), FakeShell()
    made = switcher(qtbot, account, shell=shell)
    QTest.keyClick(made.field, Qt.Key.Key_Down)
    QTest.keyClick(made.field, Qt.Key.Key_Return)
    assert shell.opened == [(account, "b")]


def test_somebody_without_a_room_gets_one(qtbot: QtBot) -> None:
    account, shell = FakeAccount(rooms=[room("a", "Everyone")]), FakeShell()
    made = switcher(qtbot, account, shell=shell)
    QTest.keyClicks(made.field, "dl")
    QTest.keyClick(made.field, Qt.Key.Key_Return)
    assert account.opened == ["dario"]
    assert shell.opened == [(account, "with dario")]


def test_of_several_servers_each_room_says_which(qtbot: QtBot) -> None:
    here, there = FakeAccount("Workshop LAN", rooms=[room("a", "Everyone")]), FakeAccount("Home")
    there.rooms = [room("b", "Everyone")]
    shell = FakeShell()
    made = switcher(qtbot, here, there, shell=shell)
    assert [entry.subtitle for entry in made.list.entries[:2]] == ["Workshop LAN", "Home"]
    QTest.keyClick(made.field, Qt.Key.Key_Down)
    QTest.keyClick(made.field, Qt.Key.Key_Return)
    assert shell.opened == [(there, "b")]


def test_nothing_found_is_said(qtbot: QtBot) -> None:
    made = switcher(qtbot, FakeAccount(rooms=[room("a", "Everyone")]), shell=FakeShell())
    assert made._nothing.isHidden()
    QTest.keyClicks(made.field, "zzz")
    assert made._nothing.isVisible()
    assert titles(made) == []
