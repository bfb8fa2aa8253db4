"""A conversation by keys, and a reader who is never thrown to another place."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise

import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QCursor, QWheelEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QWidget
from pytestqt.qtbot import QtBot

from desktop.services.state import MessageItem, TimelineItem
from desktop.ui.fonts import px
from desktop.views.conversation.list import MessageList
from desktop.views.conversation.rowkeys import STEP
from tests.support.fake_timeline import APART_MS, START_MS, FakeTimeline, message, notice
from tests.support.message_list import shown

MANY = 100
Key = Qt.Key


def many() -> list[TimelineItem]:
    return [message(seq, "words " * (seq * 7 % 23)) for seq in range(1, MANY)]


def current(view: MessageList) -> str:
    row = view.currentIndex().row()
    return view.rows.item(row).key if row >= 0 else ""


def whole(view: MessageList, key: str) -> bool:
    box = view.visualRect(view.rows.index(view.rows.row_of_key(key)))
    return box.top() >= 0 and box.bottom() < view.viewport().height()


def test_keys_go_from_message_to_message_and_each_is_seen(qtbot: QtBot, window: QWidget) -> None:
    view = shown(qtbot, window, FakeTimeline(many()))
    view.setFocus()
    QTest.keyClick(view, Key.Key_Up)
    newest = current(view)
    assert newest in {f"m{MANY - 1}", f"m{MANY - 2}"}
    for key, words in ((Key.Key_Home, "m1"), (Key.Key_Down, "m2"), (Key.Key_End, f"m{MANY - 1}")):
        QTest.keyClick(view, key)
        assert current(view) == words
        assert whole(view, words)
    seen = [current(view)]
    while current(view) != "m1" and len(seen) < MANY:
        QTest.keyClick(view, Key.Key_PageUp)
        seen.append(current(view))
        assert whole(view, seen[-1])
    assert seen[-1] == "m1"
    assert 5 < len(seen) < MANY / 2


@pytest.mark.parametrize(
    ("key", "back"), [(Key.Key_PageDown, Key.Key_PageUp), (Key.Key_Down, Key.Key_Up)], ids=["page", "row"]
)
def test_a_message_higher_than_the_screen_is_read_to_its_end(
    qtbot: QtBot, window: QWidget, key: Key, back: Key
) -> None:
    timeline = FakeTimeline([message(1), message(2, "a line\n" * 60), message(3), message(4)])
    view = shown(qtbot, window, timeline)
    view.setCurrentIndex(view.rows.index(1))
    view.scrollTo(view.rows.index(1))
    high = view.viewport().height()
    tops = [view.top_of(1)]
    while current(view) == "m2" and len(tops) < 40:
        QTest.keyClick(view, key)
        tops.append(view.top_of(1))
    assert current(view) != "m2"
    # Nothing of it was passed over, and its end was on screen.
    assert all(before - after < high for before, after in pairwise(tops))
    assert min(tops) + view.height_of(1) <= high
    while current(view) != "m1" and len(tops) < 90:
        QTest.keyClick(view, back)
        tops.append(view.top_of(1))
    assert current(view) == "m1"


def test_a_focused_message_that_leaves_the_window_takes_nobody_along(qtbot: QtBot, window: QWidget) -> None:
    timeline = FakeTimeline(many())
    view = shown(qtbot, window, timeline)
    view.setCurrentIndex(view.rows.index(0))
    view.follow()
    timeline.take(0, 40)
    QTest.qWait(10)
    assert view.following
    assert whole(view, f"m{MANY - 1}")
    # The same above the end, and while another part of the window is seen.
    view.verticalScrollBar().setValue(view.verticalScrollBar().maximum() // 2)
    view.setCurrentIndex(view.rows.index(0))
    row = view.pinned_row()
    key, top = view.rows.item(row).key, view.top_of(row)
    timeline.take(0, 10)
    view.hide()
    timeline.take(len(timeline.items) - 10, 10)
    view.show()
    QTest.qWait(10)
    assert view.top_of(view.rows.row_of_key(key)) == top


@pytest.mark.parametrize("place", [0.5, 1])
def test_the_wheel_is_not_lost_while_something_comes(qtbot: QtBot, window: QWidget, place: float) -> None:
    timeline = FakeTimeline(many())
    view = shown(qtbot, window, timeline)
    bar = view.verticalScrollBar()
    bar.setValue(round(bar.maximum() * place))
    QTest.qWait(10)
    at = QPointF(view.viewport().rect().center())
    # Where the mouse is, Qt asks at each step what lies below it.
    QCursor.setPos(view.viewport().mapToGlobal(at.toPoint()))
    QTest.qWait(10)
    assert view.viewport().rect().contains(view.viewport().mapFromGlobal(QCursor.pos()))
    row = view.row_at(200)
    key, top = view.rows.item(row).key, view.top_of(row)
    timeline.add_before(*(message(seq - MANY) for seq in range(30)))
    if not view.following:
        timeline.add(message(MANY))
    none = (Qt.MouseButton.NoButton, Qt.KeyboardModifier.NoModifier, Qt.ScrollPhase.NoScrollPhase)
    turn = QWheelEvent(at, view.viewport().mapToGlobal(at), QPoint(), QPoint(0, 120), *none, False)
    QApplication.sendEvent(view.viewport(), turn)
    QTest.qWait(10)
    assert view.top_of(view.rows.row_of_key(key)) == top + 3 * px(STEP)


def test_a_row_that_became_low_is_still_the_one_that_is_seen(qtbot: QtBot, window: QWidget) -> None:
    items = many()
    items[40] = message(41, "a line\n" * 40)
    timeline = FakeTimeline(items)
    view = shown(qtbot, window, timeline)
    view.pin(40, -300)
    view.settle()
    timeline.change(40, body="short", edited=True)
    QTest.qWait(10)
    foot = view.top_of(40) + view.height_of(40)
    assert 0 < foot <= view.viewport().height()


def test_a_time_that_changed_moves_the_day_of_the_row_below(qtbot: QtBot, window: QWidget) -> None:
    timeline = FakeTimeline([message(1), message(2), message(3)])
    view = shown(qtbot, window, timeline)
    timeline.change(1, sent_at_ms=START_MS - 3 * 86_400_000)
    QTest.qWait(10)
    for row in range(3):
        assert view.height_of(row) == view.measure(row)
    timeline.change(0, deleted=True, body="")
    assert view.height_of(1) == view.measure(1)


def test_rows_that_came_before_loading_ended_are_landed_in_at_their_place(
    qtbot: QtBot, window: QWidget
) -> None:
    timeline = FakeTimeline(many(), unread_from=10)
    timeline.loading = True
    view = shown(qtbot, window, timeline)
    assert not view.landed
    timeline.loading = False
    timeline.ends_changed.emit()
    QTest.qWait(20)
    assert whole(view, "m10")
    assert not view.following
    assert max(timeline.read) < 30


def test_what_is_unread_below_the_window_is_not_run_through(qtbot: QtBot, window: QWidget) -> None:
    timeline = FakeTimeline(many(), unread_from=MANY + 50)
    timeline.at_end = False
    view = shown(qtbot, window, timeline)
    assert not view.following
    assert timeline.newer_wanted > 0
    first = view.rows.item(view.pinned_row()).key
    timeline.add(*(message(seq) for seq in range(MANY, MANY + 30)))
    QTest.qWait(20)
    assert view.rows.item(view.pinned_row()).key == first
    assert max(timeline.read) < MANY + 15


def test_another_history_is_looked_at_for_the_first_time(qtbot: QtBot, window: QWidget) -> None:
    timeline = FakeTimeline(many())
    view = shown(qtbot, window, timeline)
    view.verticalScrollBar().setValue(0)
    timeline.take(0, MANY - 1)
    timeline.reset.emit()
    timeline.read.clear()
    timeline.unread_from = 20
    timeline.add(*many())
    timeline.reset.emit()
    QTest.qWait(20)
    assert whole(view, "m20")
    assert 20 <= max(timeline.read) < 40


@pytest.mark.parametrize("seed", range(4))
def test_whatever_happens_rows_lie_where_they_are_drawn(qtbot: QtBot, window: QWidget, seed: int) -> None:
    chance = random.Random(seed)
    numbers = iter(range(1_000, 9_000))

    def news(count: int) -> list[TimelineItem]:
        found: list[TimelineItem] = []
        for seq in (next(numbers) for _ in range(count)):
            far = chance.choice([1_000, APART_MS, 300 * APART_MS])
            one = message(seq, "words " * chance.randrange(60), own=chance.random() < 0.3)
            found.append(
                notice(seq) if chance.random() < 0.1 else replace(one, sent_at_ms=START_MS + seq * far)
            )
        return found

    timeline = FakeTimeline(news(chance.choice([0, 1, 60])))
    view = shown(qtbot, window, timeline)
    bar, keys = (
        view.verticalScrollBar(),
        (Key.Key_Up, Key.Key_Down, Key.Key_PageUp, Key.Key_End, Key.Key_Home),
    )

    def change() -> None:
        row = chance.randrange(len(timeline.items))
        if isinstance(timeline.items[row], MessageItem):
            timeline.change(row, body="other words " * chance.randrange(40), edited=True)

    def other() -> None:
        del timeline._items[:]
        timeline._items += news(chance.choice([0, 2, 50]))
        timeline.reset.emit()

    def take() -> None:
        row = chance.randrange(len(timeline.items))
        timeline.take(row, chance.randint(1, min(30, len(timeline.items) - row)))

    def resize() -> None:
        window.resize(chance.choice([120, 400, 700]), chance.choice([150, 400, 800]))
        view.setGeometry(window.rect())

    always: tuple[Callable[[], object], ...] = (
        lambda: timeline.add(*news(3)),
        lambda: timeline.add_before(*news(20)),
        lambda: bar.setValue(chance.randint(0, max(1, bar.maximum()))),
        lambda: QTest.keyClick(view, chance.choice(keys)),
        lambda: view.setVisible(not view.isVisible()),
        resize,
        other,
        view.follow,
        view.forget_layouts,
    )
    for _ in range(120):
        steps = always + ((change, change, take) if timeline.items else ())
        chance.choice(steps)()
        if chance.random() < 0.5:
            QApplication.processEvents()
        view.settle()
        count = len(timeline.items)
        assert view.rows.rowCount() == len(view._column) == count
        assert all(
            view.height_of(row) == view.measure(row)
            for row in range(count)
            if not view._column.unknown(range(row, row + 1))
        )
        if count and view.isVisible():
            high = view.viewport().height()
            seen = [row for row in range(count) if -view.height_of(row) < view.top_of(row) < high]
            assert view._column.unknown(range(seen[0], seen[-1] + 1)) == []
            if view.following:
                assert view.top_of(count - 1) + view.height_of(count - 1) == high
