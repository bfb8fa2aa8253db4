"""Paints messages and notices, and tells what is under the mouse."""

from __future__ import annotations

import time
from collections import OrderedDict
from dataclasses import dataclass
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

from desktop.models.timeline import BEFORE_ROLE, ITEM_ROLE
from desktop.services.api import Timeline
from desktop.services.state import MessageItem, NoticeItem, SendState, TimelineItem
from desktop.ui.fonts import px, sized
from desktop.ui.i18n import tr
from desktop.ui.icons import paint_icon
from desktop.ui.plain import plain
from desktop.ui.theme import tokens
from desktop.ui.times import day
from desktop.ui.tokens import RADIUS_BUBBLE, avatar_colour, on_bubble, readable
from desktop.views.conversation import layout as place
from desktop.views.conversation.grounds import paint_grounds
from desktop.views.conversation.layout import Fonts, Layout, lay_out
from desktop.views.conversation.markdown import MessageDocument
from desktop.views.conversation.selection import TextSelection, cursor_of
from desktop.widgets.avatar import initials, paint_avatar, paint_picture

_CACHE: Final = 400
"""Layouts kept: more than a timeline's window of 300 rows."""
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
    """Layouts are cached by key, revision, place in the group, width and theme."""

    def __init__(self, timeline: Timeline, view: QAbstractScrollArea) -> None:
        super().__init__(view)
        self._timeline = timeline
        self._view = view
        self._fonts = Fonts.make()
        self._layouts: OrderedDict[tuple[object, ...], Layout] = OrderedDict()
        self.selection: TextSelection | None = None
        self.flash = ""
        """Key of the item that a jump led to."""

    def sizeHint(self, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex) -> QSize:
        width = option.rect.width()
        item: TimelineItem = index.data(ITEM_ROLE)
        before: TimelineItem | None = index.data(BEFORE_ROLE)
        top = self._above(item, before)
        if isinstance(item, NoticeItem):
            return QSize(width, px(place.NOTICE) + top)
        joined = place.grouped(item, before)
        high = self._layout(item, width, grouped=joined).height
        return QSize(width, high + top + (place.GAP if joined else place.GROUP_GAP))

    def paint(
        self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> None:
        item: TimelineItem = index.data(ITEM_ROLE)
        before: TimelineItem | None = index.data(BEFORE_ROLE)
        rect = QRect(option.rect)
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if place.new_day(item, before):
            line = QRect(rect.left(), rect.top(), rect.width(), px(place.DAY))
            words = day(place.at_ms(item), time.time_ns() // 1_000_000)
            self._centred(painter, line, words, bold=True)
            rect.setTop(rect.top() + px(place.DAY))
        if self._is_first_new(item):
            self._new(painter, QRect(rect.left(), rect.top(), rect.width(), px(place.NEW)))
            rect.setTop(rect.top() + px(place.NEW))
        if self.flash == item.key:
            painter.fillRect(rect, QColor(tokens().selection))
        if isinstance(item, NoticeItem):
            self._centred(painter, rect, item.text)
        else:
            focused = bool(option.state & QStyle.StateFlag.State_HasFocus)
            marked = None if self.selection is None else self.selection.stretch(index.row())
            self._message(
                painter, rect, item, grouped=place.grouped(item, before), focused=focused, marked=marked
            )
        painter.restore()

    def hit(self, at: QPoint, rect: QRect, index: QModelIndex) -> Hit | None:
        """What lies under a point of the viewport, in the row's ``rect``."""
        item = index.data(ITEM_ROLE)
        before: TimelineItem | None = index.data(BEFORE_ROLE)
        if not isinstance(item, MessageItem):
            return None
        joined = place.grouped(item, before)
        made = self._layout(item, rect.width(), grouped=joined)
        body = rect.adjusted(0, self._above(item, before), 0, 0)
        inside = at - self._bubble(body, item, made, grouped=joined).topLeft()
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
        """Where the bubble of a message row is."""
        item: MessageItem = index.data(ITEM_ROLE)
        before: TimelineItem | None = index.data(BEFORE_ROLE)
        joined = place.grouped(item, before)
        made = self._layout(item, rect.width(), grouped=joined)
        return self._bubble(rect.adjusted(0, self._above(item, before), 0, 0), item, made, grouped=joined)

    def document(self, index: QModelIndex, width: int) -> MessageDocument:
        """The text of a message row."""
        return self._made(index, width).document

    def position_at(self, at: QPoint, rect: QRect, index: QModelIndex) -> int:
        """The place in a message's text that is nearest to a point of the viewport."""
        made = self._made(index, rect.width())
        inside = at - self.bubble_of(rect, index).topLeft() - made.text
        if inside.y() < 0:
            return 0
        return int(made.document.documentLayout().hitTest(QPointF(inside), Qt.HitTestAccuracy.FuzzyHit))

    def over_text(self, at: QPoint, rect: QRect, index: QModelIndex) -> bool:
        """Whether a point of the viewport is on a message's text."""
        made = self._made(index, rect.width())
        inside = at - self.bubble_of(rect, index).topLeft() - made.text
        return QRectF(0, 0, made.document.idealWidth(), made.document.size().height()).contains(
            QPointF(inside)
        )

    def _made(self, index: QModelIndex, width: int) -> Layout:
        item: MessageItem = index.data(ITEM_ROLE)
        return self._layout(item, width, grouped=place.grouped(item, index.data(BEFORE_ROLE)))

    def forget(self) -> None:
        """Colours or fonts changed."""
        self._fonts = Fonts.make()
        self._layouts.clear()

    # inside

    def _is_first_new(self, item: TimelineItem) -> bool:
        return item.seq is not None and item.seq == self._timeline.unread_from

    def _above(self, item: TimelineItem, before: TimelineItem | None) -> int:
        high = px(place.DAY) if place.new_day(item, before) else 0
        return high + (px(place.NEW) if self._is_first_new(item) else 0)

    def _layout(self, item: MessageItem, width: int, *, grouped: bool) -> Layout:
        # As if the scroll bar were there: else all is measured twice when it comes.
        width = min(width, self._view.width() - self._view.verticalScrollBar().sizeHint().width())
        failed = item.state is SendState.FAILED
        key = (item.key, item.rev, item.reactions, item.deleted, item.edited, failed, grouped, width)
        found = self._layouts.get(key)
        if found is None:
            found = lay_out(item, width, grouped=grouped, fonts=self._fonts, tokens=tokens())
            self._layouts[key] = found
            if len(self._layouts) > _CACHE:
                self._layouts.popitem(last=False)
        else:
            self._layouts.move_to_end(key)
        return found

    def _bubble(self, rect: QRect, item: MessageItem, made: Layout, *, grouped: bool) -> QRect:
        top = rect.top() + (place.GAP if grouped else place.GROUP_GAP)
        left = rect.left() + place.MARGIN + place.INDENT
        if item.own:
            left = rect.right() + 1 - place.MARGIN - made.width
        return QStyle.visualRect(
            self._view.layoutDirection(), rect, QRect(left, top, made.width, made.height)
        )

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
        rect: QRect,
        item: MessageItem,
        *,
        grouped: bool,
        focused: bool,
        marked: tuple[int, int] | None,
    ) -> None:
        t = tokens()
        made = self._layout(item, rect.width(), grouped=grouped)
        bubble = self._bubble(rect, item, made, grouped=grouped)
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
            face = QRect(rect.left() + place.MARGIN, bubble.top(), place.AVATAR, place.AVATAR)
            face = QStyle.visualRect(self._view.layoutDirection(), rect, face).translated(-bubble.topLeft())
            if author.picture is None or not paint_picture(painter, face, author.picture):
                paint_avatar(painter, QRectF(face), text=initials(author.name), colour=colour)
            painter.setFont(self._fonts.name)
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
        font = QFont(self._fonts.name)
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
        painter.setFont(self._fonts.small)
        painter.setPen(QColor(t.danger if item.state is SendState.FAILED else t.muted))
        painter.drawText(line, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, made.words)
