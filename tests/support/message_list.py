"""A list of messages on screen."""

from __future__ import annotations

from PySide6.QtTest import QTest
from PySide6.QtWidgets import QWidget
from pytestqt.qtbot import QtBot

from desktop.views.conversation.list import MessageList
from tests.support.fake_timeline import FakeTimeline


def shown(qtbot: QtBot, window: QWidget, timeline: FakeTimeline) -> MessageList:
    """It fills an active window, and what was put off is done: styles, layouts."""
    found = MessageList(timeline)
    found.setParent(window)
    found.setGeometry(window.rect())
    window.show()
    qtbot.waitExposed(window)
    window.activateWindow()
    qtbot.waitUntil(window.isActiveWindow)
    QTest.qWait(20)
    return found
