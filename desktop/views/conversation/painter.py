"""Paints messages and notices, and tells what is under the mouse."""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Final

from PySide6.QtCore import (
    QPoint,
    QPointF,
    QRect,
    QRectF,
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
from PySide6.QtWidgets import QAbstractScrollArea

from desktop.models.timeline import TimelineModel
from desktop.services.api import Timeline
from desktop.services.state import MessageItem, NoticeItem, SendState
from desktop.ui.fonts import px, sized
from desktop.ui.i18n import tr
from desktop.ui.icons import paint_icon
from desktop.ui.pens import colour, pen
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
from desktop.views.ticks import TICKS
from desktop.widgets.avatar import initials, paint_avatar, paint_picture

_START: Final = Qt.AlignmentFlag.AlignLeft
_END: Final = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter


@lru_cache(maxsize=16)
def _context(ink: str) -> QAbstractTextDocumentLayout.PaintContext:
    """To draw a text in a colour; it is shared, so it is never changed."""
    context = QAbstractTextDocumentLayout.PaintContext()
    context.palette.setColor(QPalette.ColorRole.Text, QColor(ink))
    return context


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """What a click means; besides ``item`` just one is set."""

    item: MessageItem
    quote: int | None = None
    """``seq`` of the message that a reply answers."""
    emoji: str = ""
    link: str = ""


class MessagePainter:
    """Rows are measured once and painted many times.

    A ``row`` is a number of the model, ``top`` where it begins in the viewport.
    """

    def __init__(self, timeline: Timeline, model: TimelineModel, view: QAbstractScrollArea) -> None:
        self._timeline = timeline
        self._model = model
        self._view = view
        self._rows = Rows()
        self._strips = Strips()
        self._width = 0
        self._room = 0
        self._direction = Qt.LayoutDirection.LeftToRight
        self.selection: TextSelection | None = None
        self.flash = ""
        """Key of the item that a jump led to."""

    def fit(self) -> None:
        """Take the width that there is now."""
        view = self._view
        self._width = view.viewport().width()
        # As if the scroll bar were there: else all is measured twice when it comes.
        self._room = min(self._width, view.width() - view.verticalScrollBar().sizeHint().width())
        if view.layoutDirection() is not self._direction:
            self._direction = view.layoutDirection()
            self._strips.forget()

    def height(self, row: int) -> int:
        """Pixels that a row takes."""
        return self._row(row).height

    def paint(self, painter: QPainter, row: int, top: int, *, focused: bool) -> None:
        """Draw a row, or copy it where it looks as it did."""
        made = self._row(row)
        item = made.item
        if made.above or self.flash == item.key or made.bubble is None:
            self._paint_around(painter, made, top)
        if made.bubble is None or not isinstance(item, MessageItem):
            return
        top += made.above + made.gap
        marked = None if self.selection is None else self.selection.stretch(row)
        if focused or marked is not None or self.flash == item.key:
            self._message(painter, top, item=item, made=made.bubble, focused=focused, marked=marked)
            return
        self._copy(painter, top, item, made.bubble)

    def hit(self, at: QPoint, row: int, top: int) -> Hit | None:
        """What lies under a point of the viewport."""
        made = self._row(row)
        item, bubble = made.item, made.bubble
        if bubble is None or not isinstance(item, MessageItem):
            return None
        inside = at - self.bubble_of(row, top).topLeft()
        if (
            bubble.quote is not None
            and self._seen(bubble, bubble.quote).contains(inside)
            and item.reply is not None
        ):
            return Hit(item=item, quote=item.reply.seq)
        for chip in bubble.chips:
            if self._seen(bubble, chip.rect).contains(inside):
                return Hit(item=item, emoji=chip.emoji)
        link = bubble.link_at(inside)
        return Hit(item=item, link=link) if link else None

    def bubble_of(self, row: int, top: int) -> QRect:
        """Where the bubble of a row is in the viewport; empty for a notice."""
        made = self._row(row)
        if made.bubble is None or not isinstance(made.item, MessageItem):
            return QRect()
        return self._bubble(top + made.above + made.gap, made.item, made.bubble)

    def document(self, row: int) -> MessageDocument:
        """The text of a message's row; a notice has none (``LookupError``)."""
        bubble = self._row(row).bubble
        if bubble is None:
            raise LookupError(row)
        return bubble.document

    def position_at(self, at: QPoint, row: int, top: int) -> int:
        """The place in a row's text that is nearest to a point of the viewport."""
        bubble = self._row(row).bubble
        if bubble is None:
            return 0
        inside = at - self.bubble_of(row, top).topLeft() - bubble.text
        if inside.y() < 0:
            return 0
        return int(bubble.document.documentLayout().hitTest(QPointF(inside), Qt.HitTestAccuracy.FuzzyHit))

    def over_text(self, at: QPoint, row: int, top: int) -> bool:
        """Whether a point of the viewport is on a message's text."""
        bubble = self._row(row).bubble
        if bubble is None:
            return False
        inside = at - self.bubble_of(row, top).topLeft() - bubble.text
        return QRectF(0, 0, bubble.document.idealWidth(), bubble.document.size().height()).contains(
            QPointF(inside)
        )

    def forget(self) -> None:
        """Colours or fonts changed."""
        self._rows.forget()
        self._strips.forget()

    # inside

    def _row(self, row: int) -> Row:
        item = self._model.item(row)
        first = self._timeline.unread_from
        new = first is not None and item.seq == first
        return self._rows.row(item, self._model.before(row), self._room, new=new)

    def _bubble(self, top: int, item: MessageItem, made: Layout) -> QRect:
        left = place.MARGIN + place.INDENT
        if item.own:
            left = self._width - place.MARGIN - made.width
        return self._turned(QRect(left, top, made.width, made.height), self._width)

    def _face(self, top: int) -> QRect:
        """Where the author's picture is, beside the first of their messages."""
        return self._turned(QRect(place.MARGIN, top, place.AVATAR, place.AVATAR), self._width)

    def _seen(self, made: Layout, part: QRect) -> QRect:
        """A part of a bubble where it is seen."""
        return self._turned(part, made.width)

    def _turned(self, part: QRect, width: int) -> QRect:
        """A part of what is ``width`` wide: mirrored where the language runs right to left."""
        if self._direction is Qt.LayoutDirection.LeftToRight:
            return part
        return QRect(width - part.x() - part.width(), part.y(), part.width(), part.height())

    def _paint_around(self, painter: QPainter, made: Row, top: int) -> None:
        """All of a row but its bubble."""
        item, wide = made.item, self._width
        if made.day:
            words = day(at_ms(item), time.time_ns() // 1_000_000)
            self._centred(painter, QRect(0, top, wide, px(DAY)), words, bold=True)
            top += px(DAY)
        if made.new:
            self._new(painter, QRect(0, top, wide, px(NEW)))
            top += px(NEW)
        rect = QRect(0, top, wide, made.height - made.above)
        if self.flash == item.key:
            painter.fillRect(rect, colour(tokens().selection))
        if isinstance(item, NoticeItem):
            self._centred(painter, rect, item.text)

    def _new(self, painter: QPainter, line: QRect) -> None:
        t = tokens()
        self._centred(painter, line, tr("New"), bold=True, ink=t.danger)
        wide = painter.fontMetrics().horizontalAdvance(tr("New")) // 2 + 14
        middle, y = line.center().x(), line.center().y()
        faint = QColor(t.danger)
        faint.setAlphaF(0.6)
        painter.setPen(QPen(faint, 1))
        painter.drawLine(line.left() + place.MARGIN, y, middle - wide, y)
        painter.drawLine(middle + wide, y, line.right() - place.MARGIN, y)

    def _centred(
        self, painter: QPainter, rect: QRect, text: str, *, bold: bool = False, ink: str = ""
    ) -> None:
        painter.setFont(sized(12, QFont.Weight.DemiBold if bold else QFont.Weight.Normal))
        painter.setPen(colour(ink or tokens().muted))
        room = rect.width() - 2 * place.MARGIN
        line = painter.fontMetrics().elidedText(text, Qt.TextElideMode.ElideRight, room)
        painter.drawText(rect, Qt.AlignmentFlag.AlignCenter, line)

    def _copy(self, painter: QPainter, top: int, item: MessageItem, made: Layout) -> None:
        """Of a message that is neither focused nor marked; drawn where there is no picture of it yet."""
        strip = self._strips.find(painter, item, made)
        if strip is None:
            area = self._bubble(top, item, made)
            if made.name is not None:
                area = area.united(self._face(top))
            draw = partial(self._message, top=top, item=item, made=made, focused=False, marked=None)
            ground = colour(tokens().background)
            strip = self._strips.make(painter, item, made, area=area, ground=ground, paint=draw)
        if strip is None:
            return
        left = place.MARGIN + (place.INDENT if made.name is None else 0)
        if item.own is (self._direction is Qt.LayoutDirection.LeftToRight):
            left = self._width - (place.MARGIN if item.own else left) - strip.width
        elif item.own:
            left = place.MARGIN
        painter.drawPixmap(left, top, strip.picture)

    def _message(
        self,
        painter: QPainter,
        top: int,
        *,
        item: MessageItem,
        made: Layout,
        focused: bool,
        marked: tuple[int, int] | None,
    ) -> None:
        t = tokens()
        bubble = self._bubble(top, item, made)
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        # Names and quotations begin where the language does; a painter would ask each text.
        painter.setLayoutDirection(self._direction)
        ground = t.own if item.own else t.surface
        own_edge = t.accent if t.outlined else ground
        edge = t.accent if focused or item.mentions_me else own_edge if item.own else t.line
        painter.setPen(pen(edge, 2 if focused else 1))
        painter.setBrush(colour(ground))
        shape = QRectF(bubble.x() + 0.5, bubble.y() + 0.5, bubble.width() - 1, bubble.height() - 1)
        painter.drawRoundedRect(shape, RADIUS_BUBBLE, RADIUS_BUBBLE)
        author = item.author
        shade = avatar_colour(author.user_id, author.colour)
        if made.name is not None:
            face = self._face(top)
            if author.picture is None or not paint_picture(painter, face, author.picture):
                paint_avatar(painter, face, text=initials(author.name), ground=shade)
        painter.translate(bubble.x(), bubble.y())
        if made.name is not None:
            painter.setFont(self._rows.fonts.name)
            painter.setPen(colour(readable(shade, ground, t.least)))
            painter.drawText(self._seen(made, made.name), _START, made.title)
        self._quote(painter, made, item)
        self._text(painter, made, item, marked)
        self._chips(painter, made)
        self._meta(painter, made, item)
        painter.restore()

    def _text(
        self, painter: QPainter, made: Layout, item: MessageItem, marked: tuple[int, int] | None
    ) -> None:
        t = on_bubble(tokens(), own=item.own)
        context = _context(t.muted if item.deleted else t.text)
        if marked is not None:
            context = QAbstractTextDocumentLayout.PaintContext(context)
            selection = QAbstractTextDocumentLayout.Selection()
            selection.cursor = cursor_of(made.document, marked)
            look = QTextCharFormat()
            look.setBackground(colour(tokens().accent))
            look.setForeground(colour(tokens().on_accent))
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
        painter.fillRect(self._seen(made, bar), colour(t.accent))
        line = self._seen(made, QRect(box.left() + 11, box.top(), box.width() - 11, px(18)))
        painter.setPen(colour(t.muted))
        excerpt = plain(item.reply.excerpt) or tr("Deleted message")
        for words, font in ((item.reply.author.name, self._rows.fonts.name), (excerpt, sized(13))):
            painter.setFont(font)
            shown = painter.fontMetrics().elidedText(words, Qt.TextElideMode.ElideRight, line.width())
            painter.drawText(line, _START | Qt.AlignmentFlag.AlignVCenter, shown)
            line.translate(0, px(19))

    def _chips(self, painter: QPainter, made: Layout) -> None:
        if not made.chips:
            return
        t = tokens()
        painter.setFont(sized(12))
        for chip in made.chips:
            painter.setPen(pen(t.accent if chip.mine else t.line))
            painter.setBrush(colour(t.selection if chip.mine else t.field))
            spot = self._seen(made, chip.rect)
            painter.drawRoundedRect(QRectF(spot).adjusted(0.5, 0.5, -0.5, -0.5), px(11), px(11))
            painter.setPen(colour(t.text))
            painter.drawText(spot, Qt.AlignmentFlag.AlignCenter, chip.text)

    def _meta(self, painter: QPainter, made: Layout, item: MessageItem) -> None:
        t = on_bubble(tokens(), own=item.own)
        line = made.meta if made.beside else self._seen(made, made.meta)
        tick = TICKS.get(item.state)
        if tick is not None:
            icon, shade = tick
            size = px(place.TICK)
            y = line.center().y() - size / 2 + 1
            spot = QRectF(line.right() + 1 - size, y, size, size)
            paint_icon(painter, spot, icon, getattr(t, shade))
            line = line.adjusted(0, 0, -size - 4, 0)
        painter.setFont(self._rows.fonts.small)
        painter.setPen(colour(t.danger if item.state is SendState.FAILED else t.muted))
        painter.drawText(line, _END, made.words)
