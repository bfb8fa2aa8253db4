"""The list of messages: keeps the reader's place, lands on the first unread, tells what was seen."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from PySide6.QtCore import (
    QEvent,
    QModelIndex,
    QPersistentModelIndex,
    QPoint,
    QRect,
    Qt,
    QTimer,
    Signal,
)
from PySide6.QtGui import (
    QContextMenuEvent,
    QKeyEvent,
    QKeySequence,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QResizeEvent,
    QTextCursor,
)
from PySide6.QtWidgets import QAbstractItemView, QListView

from desktop.models.timeline import ITEM_ROLE, TimelineModel
from desktop.services.api import Timeline
from desktop.services.state import MessageItem, TimelineItem
from desktop.ui.i18n import tr
from desktop.views.conversation.blank import paint_blank
from desktop.views.conversation.delegate import Hit, MessageDelegate
from desktop.views.conversation.markdown import MessageDocument, host_of
from desktop.views.conversation.selection import Spot, TextSelection

_Index = QModelIndex | QPersistentModelIndex
_NEAR_EDGE: Final = 400
_AT_END: Final = 2
_FLASH_MS: Final = 1_200
_CONTEXT: Final = 60
"""Pixels of what was read already that stay above the first unread message."""


class MessageList(QListView):
    """A window of a timeline. What changes above the reader does not move what they look at."""

    hit = Signal(object)
    """A ``Hit``: a quote, a reaction or a link was clicked."""
    menu_wanted = Signal(object, QPoint)
    """A ``MessageItem``, and where on the screen its menu opens."""
    copy_wanted = Signal(str)
    leave_wanted = Signal()
    """Esc: back to the composer."""
    below_changed = Signal()
    """``following`` or what lies below is another."""
    hovered = Signal(object, QRect)
    """A ``MessageItem`` and its bubble in this widget, or None."""

    def __init__(self, timeline: Timeline) -> None:
        super().__init__()
        self._timeline = timeline
        self.rows = TimelineModel(timeline, self)
        self._painter = MessageDelegate(timeline, self.rows, self)
        self.selection = self._painter.selection = TextSelection(self.rows)
        self.following = True
        self.landed = False
        self._anchor: tuple[str, int] | None = None
        self._seen = 0
        self._above = 0
        self.setAccessibleName(tr("Messages"))
        self.setItemDelegate(self._painter)
        self.setModel(self.rows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.NoSelection)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setMinimumWidth(0)
        self.setMouseTracking(True)
        bar = self.verticalScrollBar()
        bar.valueChanged.connect(self._scrolled)
        bar.rangeChanged.connect(self._settle)
        self._unflash = QTimer(self)
        self._unflash.setSingleShot(True)
        self._unflash.setInterval(_FLASH_MS)
        self._unflash.timeout.connect(self._end_flash)
        self._later = QTimer(self)
        self._later.setSingleShot(True)
        self._later.setInterval(0)
        self._later.timeout.connect(self._settle)
        self.rows.rowsInserted.connect(self._moved)
        self.rows.rowsRemoved.connect(self._moved)
        self.rows.modelReset.connect(self._later.start)
        timeline.ends_changed.connect(self._ends)
        self._later.start()

    # What the view around it asks.

    def follow(self) -> None:
        """To the newest message, and stay there."""
        self.following = True
        self.scrollToBottom()
        self._settle()

    def show_seq(self, seq: int) -> bool:
        """Bring a message into view and mark it; False where it is not in the window."""
        row = self.rows.row_of_seq(seq)
        if row < 0:
            return False
        self.following = False
        self.scrollTo(self.rows.index(row), QAbstractItemView.ScrollHint.PositionAtCenter)
        self.setCurrentIndex(self.rows.index(row))
        self.setFocus(Qt.FocusReason.OtherFocusReason)
        item: TimelineItem = self.rows.index(row).data(ITEM_ROLE)
        self._flash(item.key)
        return True

    def below(self) -> int:
        """Messages under the last one on screen."""
        last = self._last_visible()
        here = 0 if last < 0 else self.rows.messages_after(last)
        return here + self._timeline.newer_count

    def read(self) -> None:
        """What a person can see in an active window counts as read, and nothing else."""
        if not self.landed or not self.isVisible() or not self.window().isActiveWindow():
            return
        row = self._last_visible()
        while row >= 0:
            item: TimelineItem = self.rows.index(row).data(ITEM_ROLE)
            if item.seq is not None:
                if item.seq > self._seen:
                    self._seen = item.seq
                    self._timeline.mark_read(item.seq)
                return
            row -= 1

    def forget_layouts(self) -> None:
        """Colours or fonts changed."""
        self._painter.forget()
        self.scheduleDelayedItemsLayout()

    def let_go(self) -> None:
        """The view is done with: what it measured is freed now, not when garbage is collected."""
        self._painter.forget()

    def dataChanged(self, first: _Index, last: _Index, roles: Sequence[int] = ()) -> None:
        """A tick is painted in its place; only for another height all rows are measured."""
        if self._painter.moves(first):
            super().dataChanged(first, last, roles)
            self.scheduleDelayedItemsLayout()
        else:
            QAbstractItemView.dataChanged(self, first, last, roles)
        self._later.start()

    # Keeping the place.

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self.scheduleDelayedItemsLayout()
        self._later.start()

    def _moved(self, _parent: QModelIndex, first: int, _last: int) -> None:
        if first == 0 and not self.following and self.landed:
            # Rows above the reader: in place before anything is painted.
            self.doItemsLayout()
            self._restore()
        self._later.start()

    def _ends(self) -> None:
        if self._timeline.loading:
            self.viewport().update()
        self._later.start()

    def _sink(self) -> None:
        """Few messages lie at the composer, where the newest always is."""
        self.executeDelayedItemsLayout()
        last = self.rows.rowCount() - 1
        high = 0 if last < 0 else self.visualRect(self.rows.index(last)).bottom() + self.verticalOffset() + 1
        above = max(0, self.contentsRect().height() - high) if high else 0
        if above != self._above:
            self._above = above
            self.setViewportMargins(0, above, 0, 0)

    def _settle(self) -> None:
        self._sink()
        if not self.landed:
            self._land()
        elif self.following:
            self.scrollToBottom()
        else:
            self._restore()
        self._fill()
        self.read()
        self.below_changed.emit()

    def _land(self) -> None:
        """The first look: on the first unread, else at the end."""
        if not self.rows.rowCount() or self._timeline.loading:
            return
        self.landed = True
        unread = self._timeline.unread_from
        row = -1 if unread is None else self.rows.row_of_seq(unread)
        if row >= 0:
            self.executeDelayedItemsLayout()
            self.scrollTo(self.rows.index(row), QAbstractItemView.ScrollHint.PositionAtTop)
            bar = self.verticalScrollBar()
            bar.setValue(bar.value() - _CONTEXT)
            self.following = self._at_end()
            self._remember()
        else:
            self.scrollToBottom()

    def _fill(self) -> None:
        """What comes next, in either direction, is there before it is scrolled to."""
        bar = self.verticalScrollBar()
        if not self.landed:
            return
        if bar.value() < _NEAR_EDGE and not self._timeline.at_start:
            self._timeline.load_older()
        if bar.maximum() - bar.value() < _NEAR_EDGE and not self._timeline.at_end:
            self._timeline.load_newer()

    def _at_end(self) -> bool:
        bar = self.verticalScrollBar()
        return self._timeline.at_end and bar.value() >= bar.maximum() - _AT_END

    def _scrolled(self) -> None:
        self.hovered.emit(None, QRect())
        if not self.landed:
            return
        self.following = self._at_end()
        self._remember()
        self._fill()
        self.read()
        self.below_changed.emit()

    def _remember(self) -> None:
        index = self._first_visible()
        if index.isValid():
            item: TimelineItem = index.data(ITEM_ROLE)
            self._anchor = (item.key, self.visualRect(index).top())

    def _restore(self) -> None:
        if self._anchor is None:
            return
        key, top = self._anchor
        row = self.rows.row_of_key(key)
        if row >= 0:
            self.executeDelayedItemsLayout()
            bar = self.verticalScrollBar()
            bar.setValue(bar.value() + self.visualRect(self.rows.index(row)).top() - top)

    def _first_visible(self) -> QModelIndex:
        return self.indexAt(QPoint(self.viewport().width() // 2, 1))

    def _last_visible(self) -> int:
        """The last row of which the end is on screen, or of which only a part fits."""
        high = self.viewport().height()
        index = self.indexAt(QPoint(self.viewport().width() // 2, high - 1))
        row = index.row() if index.isValid() else self.rows.rowCount() - 1
        if row < 0:
            return -1
        box = self.visualRect(self.rows.index(row))
        return row - 1 if box.bottom() > high and box.top() > 0 else row

    # Mouse and keys.

    def mousePressEvent(self, event: QMouseEvent) -> None:
        super().mousePressEvent(event)
        if event.button() is Qt.MouseButton.LeftButton:
            self.selection.clear()
            spot = self._spot(event.position().toPoint())
            if spot is not None:
                self.selection.begin(spot)
            self.viewport().update()

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        """Marks the word under the mouse."""
        index = self.indexAt(event.position().toPoint())
        spot = self._spot(event.position().toPoint())
        if spot is not None:
            cursor = QTextCursor(self._painter.document(index, self.visualRect(index).width()))
            cursor.setPosition(spot.position)
            cursor.select(QTextCursor.SelectionType.WordUnderCursor)
            self.selection.begin(Spot(spot.key, cursor.selectionStart()))
            self.selection.extend(Spot(spot.key, cursor.selectionEnd()))
            self.viewport().update()

    def _mark_to(self, at: QPoint) -> None:
        """The mouse moves with its button down; beyond an edge the list scrolls along."""
        high, bar = self.viewport().height(), self.verticalScrollBar()
        beyond = at.y() if at.y() < 0 else max(0, at.y() - high)
        if beyond:
            bar.setValue(bar.value() + beyond)
        inside = QPoint(at.x(), max(1, min(high - 2, at.y())))
        spot = self._spot(inside)
        if spot is not None:
            self.selection.extend(spot)
        self.viewport().update()

    def _spot(self, at: QPoint) -> Spot | None:
        index = self.indexAt(at)
        item = index.data(ITEM_ROLE) if index.isValid() else None
        if not isinstance(item, MessageItem):
            return None
        return Spot(item.key, self._painter.position_at(at, self.visualRect(index), index))

    def marked_text(self) -> str:
        """What is marked, to copy; empty where nothing is."""
        if self.selection.empty:
            return ""

        def document(row: int) -> MessageDocument:
            index = self.rows.index(row)
            return self._painter.document(index, self.visualRect(index).width())

        return self.selection.text(document)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        at = event.position().toPoint()
        if event.buttons() & Qt.MouseButton.LeftButton and self.selection.begun:
            self._mark_to(at)
            return
        found = self._hit(at)
        index = self.indexAt(at)
        if found is not None:
            shape = Qt.CursorShape.PointingHandCursor
        elif isinstance(index.data(ITEM_ROLE) if index.isValid() else None, MessageItem) and (
            self._painter.over_text(at, self.visualRect(index), index)
        ):
            shape = Qt.CursorShape.IBeamCursor
        else:
            shape = Qt.CursorShape.ArrowCursor
        self.viewport().setCursor(shape)
        self.viewport().setToolTip(host_of(found.link) if found is not None and found.link else "")
        self._hover(event.position().toPoint())
        super().mouseMoveEvent(event)

    def leaveEvent(self, event: QEvent) -> None:
        super().leaveEvent(event)
        self.hovered.emit(None, QRect())

    def _hover(self, at: QPoint) -> None:
        index = self.indexAt(at)
        item = index.data(ITEM_ROLE) if index.isValid() else None
        if isinstance(item, MessageItem):
            bubble = self._painter.bubble_of(self.visualRect(index), index)
            self.hovered.emit(item, bubble.translated(self.viewport().pos()))
        else:
            self.hovered.emit(None, QRect())

    def _flash(self, key: str) -> None:
        """Show for a moment where a jump led."""
        self._painter.flash = key
        self._unflash.start()
        self.viewport().update()

    def _end_flash(self) -> None:
        self._painter.flash = ""
        self.viewport().update()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        super().mouseReleaseEvent(event)
        if event.button() is Qt.MouseButton.LeftButton and self.selection.empty:
            found = self._hit(event.position().toPoint())
            if found is not None:
                self.hit.emit(found)

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        if event.reason() is QContextMenuEvent.Reason.Keyboard:
            index = self.currentIndex()
            at = self.visualRect(index).center()
        else:
            at = event.pos()
            index = self.indexAt(at)
        item = index.data(ITEM_ROLE) if index.isValid() else None
        if isinstance(item, MessageItem):
            self.menu_wanted.emit(item, self.viewport().mapToGlobal(at))

    def keyPressEvent(self, event: QKeyEvent) -> None:
        item = self.currentIndex().data(ITEM_ROLE) if self.currentIndex().isValid() else None
        if event.key() == Qt.Key.Key_Escape:
            self.leave_wanted.emit()
        elif event.matches(QKeySequence.StandardKey.Copy) and (marked := self.marked_text()):
            self.copy_wanted.emit(marked)
        elif event.matches(QKeySequence.StandardKey.Copy) and isinstance(item, MessageItem):
            self.copy_wanted.emit(item.body)
        else:
            super().keyPressEvent(event)

    def _hit(self, at: QPoint) -> Hit | None:
        index = self.indexAt(at)
        return self._painter.hit(at, self.visualRect(index), index) if index.isValid() else None

    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        if not self.rows.rowCount():
            paint_blank(QPainter(self.viewport()), self.viewport().rect(), loading=self._timeline.loading)
