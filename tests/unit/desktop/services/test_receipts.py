from __future__ import annotations

import pytest

from common.errors import Code, ParleyError
from desktop.services.receipts import RETRY_S, Receipts

ROOM = "room"


def test_one_receipt_a_second_and_room_with_the_highest_marks() -> None:
    receipts = Receipts()
    receipts.mark(ROOM, delivered=3)
    assert receipts.take_due(0.0) == [(ROOM, 3, 0)]
    receipts.mark(ROOM, delivered=4)
    receipts.mark(ROOM, read=5)
    assert receipts.take_due(0.9) == []
    assert receipts.next_time() == 1.0
    assert receipts.take_due(1.0) == [(ROOM, 5, 5)]
    assert receipts.next_time() is None


def test_marks_only_grow_and_what_the_server_has_is_not_sent() -> None:
    receipts = Receipts()
    receipts.known(ROOM, delivered=9, read=7)
    receipts.mark(ROOM, delivered=8, read=6)
    assert receipts.take_due(0.0) == []
    receipts.mark(ROOM, read=10)
    assert receipts.take_due(0.0) == [(ROOM, 10, 10)]
    receipts.mark(ROOM, delivered=9, read=9)
    assert receipts.take_due(9.0) == []


def test_what_may_be_lost_on_its_way_goes_again() -> None:
    receipts = Receipts()
    receipts.mark(ROOM, read=5)
    assert receipts.take_due(0.0) == [(ROOM, 5, 5)]
    receipts.offline()
    assert receipts.take_due(0.0) == [(ROOM, 5, 5)]
    receipts.answered(ROOM, (5, 5), None, 1.0)
    receipts.offline()
    assert receipts.take_due(9.0) == []


def test_a_head_says_what_arrived() -> None:
    receipts = Receipts()
    receipts.mark(ROOM, read=5)
    receipts.take_due(0.0)
    receipts.offline()
    receipts.known(ROOM, delivered=5, read=5)
    assert receipts.take_due(9.0) == []
    receipts.known(ROOM, delivered=5, read=3)
    assert receipts.take_due(9.0) == [(ROOM, 5, 5)]


@pytest.mark.parametrize(("retry_after_ms", "due"), [(None, RETRY_S), (2_000, 2.0), (0, 1.0)])
def test_one_refused_for_now_goes_again_after_a_while(retry_after_ms: int | None, due: float) -> None:
    receipts = Receipts()
    receipts.mark(ROOM, read=5)
    receipts.take_due(0.0)
    refusal = ParleyError(Code.UNAVAILABLE, "later", retry_after_ms=retry_after_ms)
    receipts.answered(ROOM, (5, 5), refusal, 0.0)
    receipts.mark(ROOM, read=6)
    assert receipts.next_time() == due
    assert receipts.take_due(due - 0.1) == []
    assert receipts.take_due(due) == [(ROOM, 6, 6)]


def test_one_refused_for_good_waits_for_the_next_head() -> None:
    receipts = Receipts()
    receipts.mark(ROOM, read=5)
    receipts.take_due(0.0)
    receipts.answered(ROOM, (5, 5), ParleyError(Code.NOT_FOUND, "no member"), 0.0)
    receipts.mark(ROOM, read=5)
    assert receipts.next_time() is None
    receipts.known(ROOM, delivered=0, read=0)
    assert receipts.take_due(9.0) == [(ROOM, 5, 5)]


def test_rooms_do_not_wait_for_each_other() -> None:
    receipts = Receipts()
    receipts.mark("one", read=1)
    receipts.take_due(0.0)
    receipts.mark("one", read=2)
    receipts.mark("two", read=1)
    assert receipts.take_due(0.5) == [("two", 1, 1)]


def test_a_left_room_sends_nothing() -> None:
    receipts = Receipts()
    receipts.mark(ROOM, read=1)
    receipts.forget(ROOM)
    assert receipts.take_due(0.0) == []
