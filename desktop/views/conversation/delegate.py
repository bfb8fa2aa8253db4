"""Paints messages and notices, and tells what is under the mouse."""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import partial
from typing import Final

from PySide6.QtCore import (
    QModelIndex,
    QPersistentModelIndex,
    QPoint,
    QPointF,
    QRect,
    QRectF,
    QSize,
    Qt,
)
from PySide6.QtGui import (
    QAbstractTextDocumentLayout,
    QColor,
    QFont,
    QPainter,
    QPalette,
    QPen,
    QTextCharFormat,
)
from PySide6.QtWidgets import QAbstractScrollArea, QStyle, QStyledItemDelegate, QStyleOptionViewItem

from desktop.models.timeline import TimelineModel
from desktop.services.api import Timeline
from desktop.services.state import MessageItem, NoticeItem, SendState
from desktop.ui.fonts import px, sized
from desktop.ui.i18n import tr
from desktop.ui.icons import paint_icon
from desktop.ui.plain import plain
from desktop.ui.theme import tokens
from desktop.ui.times import day
from desktop.ui.tokens import RADIUS_BUBBLE, avatar_colour, on_bubble, readable
from desktop.views.conversation import layout as place
from desktop.views.conversation.grounds import paint_grounds
from desktop.views.conversation.layout import Layout
from desktop.views.conversation.markdown import MessageDocument
from desktop.views.conversation.rows import DAY, NEW, Row, Rows, at_ms
from desktop.views.conversation.selection import TextSelection, cursor_of
from desktop.views.conversation.strips import Strips
from desktop.widgets.avatar import initials, paint_avatar, paint_picture

_TICKS: Final = {
    SendState.WAITING: ("clock", "muted"),
    SendState.SENT: ("check", "muted"),
    SendState.DELIVERED: ("check-check", "muted"),
    SendState.READ: ("check-check", "accent"),
    SendState.FAILED: ("circle-alert", "danger"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """What a click means; besides ``item`` just one is set."""

    item: MessageItem
    quote: int | None = None
    """``seq`` of the message that a reply answers."""
    emoji: str = ""
    link: str = ""


class MessageDelegate(QStyledItemDelegate):
    """Rows are measured once and painted many times."""

    def __init__(self, timeline: Timeline, model: TimelineModel, view: QAbstractScrollArea) -> None:
        super().__init__(view)
        self._timeline = timeline
        self._model = model
        self._view = view
        self._rows = Rows()
        self._strips = Strips()
        self.selection: TextSelection | None = None
        self.flash = ""
        """Key of the item that a jump led to."""

    def sizeHint(self, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex) -> QSize:
        return self._row(index, option.rect.width()).size

    def paint(
        self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> None:
        rect = QRect(option.rect)
        row = self._row(index, rect.width())
        item = row.item
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if row.day:
            line = QRect(rect.left(), rect.top(), rect.width(), px(DAY))
            words = day(at_ms(item), time.time_ns() // 1_000_000)
            self._centred(painter, line, words, bold=True)
            rect.setTop(rect.top() + px(DAY))
        if row.new:
            self._new(painter, QRect(rect.left(), rect.top(), rect.width(), px(NEW)))
            rect.setTop(rect.top() + px(NEW))
        if self.flash == item.key:
            painter.fillRect(rect, QColor(tokens().selection))
        if isinstance(item, NoticeItem):
            self._centred(painter, rect, item.text)
        elif row.bubble is not None:
            focused = bool(option.state & QStyle.StateFlag.State_HasFocus)
            marked = None if self.selection is None else self.selection.stretch(index.row())
            rect.setTop(rect.top() + row.gap)
            draw = partial(
                self._message, rect=rect, item=item, made=row.bubble, focused=focused, marked=marked
            )
            if focused or marked is not None or self.flash == item.key:
                draw(painter)
            else:
                area = self._bubble(rect, item, row.bubble).united(self._face(rect, row.bubble))
                self._strips.draw(painter, row, area, QColor(tokens().background), draw)
        painter.restore()

    def hit(self, at: QPoint, rect: QRect, index: QModelIndex) -> Hit | None:
        """What lies under a point of the viewport, in the row's ``rect``."""
        row = self._row(index, rect.width())
        item, made = row.item, row.bubble
        if made is None or not isinstance(item, MessageItem):
            return None
        inside = at - self.bubble_of(rect, index).topLeft()
        if (
            made.quote is not None
            and self._seen(made, made.quote).contains(inside)
            and item.reply is not None
        ):
            return Hit(item=item, quote=item.reply.seq)
        for chip in made.chips:
            if self._seen(made, chip.rect).contains(inside):
                return Hit(item=item, emoji=chip.emoji)
        link = made.link_at(inside)
        return Hit(item=item, link=link) if link else None

    def bubble_of(self, rect: QRect, index: QModelIndex) -> QRect:
        """Where the bubble of a row is; empty for a notice."""
        row = self._row(index, rect.width())
        if row.bubble is None or not isinstance(row.item, MessageItem):
            return QRect()
        return self._bubble(rect.adjusted(0, row.above + row.gap, 0, 0), row.item, row.bubble)

    def document(self, index: QModelIndex, width: int) -> MessageDocument:
        """The text of a message's row; a notice has none (``LookupError``)."""
        made = self._row(index, width).bubble
        if made is None:
            raise LookupError(index.row())
        return made.document

    def position_at(self, at: QPoint, rect: QRect, index: QModelIndex) -> int:
        """The place in a row's text that is nearest to a point of the viewport."""
        made = self._row(index, rect.width()).bubble
        if made is None:
            return 0
        inside = at - self.bubble_of(rect, index).topLeft() - made.text
        if inside.y() < 0:
            return 0
        return int(made.document.documentLayout().hitTest(QPointF(inside), Qt.HitTestAccuracy.FuzzyHit))

    def over_text(self, at: QPoint, rect: QRect, index: QModelIndex) -> bool:
        """Whether a point of the viewport is on a message's text."""
        made = self._row(index, rect.width()).bubble
        if made is None:
            return False
        inside = at - self.bubble_of(rect, index).topLeft() - made.text
        return QRectF(0, 0, made.document.idealWidth(), made.document.size().height()).contains(
            QPointF(inside)
        )

    def moves(self, index: QModelIndex | QPersistentModelIndex) -> bool:
        """Whether a row that changed has another height now, so that those below it move."""
        known = self._rows.known(self._model.item(index.row()))
        return known is None or self._row(index, known.width).height != known.height

    def forget(self) -> None:
        """Colours or fonts changed."""
        self._rows.forget()
        self._strips.forget()

    # inside

    def _row(self, index: QModelIndex | QPersistentModelIndex, width: int) -> Row:
        number = index.row()
        item = self._model.item(number)
        first = self._timeline.unread_from
        new = first is not None and item.seq == first
        return self._rows.row(item, self._model.before(number), width, self._room, new=new)

    def _room(self, width: int) -> int:
        """As if the scroll bar were there: else all is measured twice when it comes."""
        return min(width, self._view.width() - self._view.verticalScrollBar().sizeHint().width())

    def _bubble(self, rect: QRect, item: MessageItem, made: Layout) -> QRect:
        left = rect.left() + place.MARGIN + place.INDENT
        if item.own:
            left = rect.right() + 1 - place.MARGIN - made.width
        return QStyle.visualRect(
            self._view.layoutDirection(), rect, QRect(left, rect.top(), made.width, made.height)
        )

    def _face(self, rect: QRect, made: Layout) -> QRect:
        """Where the author's picture is; empty where the message continues one of theirs, or is one's own."""
        if made.name is None:
            return QRect()
        face = QRect(rect.left() + place.MARGIN, rect.top(), place.AVATAR, place.AVATAR)
        return QStyle.visualRect(self._view.layoutDirection(), rect, face)

    def _seen(self, made: Layout, part: QRect) -> QRect:
        """A part of a bubble where it is seen: mirrored where the language runs right to left."""
        whole = QRect(0, 0, made.width, made.height)
        return QStyle.visualRect(self._view.layoutDirection(), whole, part)

    def _new(self, painter: QPainter, line: QRect) -> None:
        t = tokens()
        self._centred(painter, line, tr("New"), bold=True, colour=t.danger)
        wide = painter.fontMetrics().horizontalAdvance(tr("New")) // 2 + 14
        middle, y = line.center().x(), line.center().y()
        colour = QColor(t.danger)
        colour.setAlphaF(0.6)
        painter.setPen(QPen(colour, 1))
        painter.drawLine(line.left() + place.MARGIN, y, middle - wide, y)
        painter.drawLine(middle + wide, y, line.right() - place.MARGIN, y)

    def _centred(
        self, painter: QPainter, rect: QRect, text: str, *, bold: bool = False, colour: str = ""
    ) -> None:
        painter.setFont(sized(12, QFont.Weight.DemiBold if bold else QFont.Weight.Normal))
        painter.setPen(QColor(colour or tokens().muted))
        room = rect.width() - 2 * place.MARGIN
        line = painter.fontMetrics().elidedText(text, Qt.TextElideMode.ElideRight, room)
        painter.drawText(rect, Qt.AlignmentFlag.AlignCenter, line)

    def _message(
        self,
        painter: QPainter,
        *,
        rect: QRect,
        item: MessageItem,
        made: Layout,
        focused: bool,
        marked: tuple[int, int] | None,
    ) -> None:
        t = tokens()
        bubble = self._bubble(rect, item, made)
        ground = t.own if item.own else t.surface
        own_edge = t.accent if t.outlined else ground
        edge = t.accent if focused or item.mentions_me else own_edge if item.own else t.line
        painter.setPen(QPen(QColor(edge), 2 if focused else 1))
        painter.setBrush(QColor(ground))
        shape = QRectF(bubble).adjusted(0.5, 0.5, -0.5, -0.5)
        painter.drawRoundedRect(shape, RADIUS_BUBBLE, RADIUS_BUBBLE)
        author = item.author
        painter.translate(bubble.topLeft())
        if made.name is not None:
            colour = avatar_colour(author.user_id, author.colour)
            face = self._face(rect, made).translated(-bubble.topLeft())
            if author.picture is None or not paint_picture(painter, face, author.picture):
                paint_avatar(painter, QRectF(face), text=initials(author.name), colour=colour)
            painter.setFont(self._rows.fonts.name)
            painter.setPen(QColor(readable(colour, ground, t.least)))
            name = painter.fontMetrics().elidedText(
                author.name, Qt.TextElideMode.ElideRight, made.name.width()
            )
            painter.drawText(self._seen(made, made.name), Qt.AlignmentFlag.AlignLeft, name)
        self._quote(painter, made, item)
        self._text(painter, made, item, marked)
        self._chips(painter, made)
        self._meta(painter, made, item)

    def _text(
        self, painter: QPainter, made: Layout, item: MessageItem, marked: tuple[int, int] | None
    ) -> None:
        t = on_bubble(tokens(), own=item.own)
        context = QAbstractTextDocumentLayout.PaintContext()
        context.palette.setColor(QPalette.ColorRole.Text, QColor(t.muted if item.deleted else t.text))
        if marked is not None:
            selection = QAbstractTextDocumentLayout.Selection()
            selection.cursor = cursor_of(made.document, marked)
            look = QTextCharFormat()
            look.setBackground(QColor(tokens().accent))
            look.setForeground(QColor(tokens().on_accent))
            selection.format = look
            context.selections = [selection]
        painter.save()
        painter.translate(made.text)
        if made.document.grounds:
            paint_grounds(painter, made.document, made.document.grounds, t, turned=made.document.rtl()[0])
        made.document.documentLayout().draw(painter, context)
        painter.restore()

    def _quote(self, painter: QPainter, made: Layout, item: MessageItem) -> None:
        if made.quote is None or item.reply is None:
            return
        t, box = on_bubble(tokens(), own=item.own), made.quote
        bar = QRect(box.left(), box.top(), 3, box.height())
        painter.fillRect(self._seen(made, bar), QColor(t.accent))
        line = self._seen(made, QRect(box.left() + 11, box.top(), box.width() - 11, px(18)))
        painter.setPen(QColor(t.muted))
        font = QFont(self._rows.fonts.name)
        for words in (item.reply.author.name, plain(item.reply.excerpt) or tr("Deleted message")):
            painter.setFont(font)
            shown = painter.fontMetrics().elidedText(words, Qt.TextElideMode.ElideRight, line.width())
            painter.drawText(line, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter, shown)
            line.translate(0, px(19))
            font.setWeight(QFont.Weight.Normal)

    def _chips(self, painter: QPainter, made: Layout) -> None:
        t = tokens()
        painter.setFont(sized(12))
        for chip in made.chips:
            painter.setPen(QPen(QColor(t.accent if chip.mine else t.line), 1))
            painter.setBrush(QColor(t.selection if chip.mine else t.field))
            spot = self._seen(made, chip.rect)
            painter.drawRoundedRect(QRectF(spot).adjusted(0.5, 0.5, -0.5, -0.5), px(11), px(11))
            painter.setPen(QColor(t.text))
            painter.drawText(spot, Qt.AlignmentFlag.AlignCenter, chip.text)

    def _meta(self, painter: QPainter, made: Layout, item: MessageItem) -> None:
        t = on_bubble(tokens(), own=item.own)
        line = QRect(made.meta) if made.beside else self._seen(made, made.meta)
        tick = _TICKS.get(item.state)
        if tick is not None:
            icon, colour = tick
            size = px(place.TICK)
            y = line.center().y() - size / 2 + 1
            spot = QRectF(line.right() + 1 - size, y, size, size)
            paint_icon(painter, spot, icon, getattr(t, colour))
            line.setRight(line.right() - size - 4)
        painter.setFont(self._rows.fonts.small)
        painter.setPen(QColor(t.danger if item.state is SendState.FAILED else t.muted))
        painter.drawText(line, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, made.words)
