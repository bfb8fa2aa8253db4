"""What keys do in a list of rows, and what a screen reader hears of it."""

from __future__ import annotations

from typing import Final

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, Qt
from PySide6.QtGui import QAccessible, QAccessibleEvent, QKeyEvent
from PySide6.QtWidgets import QAbstractItemView, QListView

from desktop.ui.fonts import px

STEP: Final = 40
"""Pixels of a step of the wheel; it makes three."""
_Index = QModelIndex | QPersistentModelIndex
_Move = QAbstractItemView.CursorAction
_PAGES: Final = {_Move.MovePageUp: -1, _Move.MovePageDown: 1}
_BACK: Final = frozenset({_Move.MoveUp, _Move.MovePrevious, _Move.MoveLeft})


class RowKeys(QListView):
    """Where rows lie is told by the list that is made from it.

    Qt's classes take no ``ABCMeta``: a method that such a list lacks fails where it is called.
    """

    def __init__(self) -> None:
        super().__init__()
        # Qt goes to the current row whenever that changes, also because the one before it left the window.
        self.setAutoScroll(False)

    def top_of(self, row: int) -> int:
        """Pixels from the upper edge of the viewport."""
        raise NotImplementedError

    def height_of(self, row: int) -> int:
        """Pixels."""
        raise NotImplementedError

    def row_at(self, y: int) -> int:
        """The row at ``y`` of the viewport, or -1."""
        raise NotImplementedError

    def last_seen(self) -> int:
        """The last row of which the end is on screen; -1 where none is."""
        raise NotImplementedError

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if self._scrolls_within(Qt.Key(event.key())):
            return
        before = self.currentIndex()
        super().keyPressEvent(event)
        if self.currentIndex() != before:
            self.scrollTo(self.currentIndex())

    def moveCursor(self, action: _Move, modifiers: Qt.KeyboardModifier) -> QModelIndex:
        model = self.model()
        last = model.rowCount() - 1
        if last < 0:
            return QModelIndex()
        row = self.currentIndex().row()
        if action is _Move.MoveHome:
            row = 0
        elif action is _Move.MoveEnd:
            row = last
        elif row < 0:
            row = self.last_seen()
        elif action in _PAGES:
            found = self.row_at(self.top_of(row) + _PAGES[action] * self.viewport().height())
            end = last if _PAGES[action] > 0 else 0
            row = end if found < 0 else found if found != row else row + _PAGES[action]
        else:
            row += -1 if action in _BACK else 1
        return model.index(min(max(row, 0), last), 0)

    def currentChanged(self, current: _Index, previous: _Index) -> None:
        # Past QListView, which looks the row up in its own layout.
        QAbstractItemView.currentChanged(self, current, previous)
        if current.isValid() and self.hasFocus() and QAccessible.isActive():
            event = QAccessibleEvent(self, QAccessible.Event.Focus)
            event.setChild(current.row())
            QAccessible.updateAccessibility(event)

    def _scrolls_within(self, key: Qt.Key) -> bool:
        """A message higher than the screen is read to its end before the next one has the turn."""
        high, row = self.viewport().height(), self.currentIndex().row()
        by = {
            Qt.Key.Key_Up: -3 * px(STEP),
            Qt.Key.Key_Down: 3 * px(STEP),
            Qt.Key.Key_PageUp: px(STEP) - high,
            Qt.Key.Key_PageDown: high - px(STEP),
        }.get(key, 0)
        if row < 0 or not by or self.height_of(row) <= high:
            return False
        top = self.top_of(row)
        end = top + self.height_of(row)
        seen = top < high and end > 0
        if not seen or not (end > high if by > 0 else top < 0):
            return False
        bar = self.verticalScrollBar()
        bar.setValue(bar.value() + (min(by, end - high) if by > 0 else max(by, top)))
        return True
