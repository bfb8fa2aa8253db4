"""What was measured is measured again only when something that is shown changed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from PySide6.QtWidgets import QApplication

from desktop.services.state import MessageItem, SendState
from desktop.views.conversation.rows import Row, Rows
from tests.support.fake_timeline import ME, message, notice

WIDTH = 500


def walk(rows: Rows, items: Sequence[MessageItem]) -> list[Row]:
    """As a view measures all that it shows."""
    return [
        rows.row(item, items[number - 1] if number else None, WIDTH, new=False)
        for number, item in enumerate(items)
    ]


def test_a_row_is_made_anew_for_what_it_shows_and_its_bubble_only_for_what_moves_it(
    qapp: QApplication,
) -> None:
    del qapp
    rows, item = Rows(), message(1, own=True)
    first = rows.row(item, None, WIDTH, new=False)
    assert rows.row(item, None, WIDTH, new=False) is first
    read = rows.row(replace(item, state=SendState.READ), None, WIDTH, new=False)
    assert read is not first
    assert read.bubble is first.bubble
    assert read.height == first.height
    for other in (
        replace(item, body="another text"),
        replace(item, edited=True),
        replace(item, deleted=True),
        replace(item, state=SendState.FAILED),
        replace(item, author=replace(ME, name="A much longer name than before")),
    ):
        assert rows.row(other, None, WIDTH, new=False).bubble is not read.bubble
    assert rows.row(item, None, WIDTH - 1, new=False).bubble is not read.bubble


def test_what_stands_above_a_row_is_part_of_its_height(qapp: QApplication) -> None:
    del qapp
    rows, before, item = Rows(), message(1), message(2)
    plain = rows.row(item, before, WIDTH, new=False)
    unread = rows.row(item, before, WIDTH, new=True)
    alone = rows.row(item, None, WIDTH, new=False)
    assert plain.above == 0
    assert plain.height < unread.height
    assert plain.height < alone.height
    assert unread.new
    assert alone.day
    said = rows.row(notice(3), item, WIDTH, new=False)
    assert said.bubble is None
    assert said.height > 0


def test_history_that_comes_in_above_does_not_measure_the_window_again(qapp: QApplication) -> None:
    del qapp
    rows = Rows()
    items = [message(seq) for seq in range(1, 500)]
    walk(rows, items[:200])
    walk(rows, items[100:300])
    walk(rows, items[400:470])
    window = walk(rows, items[100:300])
    moved = walk(rows, items[40:300])
    assert all(after.bubble is before.bubble for after, before in zip(moved[61:], window[1:], strict=True))
