"""Rows of the room list."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Final

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QRect, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFont, QFontMetrics, QPainter, QPen
from PySide6.QtWidgets import (
    QAbstractItemView,
    QListView,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
)

from common.protocol.types import RoomKind
from desktop.models.rooms import ITEM_ROLE, preview
from desktop.services.state import RoomItem
from desktop.ui.fonts import px, sized
from desktop.ui.i18n import tr
from desktop.ui.icons import paint_icon
from desktop.ui.plain import one_line
from desktop.ui.theme import tokens
from desktop.ui.times import short_day
from desktop.ui.tokens import RADIUS_CONTROL, avatar_colour
from desktop.views.ticks import TICKS
from desktop.widgets.avatar import initials, paint_avatar, paint_picture

_Index = QModelIndex | QPersistentModelIndex
_HEIGHT: Final = 58
_AVATAR: Final = 40
_TEXTS: Final = 40
"""Both lines."""
_BADGE: Final = 20
_MANY: Final = 99
_TICK: Final = 14


def second_line(room: RoomItem) -> str:
    """Who writes, what was drafted, or what was said last."""
    if room.typing:
        if room.kind is not RoomKind.GROUP:
            return tr("typing…")
        words = tr("{names} is typing…") if len(room.typing) == 1 else tr("{names} are typing…")
        return words.format(names=", ".join(room.typing))
    if room.draft:
        return tr("Draft: {text}").format(text=one_line(room.draft))
    return preview(room) or tr("No messages yet")


class RoomList(QListView):
    """All rows are equally high, so a room that changed is painted in its place and nothing else is."""

    def dataChanged(self, first: _Index, last: _Index, roles: Sequence[int] = ()) -> None:
        QAbstractItemView.dataChanged(self, first, last, roles)


class RoomDelegate(QStyledItemDelegate):
    """Avatar, title and time, preview with its tick, unread badge; leading is right in such languages."""

    def sizeHint(self, option: QStyleOptionViewItem, index: _Index) -> QSize:
        return QSize(0, px(_HEIGHT))

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: _Index) -> None:
        room: RoomItem = index.data(ITEM_ROLE)
        t, rect = tokens(), option.rect.adjusted(8, 1, -8, -1)
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        state = option.state
        chosen = bool(state & QStyle.StateFlag.State_Selected)
        ground = t.selection if chosen else None
        if ground is None and state & QStyle.StateFlag.State_MouseOver:
            ground = t.hover
        focused = bool(state & QStyle.StateFlag.State_HasFocus)
        if ground is not None or focused:
            painter.setPen(
                QPen(QColor(t.accent), 1) if focused or (t.outlined and chosen) else Qt.PenStyle.NoPen
            )
            painter.setBrush(QColor(ground) if ground is not None else Qt.BrushStyle.NoBrush)
            painter.drawRoundedRect(
                QRectF(rect).adjusted(0.5, 0.5, -0.5, -0.5), RADIUS_CONTROL, RADIUS_CONTROL
            )
        place = QRect(rect.left() + 12, rect.center().y() - _AVATAR // 2 + 1, _AVATAR, _AVATAR)
        high = px(_TEXTS)
        body = QRect(rect.left() + 64, rect.center().y() - high // 2 + 1, rect.width() - 76, high)
        line = _Line(painter, option)
        self._avatar(painter, line.seen(place, rect), room)
        self._texts(line, body, rect, room)
        painter.restore()

    def _avatar(self, painter: QPainter, place: QRect, room: RoomItem) -> None:
        key, chosen, text = room.room_id, None, "#"
        if room.peer is not None:
            if room.peer.picture is not None and paint_picture(painter, place, room.peer.picture):
                return
            key, chosen, text = room.peer.user_id, room.peer.colour, initials(room.peer.name)
        paint_avatar(painter, place, text=text, ground=avatar_colour(key, chosen))

    def _texts(self, line: _Line, body: QRect, row: QRect, room: RoomItem) -> None:
        t, title, small = tokens(), sized(14, QFont.Weight.DemiBold), sized(13)
        top, bottom = QRect(body), QRect(body)
        top.setHeight(body.height() // 2)
        bottom.setTop(top.bottom() + 1)
        if room.preview_at_ms is not None:
            when = short_day(room.preview_at_ms, time.time_ns() // 1_000_000)
            width = QFontMetrics(small).horizontalAdvance(when)
            spot = QRect(top.right() - width, top.top(), width + 1, top.height())
            line.text(spot, row, when, small, t.muted)
            top.setRight(spot.left() - 8)
        line.text(top, row, room.title, title, t.text)
        if room.unread:
            text = str(room.unread) if room.unread <= _MANY else f"{_MANY}+"
            font, tall = sized(12, QFont.Weight.DemiBold), px(_BADGE)
            width = max(tall, QFontMetrics(font).horizontalAdvance(text) + px(10))
            spot = QRect(bottom.right() - width + 1, bottom.center().y() - tall // 2, width, tall)
            line.badge(line.seen(spot, row), text, font)
            bottom.setRight(spot.left() - 8)
        words = second_line(room)
        tick = None if room.typing or room.draft else TICKS.get(room.preview_state)
        size = px(_TICK)
        if tick is not None:
            bottom.setRight(bottom.right() - size - 4)
        line.text(bottom, row, words, small, t.accent if room.typing else t.muted)
        if tick is not None:
            width = min(bottom.width(), QFontMetrics(small).horizontalAdvance(words))
            spot = QRect(bottom.left() + width + 4, bottom.center().y() - size // 2 + 1, size, size)
            paint_icon(line.painter, QRectF(line.seen(spot, row)), tick[0], getattr(t, tick[1]))


class _Line:
    """Draws in a row as it reads: mirrored where the language runs right to left."""

    def __init__(self, painter: QPainter, option: QStyleOptionViewItem) -> None:
        self.painter = painter
        self._direction = option.direction

    def seen(self, rect: QRect, row: QRect) -> QRect:
        return QStyle.visualRect(self._direction, row, rect)

    def text(self, rect: QRect, row: QRect, text: str, font: QFont, colour: str) -> None:
        self.painter.setFont(font)
        self.painter.setPen(QColor(colour))
        shown = self.painter.fontMetrics().elidedText(text, Qt.TextElideMode.ElideRight, rect.width())
        side = QStyle.visualAlignment(self._direction, Qt.AlignmentFlag.AlignLeft)
        self.painter.drawText(self.seen(rect, row), side | Qt.AlignmentFlag.AlignVCenter, shown)

    def badge(self, spot: QRect, text: str, font: QFont) -> None:
        t = tokens()
        self.painter.setPen(Qt.PenStyle.NoPen)
        self.painter.setBrush(QColor(t.accent))
        self.painter.drawRoundedRect(QRectF(spot), spot.height() / 2, spot.height() / 2)
        self.painter.setFont(font)
        self.painter.setPen(QColor(t.on_accent))
        self.painter.drawText(spot, Qt.AlignmentFlag.AlignCenter, text)
