"""Rows of the room list."""

from __future__ import annotations

import time
from typing import Final

from PySide6.QtCore import QModelIndex, QObject, QPersistentModelIndex, QRect, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFont, QFontMetrics, QPainter, QPen
from PySide6.QtWidgets import QStyle, QStyledItemDelegate, QStyleOptionViewItem

from common.protocol.types import RoomKind
from desktop.models.rooms import ITEM_ROLE
from desktop.services.state import RoomItem, SendState
from desktop.ui.i18n import tr
from desktop.ui.icons import paint_icon
from desktop.ui.theme import tokens
from desktop.ui.times import short_day
from desktop.ui.tokens import RADIUS_CONTROL, avatar_colour
from desktop.widgets.avatar import initials, paint_avatar, paint_picture

_HEIGHT: Final = 58
_AVATAR: Final = 40
_BADGE: Final = 20
_MANY: Final = 99
_TICK: Final = 14
_TICKS: Final = {
    SendState.WAITING: ("clock", "muted"),
    SendState.SENT: ("check", "muted"),
    SendState.DELIVERED: ("check-check", "muted"),
    SendState.READ: ("check-check", "accent"),
    SendState.FAILED: ("circle-alert", "danger"),
}


def second_line(room: RoomItem) -> str:
    """Who writes, what was drafted, or what was said last."""
    if room.typing:
        if room.kind is RoomKind.GROUP:
            return tr("{names} is typing…").format(names=", ".join(room.typing))
        return tr("typing…")
    if room.draft:
        return tr("Draft: {text}").format(text=" ".join(room.draft.split()))
    return room.preview


class RoomDelegate(QStyledItemDelegate):
    """Avatar, title and time, preview with its tick, unread badge; leading is right in such languages."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._title, self._small, self._badge_font = QFont(), QFont(), QFont()
        self._title.setPixelSize(14)
        self._title.setWeight(QFont.Weight.DemiBold)
        self._small.setPixelSize(13)
        self._badge_font.setPixelSize(12)
        self._badge_font.setWeight(QFont.Weight.DemiBold)

    def sizeHint(self, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex) -> QSize:
        return QSize(0, _HEIGHT)

    def paint(
        self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> None:
        room: RoomItem = index.data(ITEM_ROLE)
        t, rect = tokens(), option.rect.adjusted(8, 1, -8, -1)
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        state = option.state
        ground = t.selection if state & QStyle.StateFlag.State_Selected else None
        if ground is None and state & QStyle.StateFlag.State_MouseOver:
            ground = t.hover
        focused = bool(state & QStyle.StateFlag.State_HasFocus)
        if ground is not None or focused:
            painter.setPen(QPen(QColor(t.accent), 1) if focused else Qt.PenStyle.NoPen)
            painter.setBrush(QColor(ground) if ground is not None else Qt.BrushStyle.NoBrush)
            painter.drawRoundedRect(
                QRectF(rect).adjusted(0.5, 0.5, -0.5, -0.5), RADIUS_CONTROL, RADIUS_CONTROL
            )
        place = QRect(rect.left() + 12, rect.center().y() - _AVATAR // 2 + 1, _AVATAR, _AVATAR)
        body = QRect(rect.left() + 64, rect.top() + 9, rect.width() - 76, 40)
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
        paint_avatar(painter, QRectF(place), text=text, colour=avatar_colour(key, chosen))

    def _texts(self, line: _Line, body: QRect, row: QRect, room: RoomItem) -> None:
        t = tokens()
        top, bottom = QRect(body), QRect(body)
        top.setHeight(20)
        bottom.setTop(top.bottom() + 1)
        if room.preview_at_ms is not None:
            when = short_day(room.preview_at_ms, time.time_ns() // 1_000_000)
            width = QFontMetrics(self._small).horizontalAdvance(when)
            spot = QRect(top.right() - width, top.top(), width + 1, top.height())
            line.text(spot, row, when, self._small, t.muted)
            top.setRight(spot.left() - 8)
        line.text(top, row, room.title, self._title, t.text)
        if room.unread:
            text = str(room.unread) if room.unread <= _MANY else f"{_MANY}+"
            width = max(_BADGE, QFontMetrics(self._badge_font).horizontalAdvance(text) + 10)
            spot = QRect(bottom.right() - width + 1, bottom.center().y() - _BADGE // 2, width, _BADGE)
            line.badge(line.seen(spot, row), text, self._badge_font)
            bottom.setRight(spot.left() - 8)
        words = second_line(room)
        tick = None if room.typing or room.draft else _TICKS.get(room.preview_state)
        if tick is not None:
            bottom.setRight(bottom.right() - _TICK - 4)
        line.text(bottom, row, words, self._small, t.accent if room.typing else t.muted)
        if tick is not None:
            width = min(bottom.width(), QFontMetrics(self._small).horizontalAdvance(words))
            spot = QRect(bottom.left() + width + 4, bottom.center().y() - _TICK // 2 + 1, _TICK, _TICK)
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
        self.painter.drawRoundedRect(QRectF(spot), _BADGE / 2, _BADGE / 2)
        self.painter.setFont(font)
        self.painter.setPen(QColor(t.on_accent))
        self.painter.drawText(spot, Qt.AlignmentFlag.AlignCenter, text)
