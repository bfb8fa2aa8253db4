"""What is said in passing: one after the other, each seen."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from PySide6.QtWidgets import QWidget
from pytestqt.qtbot import QtBot

from desktop.widgets.toast import WAITING_MAX, Toast


@pytest.fixture
def toast(qtbot: QtBot) -> Iterator[Toast]:
    window = QWidget()
    qtbot.addWidget(window)
    window.resize(400, 300)
    window.show()
    yield Toast(window)
    window.close()


def pass_time(toast: Toast) -> None:
    """What is shown had its time."""
    toast._timer.stop()
    toast._timer.timeout.emit()


def test_what_is_said_meanwhile_waits_for_its_turn(toast: Toast) -> None:
    toast.say("Messages are lost.")
    toast.say("No keyring.")
    assert (toast.text(), toast.isVisible()) == ("Messages are lost.", True)
    pass_time(toast)
    assert (toast.text(), toast.isVisible()) == ("No keyring.", True)
    pass_time(toast)
    assert not toast.isVisible()
    toast.say("Later.")
    assert toast.isVisible()


def test_what_is_said_again_is_not_said_twice(toast: Toast) -> None:
    for text in ("one", "one", "two", "two", "one"):
        toast.say(text)
    pass_time(toast)
    assert toast.text() == "two"
    pass_time(toast)
    assert not toast.isVisible()


def test_under_a_panel_it_is_quiet_and_nothing_is_missed(toast: Toast) -> None:
    toast.say("one")
    toast.hold()
    toast.say("two")
    assert not toast.isVisible()
    toast.hold()
    toast.go_on()
    assert (toast.text(), toast.isVisible()) == ("one", True)
    pass_time(toast)
    assert toast.text() == "two"


def test_a_flood_has_a_bound(toast: Toast) -> None:
    for number in range(WAITING_MAX * 3):
        toast.say(f"{number}")
    shown = 0
    while toast.isVisible():
        shown += 1
        pass_time(toast)
    assert shown == WAITING_MAX + 1
