"""What is copied looks just as what is drawn, and is not kept beyond its bound."""

from __future__ import annotations

from dataclasses import replace

import pytest
from PySide6.QtCore import QRect, Qt
from PySide6.QtGui import QColor, QImage, QPainter, QPixmap
from PySide6.QtWidgets import QApplication, QWidget
from pytestqt.qtbot import QtBot

from desktop.services.state import MessageItem, Person, QuoteItem, ReactionItem, SendState, TimelineItem
from desktop.ui.theme import apply
from desktop.ui.tokens import CONTRAST, DARK, LIGHT, Tokens
from desktop.views.conversation.list import MessageList
from desktop.views.conversation.rows import Row, Rows
from desktop.views.conversation.strips import Strips
from tests.support.fake_timeline import FakeTimeline, message, notice

GROUND = QColor("#FFFFFF")
ZED = Person(user_id="zed", name="Zed", username="zed")


def row(key: int) -> Row:
    return Rows().row(message(key), None, 400, new=False)


class Pen:
    """Counts how often it was asked to draw."""

    def __init__(self) -> None:
        self.drawn = 0

    def __call__(self, painter: QPainter) -> None:
        self.drawn += 1
        painter.fillRect(QRect(3, 3, 5, 5), QColor("#FF0000"))


def draw(strips: Strips, painter: QPainter, one: Row, area: QRect, pen: Pen) -> None:
    """As the list does."""
    item, made = one.item, one.bubble
    assert isinstance(item, MessageItem)
    assert made is not None
    strip = strips.find(painter, item, made) or strips.make(
        painter, item, made, area=area, ground=GROUND, paint=pen
    )
    if strip is not None:
        painter.drawPixmap(area.left(), area.top(), strip.picture)


def canvas(ratio: float = 1.0) -> QPixmap:
    found = QPixmap(round(400 * ratio), round(300 * ratio))
    found.setDevicePixelRatio(ratio)
    found.fill(GROUND)
    return found


def test_a_row_that_did_not_change_is_drawn_once(qapp: QApplication) -> None:
    del qapp
    strips, pen, sheet = Strips(), Pen(), canvas()
    painter = QPainter(sheet)
    first = row(1)
    for _ in range(3):
        draw(strips, painter, first, QRect(0, 0, 60, 40), pen)
    assert pen.drawn == 1
    draw(strips, painter, row(1), QRect(0, 0, 60, 40), pen)  # the message changed
    strips.forget()
    draw(strips, painter, first, QRect(0, 0, 60, 40), pen)  # the colours
    painter.end()
    assert pen.drawn == 3


@pytest.mark.parametrize(("ratio", "drawn"), [(1.0, 1), (1.5, 3), (2.0, 1)])
def test_between_whole_device_pixels_nothing_is_copied(qapp: QApplication, ratio: float, drawn: int) -> None:
    del qapp
    strips, pen, sheet = Strips(), Pen(), canvas(ratio)
    painter = QPainter(sheet)
    one = row(1)
    for _ in range(3):
        draw(strips, painter, one, QRect(0, 0, 60, 40), pen)
    painter.end()
    assert pen.drawn == drawn
    assert sheet.toImage().pixelColor(round(5 * ratio), round(5 * ratio)) == QColor("#FF0000")


def test_no_more_is_kept_than_the_bound(qapp: QApplication) -> None:
    del qapp
    strips, pen, sheet = Strips(), Pen(), canvas()
    painter = QPainter(sheet)
    rows = [row(key) for key in range(30)]
    area = QRect(0, 0, 600, 400)  # nearly a megabyte each
    for one in rows:
        draw(strips, painter, one, area, pen)
    draw(strips, painter, rows[-1], area, pen)
    assert pen.drawn == 30
    draw(strips, painter, rows[0], area, pen)
    assert pen.drawn == 31
    huge = QRect(0, 0, 600, 20_000)
    one = row(99)
    for _ in range(2):
        draw(strips, painter, one, huge, pen)
    painter.end()
    assert pen.drawn == 33


@pytest.mark.parametrize("tokens", [LIGHT, DARK, CONTRAST])
@pytest.mark.parametrize("direction", [Qt.LayoutDirection.LeftToRight, Qt.LayoutDirection.RightToLeft])
def test_a_copied_frame_equals_a_drawn_one(
    qtbot: QtBot,
    qapp: QApplication,
    tokens: Tokens,
    direction: Qt.LayoutDirection,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    apply(qapp, tokens)
    items: list[TimelineItem] = [
        message(1, "short"),
        message(2, "a longer one with `code` in it and https://example.org/path\n> quoted"),
        notice(3),
        message(4, "own", own=True, state=SendState.READ),
        replace(message(5, "reacted"), reactions=(ReactionItem(emoji="👍", count=2, mine=True, names=()),)),
        message(6, "مرحبا بالجميع"),
        replace(message(7, "a line that is much longer than the name above it"), author=ZED),
        replace(message(8, "an answer"), reply=QuoteItem(seq=1, author=ZED, excerpt="short")),
    ]
    window = QWidget()
    window.setObjectName("page")
    window.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
    qtbot.addWidget(window)
    window.resize(520, 420)
    view = MessageList(FakeTimeline(items))
    view.setParent(window)
    view.setLayoutDirection(direction)
    view.setGeometry(window.rect())
    window.show()
    qtbot.waitUntil(lambda: view.landed)
    QApplication.processEvents()
    first, copied = picture(window, view), picture(window, view)
    monkeypatch.setattr(Strips, "find", lambda *_: None)
    monkeypatch.setattr(Strips, "make", lambda _, painter, *__, paint, **___: paint(painter))
    drawn = picture(window, view)
    apply(qapp, LIGHT)

    assert first == copied == drawn


def picture(window: QWidget, view: MessageList) -> QImage:
    """As on the screen: what ``QWidget.grab`` paints on knows no direction."""
    view.viewport().repaint()
    return window.screen().grabWindow(window.winId()).toImage()


@pytest.mark.parametrize("direction", [Qt.LayoutDirection.LeftToRight, Qt.LayoutDirection.RightToLeft])
def test_a_name_begins_where_the_language_does(
    qtbot: QtBot, qapp: QApplication, direction: Qt.LayoutDirection
) -> None:
    apply(qapp, LIGHT)
    view = MessageList(FakeTimeline([message(1, "a line that is much longer than the name above it")]))
    qtbot.addWidget(view)
    view.setLayoutDirection(direction)
    view.resize(520, 200)
    view.show()
    qtbot.waitUntil(lambda: view.landed)
    shown = view.grab().toImage()
    bubble = view._painter.bubble_of(0, view.top_of(0)).adjusted(12, 11, -12, 0)
    ground = shown.pixelColor(bubble.center().x(), bubble.top())

    def inked(columns: range) -> bool:
        line = range(bubble.top(), bubble.top() + 14)
        return any(shown.pixelColor(x, y) != ground for x in columns for y in line)

    left, right = range(bubble.left(), bubble.left() + 40), range(bubble.right() - 40, bubble.right())
    assert (inked(left), inked(right)) == (
        (True, False) if direction is Qt.LayoutDirection.LeftToRight else (False, True)
    )
