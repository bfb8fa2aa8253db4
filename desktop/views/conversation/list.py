"""The list of messages: keeps the reader's place, lands on the first unread, tells what was seen."""

from __future__ import annotations

from typing import Final

from PySide6.QtCore import (
    QEvent,
    QObject,
    QPoint,
    QRect,
    Qt,
    Signal,
)
from PySide6.QtGui import (
    QColor,
    QContextMenuEvent,
    QHideEvent,
    QKeyEvent,
    QKeySequence,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QShowEvent,
    QTextCursor,
)
from PySide6.QtWidgets import QAbstractItemView

from desktop.models.timeline import TimelineModel
from desktop.services.api import Timeline
from desktop.services.state import MessageItem
from desktop.ui.i18n import tr
from desktop.ui.pens import colour
from desktop.ui.theme import tokens
from desktop.ui.timer import once
from desktop.views.conversation.blank import paint_blank
from desktop.views.conversation.markdown import host_of
from desktop.views.conversation.painter import Hit, MessagePainter
from desktop.views.conversation.rowlist import RowList
from desktop.views.conversation.selection import Spot, TextSelection

_NEAR_EDGE: Final = 400
_FLASH_MS: Final = 1_200
_CONTEXT: Final = 60
"""Pixels of what was read already that stay above the first unread message."""


class MessageList(RowList):
    """A window of a timeline. What changes above the reader does not move what they look at."""

    hit = Signal(object)
    """A ``Hit``: a quote, a reaction or a link was clicked."""
    menu_wanted = Signal(object, QPoint)
    """A ``MessageItem``, and where on the screen its menu opens."""
    copy_wanted = Signal(str)
    leave_wanted = Signal()
    """Esc: back to the composer."""
    placed = Signal()
    """The first look is at its place."""
    below_changed = Signal()
    """``following`` or what lies below is another."""
    hovered = Signal(object, QRect)
    """A ``MessageItem`` and its bubble in this widget, or None."""

    def __init__(self, timeline: Timeline) -> None:
        super().__init__()
        self.setAccessibleName(tr("Messages"))
        self.setMinimumWidth(0)
        self.setMouseTracking(True)
        self._unflash = once(self, _FLASH_MS, self._end_flash)
        self._begin(timeline)

    # What the view around it asks.

    def show_timeline(self, timeline: Timeline) -> None:
        """Another room, from its first look on."""
        before = self.rows
        self._timeline.ends_changed.disconnect(self._ends)
        self._unflash.stop()
        self.viewport().setToolTip("")
        self.viewport().unsetCursor()
        self.let_go()
        self._begin(timeline)
        self.remeasure()
        before.deleteLater()

    def _begin(self, timeline: Timeline) -> None:
        self._timeline = timeline
        self.rows = TimelineModel(timeline, self)
        self._painter = MessagePainter(timeline, self.rows, self)
        self.selection = self._painter.selection = TextSelection(self.rows)
        self.landed = False
        self._kept = ""
        """Key of the item that keeps its place, while all rows are other ones."""
        self._seen_seq = 0
        self._focused = -1
        self.rows.modelAboutToBeReset.connect(self._keep)
        self.setModel(self.rows)
        timeline.ends_changed.connect(self._ends)

    def follow(self) -> None:
        """To the newest message, and stay there."""
        self.pin_end()
        self.settle()

    def show_seq(self, seq: int) -> bool:
        """Bring a message into view and mark it; False where it is not in the window."""
        row = self.rows.row_of_seq(seq)
        if row < 0:
            return False
        self.scrollTo(self.rows.index(row), QAbstractItemView.ScrollHint.PositionAtCenter)
        self.setCurrentIndex(self.rows.index(row))
        self.setFocus(Qt.FocusReason.OtherFocusReason)
        self._flash(self.rows.item(row).key)
        return True

    def below(self) -> int:
        """Messages under the last one on screen."""
        last = self.last_seen()
        here = 0 if last < 0 else self.rows.messages_after(last)
        return here + self._timeline.newer_count

    def read(self) -> None:
        """What a person can see in an active window counts as read, and nothing else."""
        if not self.landed or not self.isVisible() or not self.window().isActiveWindow():
            return
        for row in range(self.last_seen(), -1, -1):
            seq = self.rows.item(row).seq
            if seq is not None:
                if seq > self._seen_seq:
                    self._seen_seq = seq
                    self._timeline.mark_read(seq)
                return

    def forget_layouts(self) -> None:
        """Colours or fonts changed."""
        self._painter.forget()
        self.remeasure()

    def let_go(self) -> None:
        """The timeline is done with: what was measured is freed now, not when garbage is collected."""
        self._timeline.reading(None)
        self._painter.forget()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self.window().installEventFilter(self)

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        self.window().removeEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() is QEvent.Type.WindowActivate and watched is self.window():
            self.read()
        return super().eventFilter(watched, event)

    # Keeping the place.

    def measure(self, row: int) -> int:
        return self._painter.height(row)

    def paint_row(self, painter: QPainter, row: int, top: int) -> None:
        self._painter.paint(painter, row, top, focused=row == self._focused)

    def ground(self) -> QColor:
        return colour(tokens().background)

    def remeasure(self) -> None:
        self._painter.fit()
        super().remeasure()

    def found_again(self) -> int:
        return self.rows.row_of_key(self._kept)

    def moved(self) -> None:
        self.hovered.emit(None, QRect())
        if self.landed:
            self.settled()

    def reset(self) -> None:
        super().reset()
        if not self.rows.rowCount():
            # What comes is looked at for the first time.
            self.landed, self._seen_seq = False, 0
        self._land()

    def settled(self) -> None:
        self._land()
        if self.landed and not self.following and self.at_end() and self._timeline.at_end:
            self.pin_end()
        row = self.pinned_row()
        self._timeline.reading(None if row < 0 else self.rows.item(row).seq)
        self._fill()
        self.read()
        self.below_changed.emit()

    def _keep(self) -> None:
        row = self.pinned_row()
        self._kept = "" if row < 0 else self.rows.item(row).key

    def _ends(self) -> None:
        if self._timeline.loading:
            self.viewport().update()
        self.settle_soon()

    def _land(self) -> None:
        """The first look: on the first unread, else at the end."""
        if self.landed or not self.rows.rowCount() or self._timeline.loading:
            return
        self.landed = True
        unread = self._timeline.unread_from
        if unread is None:
            self.pin_end()
        else:
            row = self.rows.row_of_seq(unread)
            # Where it is below the window, it comes in there.
            self.pin(row if row >= 0 else self.rows.rowCount() - 1, _CONTEXT)
        self.placed.emit()

    def _fill(self) -> None:
        """What comes next, in either direction, is there before it is scrolled to."""
        bar = self.verticalScrollBar()
        if not self.landed:
            return
        if bar.value() < _NEAR_EDGE and not self._timeline.at_start:
            self._timeline.load_older()
        if bar.maximum() - bar.value() < _NEAR_EDGE and not self._timeline.at_end:
            self._timeline.load_newer()

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
        at = event.position().toPoint()
        spot = self._spot(at)
        if spot is not None:
            cursor = QTextCursor(self._painter.document(self.row_at(at.y())))
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
        row = self.row_at(at.y())
        item = self._message_in(row)
        return None if item is None else Spot(item.key, self._painter.position_at(at, row, self.top_of(row)))

    def marked_text(self) -> str:
        """What is marked, to copy; empty where nothing is."""
        return "" if self.selection.empty else self.selection.text(self._painter.document)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        at = event.position().toPoint()
        if event.buttons() & Qt.MouseButton.LeftButton and self.selection.begun:
            self._mark_to(at)
            return
        found, row = self._hit(at), self.row_at(at.y())
        if found is not None:
            shape = Qt.CursorShape.PointingHandCursor
        elif row >= 0 and self._painter.over_text(at, row, self.top_of(row)):
            shape = Qt.CursorShape.IBeamCursor
        else:
            shape = Qt.CursorShape.ArrowCursor
        self.viewport().setCursor(shape)
        self.viewport().setToolTip(host_of(found.link) if found is not None and found.link else "")
        self._hover(at)
        super().mouseMoveEvent(event)

    def leaveEvent(self, event: QEvent) -> None:
        super().leaveEvent(event)
        self.hovered.emit(None, QRect())

    def _hover(self, at: QPoint) -> None:
        row = self.row_at(at.y())
        item = self._message_in(row)
        if item is None:
            self.hovered.emit(None, QRect())
        else:
            bubble = self._painter.bubble_of(row, self.top_of(row))
            self.hovered.emit(item, bubble.translated(self.viewport().pos()))

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
            row = self.currentIndex().row()
            at = self.visualRect(self.currentIndex()).center()
        else:
            at = event.pos()
            row = self.row_at(at.y())
        item = self._message_in(row)
        if item is not None:
            self.menu_wanted.emit(item, self.viewport().mapToGlobal(at))

    def keyPressEvent(self, event: QKeyEvent) -> None:
        item = self._message_in(self.currentIndex().row())
        if event.key() == Qt.Key.Key_Escape:
            self.leave_wanted.emit()
        elif event.matches(QKeySequence.StandardKey.Copy) and (marked := self.marked_text()):
            self.copy_wanted.emit(marked)
        elif event.matches(QKeySequence.StandardKey.Copy) and item is not None:
            self.copy_wanted.emit(item.body)
        else:
            super().keyPressEvent(event)

    def _hit(self, at: QPoint) -> Hit | None:
        row = self.row_at(at.y())
        return None if row < 0 else self._painter.hit(at, row, self.top_of(row))

    def _message_in(self, row: int) -> MessageItem | None:
        item = self.rows.item(row) if row >= 0 else None
        return item if isinstance(item, MessageItem) else None

    def paintEvent(self, event: QPaintEvent) -> None:
        self._focused = self.currentIndex().row() if self.hasFocus() else -1
        super().paintEvent(event)
        if not self.rows.rowCount():
            paint_blank(QPainter(self.viewport()), self.viewport().rect(), loading=self._timeline.loading)
