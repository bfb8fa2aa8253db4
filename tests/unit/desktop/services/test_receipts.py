from __future__ import annotations

from desktop.services.receipts import Receipts

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
