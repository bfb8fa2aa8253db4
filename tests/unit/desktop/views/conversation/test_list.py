"""What a reader sees stays where it is, and only what was seen is read."""

from __future__ import annotations

import weakref

import pytest
from PySide6.QtCore import QPoint, QRect, Qt
from PySide6.QtGui import QKeySequence
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QWidget
from pytestqt.qtbot import QtBot

from desktop.services.state import SendState
from desktop.views.conversation.list import MessageList
from tests.support.fake_timeline import FakeTimeline, message, notice
from tests.support.message_list import shown
from tests.support.mouse import move

MANY = 60


def top_of(view: MessageList, key: str) -> int:
    return view.visualRect(view.rows.index(view.rows.row_of_key(key))).top()


def on_screen(view: MessageList) -> list[str]:
    keys = []
    for row in range(view.rows.rowCount()):
        box = view.visualRect(view.rows.index(row))
        if box.top() >= 0 and box.bottom() <= view.viewport().height():
            keys.append(view.rows.index(row).data(Qt.ItemDataRole.UserRole).key)
    return keys


def test_it_opens_at_the_newest_message_and_follows(qtbot: QtBot, window: QWidget) -> None:
    timeline = FakeTimeline([message(seq) for seq in range(1, MANY)])
    view = shown(qtbot, window, timeline)
    assert on_screen(view)[-1] == f"m{MANY - 1}"
    timeline.add(message(MANY))
    qtbot.waitUntil(lambda: on_screen(view)[-1] == f"m{MANY}")
    assert view.following


def test_it_opens_at_the_first_unread_and_reads_only_what_is_on_screen(qtbot: QtBot, window: QWidget) -> None:
    timeline = FakeTimeline([message(seq) for seq in range(1, MANY)], unread_from=10)
    view = shown(qtbot, window, timeline)
    visible = on_screen(view)
    assert "m10" in visible
    assert f"m{MANY - 1}" not in visible
    assert not view.following
    qtbot.waitUntil(window.isActiveWindow)
    view.read()
    assert max(timeline.read) < MANY - 1
    assert max(timeline.read) >= 10
    timeline.add(message(MANY))
    QApplication.processEvents()
    assert MANY not in timeline.read


def test_a_window_that_is_not_active_reads_nothing(qtbot: QtBot, window: QWidget) -> None:
    other = QWidget()
    qtbot.addWidget(other)
    timeline = FakeTimeline([message(seq) for seq in range(1, 5)])
    view = MessageList(timeline)
    view.setParent(window)
    view.setGeometry(window.rect())
    window.setAttribute(Qt.WidgetAttribute.WA_ShowWithoutActivating)
    other.show()
    other.activateWindow()
    qtbot.waitUntil(other.isActiveWindow)
    window.show()
    QTest.qWait(20)  # a platform may activate it all the same
    other.activateWindow()
    qtbot.waitUntil(lambda: other.isActiveWindow() and not window.isActiveWindow())
    timeline.read.clear()
    timeline.add(message(5))
    QApplication.processEvents()
    assert timeline.read == []


def foot_of(view: MessageList, key: str) -> int:
    row = view.rows.row_of_key(key)
    return view._painter.bubble_of(row, view.top_of(row)).bottom()


@pytest.mark.parametrize("place", [0, 0.3, 0.6])
def test_history_that_comes_in_above_moves_nothing(qtbot: QtBot, window: QWidget, place: float) -> None:
    timeline = FakeTimeline([message(seq, "words " * (seq % 7 + 1)) for seq in range(100, 160)])
    timeline.at_start = False
    view = shown(qtbot, window, timeline)
    bar = view.verticalScrollBar()
    bar.setValue(round(bar.maximum() * place))
    # The first of all has the day's line above it, as long as nothing older is there.
    key = on_screen(view)[0]
    before = foot_of(view, key)
    timeline.add_before(*(message(seq, "older " * (seq % 9 + 1)) for seq in range(50, 100)))
    # Before the next frame, and after all that was put off.
    assert foot_of(view, key) == before
    QTest.qWait(20)
    assert foot_of(view, key) == before


def test_near_the_upper_end_older_history_is_asked_for(qtbot: QtBot, window: QWidget) -> None:
    timeline = FakeTimeline([message(seq) for seq in range(100, 160)])
    timeline.at_start = False
    view = shown(qtbot, window, timeline)
    timeline.older_wanted = 0
    view.verticalScrollBar().setValue(10)
    assert timeline.older_wanted > 0


def test_below_counts_messages_and_no_notices(qtbot: QtBot, window: QWidget) -> None:
    timeline = FakeTimeline([message(seq) for seq in range(1, MANY)])
    view = shown(qtbot, window, timeline)
    view.verticalScrollBar().setValue(0)
    before = view.below()
    assert before > 0
    assert not view.following
    timeline.add(notice(MANY), message(MANY + 1))
    QApplication.processEvents()
    assert view.below() == before + 1
    view.follow()
    assert view.below() == 0


def test_a_change_of_a_row_above_keeps_the_readers_place(qtbot: QtBot, window: QWidget) -> None:
    timeline = FakeTimeline([message(seq) for seq in range(1, MANY)])
    view = shown(qtbot, window, timeline)
    view.verticalScrollBar().setValue(view.verticalScrollBar().maximum() // 2)
    key = on_screen(view)[1]
    before = top_of(view, key)
    timeline.change(0, body="much longer\n" * 8)
    QTest.qWait(20)
    assert top_of(view, key) == before


def test_rows_are_reached_by_keys_and_copied(qtbot: QtBot, window: QWidget) -> None:
    timeline = FakeTimeline([message(1, "first"), message(2, "second")])
    view = shown(qtbot, window, timeline)
    copied: list[str] = []
    left: list[bool] = []
    view.copy_wanted.connect(copied.append)
    view.leave_wanted.connect(lambda: left.append(True))
    view.setFocus()
    view.setCurrentIndex(view.rows.index(1))
    QTest.keyClick(view, Qt.Key.Key_Up)
    QTest.keyClick(view, Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier)
    assert copied == ["first"]
    QTest.keyClick(view, Qt.Key.Key_Escape)
    assert left == [True]


def test_the_message_under_the_mouse_is_told_with_its_bubble(qtbot: QtBot, window: QWidget) -> None:
    timeline = FakeTimeline([message(1, "first"), message(2, "second", own=True)])
    view = shown(qtbot, window, timeline)
    told: list[tuple[object, object]] = []
    view.hovered.connect(lambda item, box: told.append((item, box)))
    at = view.visualRect(view.rows.index(1)).center()
    move(view.viewport(), at)
    item, box = told[-1]
    assert item is timeline.items[1]
    assert isinstance(box, QRect)
    assert box.contains(view.viewport().mapTo(view, at) + QPoint(200, 0))
    assert view.rect().contains(box)


def test_few_messages_lie_at_the_foot_until_they_fill_the_window(qtbot: QtBot, window: QWidget) -> None:
    timeline = FakeTimeline([message(1), message(2)])
    view = shown(qtbot, window, timeline)

    def foot() -> int:
        last = view.visualRect(view.rows.index(view.rows.rowCount() - 1))
        return view.viewport().mapTo(view, last.bottomLeft()).y()

    assert foot() == view.contentsRect().bottom()
    for seq in range(3, MANY):
        timeline.add(message(seq))
    qtbot.waitUntil(lambda: on_screen(view)[-1:] == [f"m{MANY - 1}"])
    assert view.viewport().height() == view.contentsRect().height()
    assert foot() == view.contentsRect().bottom()


def test_a_jump_shows_the_message_for_a_moment(qtbot: QtBot, window: QWidget) -> None:
    timeline = FakeTimeline([message(seq) for seq in range(1, MANY)])
    view = shown(qtbot, window, timeline)
    assert view.show_seq(3)
    assert "m3" in on_screen(view)
    assert view._painter.flash == "m3"
    qtbot.waitUntil(lambda: not view._painter.flash)
    assert not view.show_seq(999)


def drag(view: MessageList, start: QPoint, end: QPoint) -> None:
    """With the left button, as a person does."""
    port = view.viewport()
    QTest.mousePress(port, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, start)
    move(port, end, held=True)
    QTest.mouseRelease(port, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, end)


def text_box(view: MessageList, key: str) -> QRect:
    """Where the text of a message is, roughly: the inside of its bubble."""
    row = view.rows.row_of_key(key)
    return view._painter.bubble_of(row, view.top_of(row)).adjusted(13, 9, -13, -9)


def test_text_is_marked_within_a_message_and_across_several(qtbot: QtBot, window: QWidget) -> None:
    items = [message(1, "The first words"), message(2, "All of it"), message(3, "and the last", own=True)]
    view = shown(qtbot, window, FakeTimeline(items))
    copied: list[str] = []
    view.copy_wanted.connect(copied.append)
    second = text_box(view, "m2")
    drag(view, second.topLeft() + QPoint(0, 4), second.topRight() + QPoint(200, 4))
    assert view.marked_text() == "All of it"
    QTest.keySequence(view, QKeySequence.StandardKey.Copy)
    assert copied == ["All of it"]
    first = text_box(view, "m1")
    third = text_box(view, "m3")
    drag(view, third.topRight() + QPoint(10, 6), first.topLeft() + QPoint(0, 26))
    assert view.marked_text().splitlines() == [
        "Dario Lang: The first words",
        "Dario Lang: All of it",
        "Mira Rossi: and the last",
    ]
    assert not view.grab().isNull()
    QTest.mouseClick(view.viewport(), Qt.MouseButton.LeftButton, pos=second.center())
    assert view.marked_text() == ""


def test_a_double_click_marks_a_word_and_it_stays_while_history_loads(qtbot: QtBot, window: QWidget) -> None:
    timeline = FakeTimeline([message(5, "Supercalifragilistic")])
    view = shown(qtbot, window, timeline)
    box = text_box(view, "m5")
    at = box.topLeft() + QPoint(30, 26)
    QTest.mousePress(view.viewport(), Qt.MouseButton.LeftButton, pos=at)
    QTest.mouseDClick(view.viewport(), Qt.MouseButton.LeftButton, pos=at)
    assert view.marked_text() == "Supercalifragilistic"
    timeline.add_before(message(4))
    assert view.marked_text() == "Supercalifragilistic"


def measuring(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The rows that are measured from now on."""
    measured: list[int] = []
    plain = MessageList.measure

    def counted(self: MessageList, row: int) -> int:
        measured.append(row)
        return plain(self, row)

    monkeypatch.setattr(MessageList, "measure", counted)
    return measured


def test_a_change_of_a_row_measures_it_alone(
    qtbot: QtBot, window: QWidget, monkeypatch: pytest.MonkeyPatch
) -> None:
    timeline = FakeTimeline([message(seq, own=True) for seq in range(1, MANY)])
    view = shown(qtbot, window, timeline)
    measured = measuring(monkeypatch)
    timeline.change(55, state=SendState.READ)
    QApplication.processEvents()
    assert measured == [55]

    def high() -> int:
        return view.visualRect(view.rows.index(55)).height()

    before = high()
    timeline.change(55, body="now\nit\nis\nhigher", edited=True, rev=9)
    QApplication.processEvents()
    assert measured == [55, 55]
    assert high() > before


def test_only_what_is_near_the_screen_is_measured(
    qtbot: QtBot, window: QWidget, monkeypatch: pytest.MonkeyPatch
) -> None:
    measured = measuring(monkeypatch)
    timeline = FakeTimeline([message(seq, "words " * (seq % 9 * 6)) for seq in range(1, 200)])
    view = shown(qtbot, window, timeline)
    assert 5 < len(set(measured)) < 30
    measured.clear()
    view.resize(420, 400)
    QApplication.processEvents()
    assert 5 < len(set(measured)) < 30
    view.verticalScrollBar().setValue(2_000)
    measured.clear()
    timeline.add(message(200))  # far below: nobody waits for its height
    QApplication.processEvents()
    assert measured == []


def test_a_reader_who_scrolls_through_rows_of_unknown_height_sees_no_jump(
    qtbot: QtBot, window: QWidget
) -> None:
    timeline = FakeTimeline([message(seq, "words " * (seq * 37 % 90)) for seq in range(1, 200)])
    view = shown(qtbot, window, timeline)
    bar = view.verticalScrollBar()
    while bar.value():
        key = on_screen(view)[0] if on_screen(view) else ""
        before = top_of(view, key) if key else 0
        value = bar.value()
        bar.setValue(max(0, value - 40))
        QApplication.processEvents()
        if key:
            assert top_of(view, key) == before + min(40, value)
    assert on_screen(view)[0] == "m1"


def test_a_page_that_does_not_fill_the_window_asks_for_more(qtbot: QtBot, window: QWidget) -> None:
    timeline = FakeTimeline([message(1), message(2)])
    timeline.at_start = False
    view = shown(qtbot, window, timeline)
    qtbot.waitUntil(lambda: timeline.older_wanted > 0)
    assert view.following


def test_what_was_measured_is_freed_when_the_view_is_done_with(qtbot: QtBot, window: QWidget) -> None:
    view = shown(qtbot, window, FakeTimeline([message(1)]))
    document = weakref.ref(view._painter.document(0))
    assert document() is not None
    view.let_go()
    assert document() is None
