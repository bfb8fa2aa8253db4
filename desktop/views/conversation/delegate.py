"""Bubbles: how a message and a notice are measured and painted."""

from __future__ import annotations

import time
from typing import Final

from PySide6.QtCore import QModelIndex, QObject, QPersistentModelIndex, QPointF, QRect, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFont, QFontMetrics, QPainter, QPen
from PySide6.QtWidgets import QStyledItemDelegate, QStyleOptionViewItem

from common.limits import GROUP_GAP_MS
from desktop.models.timeline import BEFORE_ROLE, ITEM_ROLE
from desktop.services.state import MessageItem, NoticeItem, SendState, TimelineItem
from desktop.ui.times import clock_time, day, local
from desktop.ui.tokens import RADIUS_BUBBLE, Tokens, avatar_colour
from desktop.widgets.avatar import initials, paint_avatar

_MARGIN: Final = 20
_AVATAR: Final = 32
_INDENT: Final = 42
_PAD_X: Final = 13
_PAD_Y: Final = 9
_GAP: Final = 5
_GROUP_GAP: Final = 10
_DAY: Final = 40
_NAME: Final = 20
_QUOTE: Final = 44
_REACTIONS: Final = 28
_META: Final = 74
_MAX_BUBBLE: Final = 620
_CACHE: Final = 2_000


class MessageDelegate(QStyledItemDelegate):
    """Heights are cached by key, revision, state, place in the group and width."""

    def __init__(self, tokens: Tokens, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._tokens = tokens
        self._heights: dict[tuple[object, ...], int] = {}
        self._body = QFont()
        self._body.setPixelSize(14)
        self._small = QFont()
        self._small.setPixelSize(12)
        self._name = QFont(self._body)
        self._name.setPixelSize(13)
        self._name.setWeight(QFont.Weight.DemiBold)

    def sizeHint(self, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex) -> QSize:
        width = option.rect.width()
        item: TimelineItem = index.data(ITEM_ROLE)
        before: TimelineItem | None = index.data(BEFORE_ROLE)
        new_day, grouped = _new_day(item, before), _grouped(item, before)
        if isinstance(item, NoticeItem):
            return QSize(width, 30 + (_DAY if new_day else 0))
        key = (item.key, item.rev, len(item.reactions), item.deleted, grouped, new_day, width)
        height = self._heights.get(key)
        if height is None:
            if len(self._heights) > _CACHE:
                self._heights.clear()
            height = self._heights[key] = self._measure(item, grouped=grouped, new_day=new_day, width=width)
        return QSize(width, height)

    def paint(
        self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> None:
        item: TimelineItem = index.data(ITEM_ROLE)
        before: TimelineItem | None = index.data(BEFORE_ROLE)
        rect = QRect(option.rect)
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if _new_day(item, before):
            self._day(painter, rect, item)
            rect.setTop(rect.top() + _DAY)
        if isinstance(item, NoticeItem):
            self._centred(painter, rect, item.text)
        else:
            self._message(painter, rect, item, grouped=_grouped(item, before))
        painter.restore()

    # Measuring.

    def _text_width(self, item: MessageItem, width: int) -> int:
        return min(_MAX_BUBBLE, width - 2 * _MARGIN - (0 if item.own else _INDENT)) - 2 * _PAD_X

    def _text_rect(self, item: MessageItem, width: int) -> QRect:
        room = QRect(0, 0, self._text_width(item, width), 1_000_000)
        flags = int(Qt.TextFlag.TextWrapAnywhere if _has_long_word(item.body) else Qt.TextFlag.TextWordWrap)
        return QFontMetrics(self._body).boundingRect(room, flags, _shown(item))

    def _bubble(self, item: MessageItem, width: int, *, grouped: bool) -> tuple[int, int, bool]:
        """Width and height of the bubble, and whether the time stands on a line of its own."""
        text, most = self._text_rect(item, width), self._text_width(item, width)
        beside = text.width() + _META <= most and text.height() < 2 * QFontMetrics(self._body).height()
        wide = text.width() + (_META if beside else 0)
        if not item.own and not grouped:
            wide = max(wide, QFontMetrics(self._name).horizontalAdvance(item.author.name))
        if item.reply is not None:
            wide = max(wide, min(most, 240))
        wide = max(wide, _META if not beside else 0)
        height = 2 * _PAD_Y + text.height() + (0 if beside else 18)
        height += _NAME if not item.own and not grouped else 0
        height += _QUOTE if item.reply is not None else 0
        height += _REACTIONS if item.reactions else 0
        return min(wide, most) + 2 * _PAD_X, height, beside

    def _measure(self, item: MessageItem, *, grouped: bool, new_day: bool, width: int) -> int:
        _, height, _ = self._bubble(item, width, grouped=grouped)
        return height + (_GAP if grouped else _GROUP_GAP) + (_DAY if new_day else 0)

    # Painting.

    def _day(self, painter: QPainter, rect: QRect, item: TimelineItem) -> None:
        line = QRect(rect.left(), rect.top(), rect.width(), _DAY)
        self._centred(painter, line, day(_at(item), time.time_ns() // 1_000_000), bold=True)

    def _centred(self, painter: QPainter, rect: QRect, text: str, *, bold: bool = False) -> None:
        font = QFont(self._small)
        font.setWeight(QFont.Weight.DemiBold if bold else QFont.Weight.Normal)
        painter.setFont(font)
        painter.setPen(QColor(self._tokens.muted))
        line = painter.fontMetrics().elidedText(text, Qt.TextElideMode.ElideRight, rect.width() - 2 * _MARGIN)
        painter.drawText(rect, Qt.AlignmentFlag.AlignCenter, line)

    def _message(self, painter: QPainter, rect: QRect, item: MessageItem, *, grouped: bool) -> None:
        t = self._tokens
        wide, high, beside = self._bubble(item, rect.width(), grouped=grouped)
        top = rect.top() + (_GAP if grouped else _GROUP_GAP)
        left = rect.right() - _MARGIN - wide if item.own else rect.left() + _MARGIN + _INDENT
        bubble = QRectF(left, top, wide, high)
        painter.setPen(QPen(QColor(t.own if item.own else t.line), 1))
        painter.setBrush(QColor(t.own if item.own else t.surface))
        painter.drawRoundedRect(bubble, RADIUS_BUBBLE, RADIUS_BUBBLE)
        inner = bubble.adjusted(_PAD_X, _PAD_Y, -_PAD_X, -_PAD_Y).toRect()
        author = item.author
        if not item.own and not grouped:
            colour = avatar_colour(author.user_id, author.colour)
            face = QRectF(rect.left() + _MARGIN, top, _AVATAR, _AVATAR)
            paint_avatar(painter, face, text=initials(author.name), colour=colour)
            painter.setFont(self._name)
            painter.setPen(QColor(colour if t.background > "#8" else t.accent))
            painter.drawText(inner, Qt.AlignmentFlag.AlignLeft, author.name)
            inner.setTop(inner.top() + _NAME)
        if item.reply is not None:
            self._quote(painter, inner, item)
            inner.setTop(inner.top() + _QUOTE)
        if item.reactions:
            self._reactions(painter, inner, item)
            inner.setBottom(inner.bottom() - _REACTIONS)
        painter.setFont(self._body)
        painter.setPen(QColor(t.muted if item.deleted else t.text))
        wrap = Qt.TextFlag.TextWrapAnywhere if _has_long_word(item.body) else Qt.TextFlag.TextWordWrap
        room = inner.adjusted(0, 0, -_META if beside else 1, 0)
        painter.drawText(room, int(wrap) | int(Qt.AlignmentFlag.AlignTop), _shown(item))
        self._meta(painter, inner, item)

    def _quote(self, painter: QPainter, inner: QRect, item: MessageItem) -> None:
        if item.reply is None:
            return
        bar = QRectF(inner.left(), inner.top(), 3, _QUOTE - 8)
        painter.fillRect(bar, QColor(self._tokens.accent))
        line = QRect(inner.left() + 11, inner.top(), inner.width() - 11, 18)
        painter.setPen(QColor(self._tokens.muted))
        painter.setFont(self._name)
        painter.drawText(line, Qt.AlignmentFlag.AlignLeft, item.reply.author.name)
        painter.setFont(self._small)
        words = item.reply.excerpt or "Deleted message"
        words = painter.fontMetrics().elidedText(words, Qt.TextElideMode.ElideRight, line.width())
        painter.drawText(line.translated(0, 18), Qt.AlignmentFlag.AlignLeft, words)

    def _reactions(self, painter: QPainter, inner: QRect, item: MessageItem) -> None:
        left, top = inner.left(), inner.bottom() - 21
        painter.setFont(self._small)
        for reaction in item.reactions:
            text = f"{reaction.emoji} {reaction.count}"
            wide = painter.fontMetrics().horizontalAdvance(text) + 18
            chip = QRectF(left, top, wide, 22)
            edge = self._tokens.accent if reaction.mine else self._tokens.line
            painter.setPen(QPen(QColor(edge), 1))
            painter.setBrush(QColor(self._tokens.selection if reaction.mine else self._tokens.field))
            painter.drawRoundedRect(chip, 11, 11)
            painter.setPen(QColor(self._tokens.text))
            painter.drawText(chip, Qt.AlignmentFlag.AlignCenter, text)
            left += wide + 4

    def _meta(self, painter: QPainter, inner: QRect, item: MessageItem) -> None:
        t = self._tokens
        painter.setFont(self._small)
        failed = item.state is SendState.FAILED
        words = "not sent" if failed else clock_time(item.sent_at_ms)
        if item.edited and not failed:
            words = f"edited {words}"
        ticks = 22 if item.own and not failed else 0
        line = QRect(inner.left(), inner.bottom() - 15, inner.width() - ticks, 18)
        painter.setPen(QColor(t.danger if failed else t.muted))
        painter.drawText(line, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, words)
        if ticks:
            self._ticks(painter, QPointF(inner.right() - 16, inner.bottom() - 6), item.state)

    def _ticks(self, painter: QPainter, at: QPointF, state: SendState) -> None:
        colour = self._tokens.accent if state is SendState.READ else self._tokens.muted
        painter.setPen(QPen(QColor(colour), 1.4))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        if state is SendState.WAITING:
            painter.drawEllipse(at + QPointF(8, 0), 5, 5)
            painter.drawPolyline([at + QPointF(8, -3), at + QPointF(8, 0), at + QPointF(10, 1)])
            return
        for shift in (0, 6) if state in {SendState.DELIVERED, SendState.READ} else (6,):
            start = at + QPointF(shift, 0)
            painter.drawPolyline([start, start + QPointF(3, 3), start + QPointF(9, -4)])


def _shown(item: MessageItem) -> str:
    return "This message was deleted" if item.deleted else item.body


def _has_long_word(body: str) -> bool:
    return any(len(word) > 40 for word in body.split())  # noqa: PLR2004 - wider than a narrow bubble


def _at(item: TimelineItem) -> int:
    return item.at_ms if isinstance(item, NoticeItem) else item.sent_at_ms


def _new_day(item: TimelineItem, before: TimelineItem | None) -> bool:
    return before is None or local(_at(item)).date() != local(_at(before)).date()


def _grouped(item: TimelineItem, before: TimelineItem | None) -> bool:
    """Whether the message continues the one before it."""
    if not isinstance(item, MessageItem) or not isinstance(before, MessageItem) or _new_day(item, before):
        return False
    near = item.sent_at_ms - before.sent_at_ms <= GROUP_GAP_MS
    return near and item.author.user_id == before.author.user_id
