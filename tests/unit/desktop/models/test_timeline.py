from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtTest import QAbstractItemModelTester
from PySide6.QtWidgets import QApplication

from desktop.models.timeline import ITEM_ROLE, TimelineModel, spoken
from desktop.services.state import MessageItem, QuoteItem, ReactionItem, SendState
from tests.support.fake_timeline import DARIO, FakeTimeline, message, notice


def first(timeline: FakeTimeline) -> MessageItem:
    item = timeline.items[0]
    assert isinstance(item, MessageItem)
    return item


def test_the_model_keeps_qts_rules_through_every_change(qapp: QApplication) -> None:
    del qapp
    timeline = FakeTimeline([message(5), notice(6), message(7)])
    model = TimelineModel(timeline)
    tester = QAbstractItemModelTester(model, QAbstractItemModelTester.FailureReportingMode.Fatal)
    timeline.add(message(8), message(9))
    timeline.add_before(message(3), message(4))
    timeline.change(2, body="edited", edited=True)
    timeline.take(0, 2)
    timeline.take(4)
    timeline.reset.emit()
    shown = [model.index(row).data(ITEM_ROLE).key for row in range(model.rowCount())]
    assert shown == [item.key for item in timeline.items]
    assert tester.model() is model


def test_a_row_after_a_change_is_told_anew_because_it_may_join_the_group(qapp: QApplication) -> None:
    del qapp
    timeline = FakeTimeline([message(1), message(2)])
    model = TimelineModel(timeline)
    told: list[int] = []
    model.dataChanged.connect(lambda first, _last: told.append(first.row()))
    timeline.take(0)
    assert told == [0]
    assert model.before(0) is None


def test_messages_after_a_row_leave_notices_out(qapp: QApplication) -> None:
    del qapp
    model = TimelineModel(FakeTimeline([message(1), notice(2), message(3), notice(4)]))
    assert model.messages_after(0) == 1
    assert model.messages_after(-1) == 2


def test_what_a_screen_reader_says_holds_all_that_is_drawn() -> None:
    timeline = FakeTimeline([message(1, "On it.", own=True, state=SendState.READ)])
    timeline.change(
        0,
        edited=True,
        reply=QuoteItem(seq=9, author=DARIO, excerpt="?"),
        reactions=(ReactionItem(emoji="👍", count=2, mine=False, names=()),),
    )
    item = timeline.items[0]
    model = TimelineModel(timeline)
    said = model.index(0).data(Qt.ItemDataRole.AccessibleTextRole)
    for part in ("Reply to Dario Lang", "Mira Rossi", "On it.", "edited", "👍 2", "read by all"):
        assert part in said, item


def test_failed_and_deleted_messages_are_said_as_such() -> None:
    failed = FakeTimeline([message(1, "lost?", own=True, state=SendState.FAILED)])
    failed.change(0, error="The room is gone.")
    deleted = FakeTimeline([message(1, "secret")])
    deleted.change(0, deleted=True, body="")
    said = spoken(first(failed))
    assert "not sent" in said
    assert "The room is gone." in said
    assert "message deleted" in spoken(first(deleted))
