"""A list view that measures only the rows near the screen, and keeps one of them in its place meanwhile.

Qt's own asks its delegate for the height of every row whenever one comes or goes; with words that wrap, and
beside a server thread in the same process, that takes longer than a frame.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from PySide6.QtCore import (
    QAbstractItemModel,
    QItemSelection,
    QItemSelectionModel,
    QModelIndex,
    QPersistentModelIndex,
    QPoint,
    QRect,
    Qt,
)
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QRegion, QResizeEvent
from PySide6.QtWidgets import QAbstractItemView

from desktop.ui.fonts import px
from desktop.ui.timer import once
from desktop.views.conversation.column import Column
from desktop.views.conversation.rowkeys import STEP, RowKeys

Index = QModelIndex | QPersistentModelIndex
_Hint = QAbstractItemView.ScrollHint
_AT_END: Final = 2
"""Pixels from the end that still count as the end."""
_NEAR: Final = 160
"""Pixels above and below the screen within which rows are measured before they are seen."""
_TURNS: Final = 3


class RowList(RowKeys):
    """A ``QListView`` in what others see of it, screen readers among them; where rows lie is its own.

    One row keeps its place while rows come, go and are measured: the first that is seen, or the last one at
    the foot where the list follows its end.
    """

    def __init__(self) -> None:
        self._column = Column()
        self._pinned: tuple[int, int] | None = None
        """The row that keeps its place, and its top in the viewport; None where the end is followed."""
        self._drawn: tuple[int, int, list[int]] | None = None
        """The first row on screen, its top there, and the heights of all that are seen."""
        self._stale = True
        self._arranging = False
        self._width = 0
        super().__init__()
        self._soon = once(self, 0, self.settle)
        # Nothing shines through: what lies below is not painted each time, and scrolling copies what stays.
        self.viewport().setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        self.setSelectionMode(QAbstractItemView.SelectionMode.NoSelection)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.verticalScrollBar().valueChanged.connect(self._scrolled)

    # What a list of this kind tells.

    def measure(self, row: int) -> int:
        """Pixels that a row takes at the viewport's width."""
        raise NotImplementedError

    def paint_row(self, painter: QPainter, row: int, top: int) -> None:
        """Draw a row that begins ``top`` pixels below the viewport's upper edge."""
        raise NotImplementedError

    def ground(self) -> QColor:
        """What rows are painted on."""
        raise NotImplementedError

    def moved(self) -> None:
        """Other rows are seen: the person scrolled, or a jump led there."""

    def settled(self) -> None:
        """What changed was arranged."""

    def found_again(self) -> int:
        """After a reset, the row of what was pinned before; -1 where it is gone."""
        return -1

    # What it offers.

    @property
    def following(self) -> bool:
        """What comes at the end comes into view."""
        return self._pinned is None

    def pin_end(self) -> None:
        """Show the end, and follow it; as ``pin``."""
        self._pinned = None
        self._change()

    def pin(self, row: int, top: int) -> None:
        """Show a row, with its top ``top`` pixels below the viewport's as far as the list's ends allow.

        It is there when rows are arranged next.
        """
        self._pinned = (row, top)
        self._change()

    def at_end(self) -> bool:
        """Nothing lies below."""
        self._arrange()
        bar = self.verticalScrollBar()
        return bar.value() >= bar.maximum() - _AT_END

    def top_of(self, row: int) -> int:
        self._arrange()
        return self._column.top(row) - self._offset()

    def height_of(self, row: int) -> int:
        self._arrange()
        return self._column.height(row)

    def row_at(self, y: int) -> int:
        self._arrange()
        return self._column.at(y + self._offset())

    def last_seen(self) -> int:
        """The last row of which the end is on screen, or of which only a part fits; -1 where none is."""
        high = self.viewport().height()
        row = self.row_at(high - 1)
        if row < 0 or high <= 0:
            return -1 if high <= 0 else len(self._column) - 1
        top = self.top_of(row)
        return row - 1 if top + self._column.height(row) > high and top > 0 else row

    def remeasure(self) -> None:
        """All rows may be of another height, or look different."""
        self._column.forget()
        self._change()
        self.viewport().update()

    def pinned_row(self) -> int:
        """The row that keeps its place; -1 where that is the end."""
        return -1 if self._pinned is None else self._pinned[0]

    def settle(self) -> None:
        """Arrange what changed, now and not when what happens is over."""
        self._arrange()
        self.settled()

    def settle_soon(self) -> None:
        """``settle`` when what happens now is over."""
        self._soon.start()

    # Qt's questions.

    def visualRect(self, index: Index) -> QRect:
        row = index.row()
        if not 0 <= row < len(self._column):
            return QRect()
        return QRect(0, self.top_of(row), self.viewport().width(), self._column.height(row))

    def indexAt(self, point: QPoint) -> QModelIndex:
        row = self.row_at(point.y())
        return QModelIndex() if row < 0 else self.model().index(row, 0)

    def scrollTo(self, index: Index, hint: _Hint = _Hint.EnsureVisible) -> None:
        if not index.isValid():
            return
        row, high = index.row(), self.viewport().height()
        self._measure([row])
        top, tall = self.top_of(row), self._column.height(row)
        if hint is _Hint.PositionAtCenter:
            top = (high - tall) // 2
        elif hint is _Hint.PositionAtTop or (hint is _Hint.EnsureVisible and (top < 0 or tall > high)):
            top = 0
        elif hint is _Hint.PositionAtBottom or top + tall > high:
            top = high - tall
        else:
            return
        self.pin(row, top)
        self._arrange()
        self.moved()

    def verticalOffset(self) -> int:
        return self._offset()

    def horizontalOffset(self) -> int:
        return 0

    def setSelection(self, rect: QRect, command: QItemSelectionModel.SelectionFlag) -> None:
        """Qt's selection is of whole rows."""

    def visualRegionForSelection(self, selection: QItemSelection) -> QRegion:
        return QRegion()

    # Changes. They go on to QAbstractItemView: QListView would lay out all rows.

    def setModel(self, model: QAbstractItemModel | None) -> None:
        before: QAbstractItemModel | None = self.model()
        if before is not None:
            before.rowsInserted.disconnect(self._inserted)
            before.rowsRemoved.disconnect(self._removed)
        if model is not None:
            # Before Qt's own slots, which ask where rows lie.
            model.rowsInserted.connect(self._inserted)
            model.rowsRemoved.connect(self._removed)
        self._pinned = None
        super().setModel(model)

    def rowsInserted(self, parent: Index, start: int, end: int) -> None:
        QAbstractItemView.rowsInserted(self, parent, start, end)

    def rowsAboutToBeRemoved(self, parent: Index, start: int, end: int) -> None:
        QAbstractItemView.rowsAboutToBeRemoved(self, parent, start, end)

    def dataChanged(self, first: Index, last: Index, roles: Sequence[int] = ()) -> None:
        for row in range(first.row(), last.row() + 1):
            self._row_changed(row)
        self.settle_soon()
        QAbstractItemView.dataChanged(self, first, last, roles)

    def reset(self) -> None:
        self._column, self._drawn = Column(), None
        model: QAbstractItemModel | None = self.model()
        count = 0 if model is None else model.rowCount()
        self._column.insert(0, count)
        if self._pinned is not None:
            row, top = self.found_again(), self._pinned[1]
            # Far from both ends, where more would be loaded.
            middle = (count // 2, self.viewport().height() // 2) if count else None
            self._pinned = (row, top) if row >= 0 else middle
        self._change()
        QAbstractItemView.reset(self)

    def doItemsLayout(self) -> None:
        """Font or style may be another."""
        self.remeasure()
        QAbstractItemView.doItemsLayout(self)

    def updateGeometries(self) -> None:
        """The scroll bar is set where rows are arranged."""

    def resizeEvent(self, event: QResizeEvent) -> None:
        if self.viewport().width() != self._width:
            self._width = self.viewport().width()
            self.remeasure()
        self._change()
        QAbstractItemView.resizeEvent(self, event)

    def scrollContentsBy(self, dx: int, dy: int) -> None:
        if self._arranging:
            # Rows above were measured or went: the bar moves, and what is seen stands still.
            return
        # Here and not when the bar tells it: Qt asks what is under the mouse before.
        if self._stale and self._drawn is not None:
            row, top, _ = self._drawn
            self._pin_at(self._column.top(row) - top - dy)
            self._drawn = None
        else:
            self._pin_at(self._offset())
            self._drawn = self._seen()
        self.viewport().scroll(dx, dy)

    def paintEvent(self, event: QPaintEvent) -> None:
        self._arrange()
        offset, area = self._offset(), event.rect()
        painter = QPainter(self.viewport())
        painter.fillRect(area, self.ground())
        for row in self._column.between(area.top() + offset, area.bottom() + 1 + offset):
            self.paint_row(painter, row, self._column.top(row) - offset)
        painter.end()

    # inside

    def _row_changed(self, row: int) -> None:
        if self._column.unknown(range(row, row + 1)):
            return
        before = self._column.height(row)
        self._measure([row])
        grown = self._column.height(row) - before
        self._stale = self._stale or grown != 0
        if self._pinned is not None and self._pinned[0] == row:
            top = self._pinned[1]
            # Upwards, as a day's line above it that went, where what is read lies below.
            if top + before <= self.viewport().height():
                self._pinned = (row, top - grown)

    def _inserted(self, _parent: Index, first: int, last: int) -> None:
        count = last - first + 1
        self._column.insert(first, count)
        if self._pinned is not None and self._pinned[0] >= first:
            self._pinned = (self._pinned[0] + count, self._pinned[1])
        if self._drawn is not None:
            row, top, heights = self._drawn
            if first <= row:
                self._drawn = (row + count, top, heights)
            elif first < row + len(heights):
                self._drawn = None
        self._change()

    def _removed(self, _parent: Index, first: int, last: int) -> None:
        count = last - first + 1
        self._column.remove(first, count)
        if self._pinned is not None and self._pinned[0] >= first:
            # Where the row itself went, what lies below it comes to its place.
            row = max(first, self._pinned[0] - count)
            self._pinned = (row, self._pinned[1]) if row < len(self._column) else None
        if self._drawn is not None:
            row, top, heights = self._drawn
            if last < row:
                self._drawn = (row - count, top, heights)
            elif first < row + len(heights):
                self._drawn = None
        self._change()

    def _scrolled(self) -> None:
        if not self._arranging:
            self._stale = True
            self._arrange()
            self.moved()

    def _change(self) -> None:
        """Rows are to be arranged: before anybody looks, and soon."""
        self._stale = True
        self._soon.start()

    def _arrange(self) -> None:
        """Measure what lies near the screen, and scroll so that what is pinned stays."""
        if not self._stale or self._arranging:
            return
        self._arranging, turns = True, 0
        try:
            # The scroll bar that comes or goes makes the viewport another: once more then.
            while self._stale and (turns := turns + 1) <= _TURNS:
                self._stale = False
                self._set_bar(self._measure_near())
        finally:
            self._arranging = False
        if self._pinned is not None:
            self._pin_at(self._offset())
        seen = self._seen()
        if seen != self._drawn:
            self._drawn = seen
            self.viewport().update()

    def _set_bar(self, value: int) -> None:
        bar, high = self.verticalScrollBar(), self.viewport().height()
        bar.setPageStep(high)
        bar.setSingleStep(px(STEP))
        bar.setRange(0, max(0, self._column.total - high))
        bar.setValue(value)

    def _measure_near(self) -> int:
        """Measure a little more than is seen; the scroll bar's value for what is pinned."""
        column, high = self._column, self.viewport().height()
        # What was measured moves what lies below it, which brings other rows near.
        while True:
            most = max(0, column.total - high)
            value = most
            if self._pinned is not None:
                row, top = self._pinned
                # A row that became lower is still seen.
                value = min(max(0, column.top(row) - max(top, 1 - column.height(row))), most)
            unknown = column.unknown(column.between(value - _NEAR, value + high + _NEAR))
            if not unknown:
                return value
            self._measure(unknown)

    def _measure(self, rows: Iterable[int]) -> None:
        for row in rows:
            self._column.set(row, self.measure(row))

    def _pin_at(self, offset: int) -> None:
        """What is seen first keeps its place, where the viewport begins at ``offset`` of the column."""
        row = self._column.at(min(max(offset, 0), self._column.total - 1))
        self._pinned = None if row < 0 else (row, self._column.top(row) - offset)

    def _seen(self) -> tuple[int, int, list[int]]:
        """As in ``_drawn``."""
        offset = self._offset()
        rows = self._column.between(offset, offset + self.viewport().height())
        top = self._column.top(rows.start) - offset
        return rows.start, top, [self._column.height(row) for row in rows]

    def _offset(self) -> int:
        """From a place in the viewport to that in the column: few rows lie at the foot."""
        slack = self.viewport().height() - self._column.total
        return -slack if slack > 0 else self.verticalScrollBar().value()
