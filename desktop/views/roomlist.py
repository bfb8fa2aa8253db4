"""Rows of the room list."""

from __future__ import annotations

import time

from PySide6.QtCore import QModelIndex, QObject, QPersistentModelIndex, QRect, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFont, QFontMetrics, QPainter
from PySide6.QtWidgets import QStyle, QStyledItemDelegate, QStyleOptionViewItem

from common.protocol.types import RoomKind
from desktop.models.rooms import ITEM_ROLE
from desktop.services.state import RoomItem
from desktop.ui.times import short_day
from desktop.ui.tokens import Tokens, avatar_colour
from desktop.widgets.avatar import initials, paint_avatar

_HEIGHT = 58
_AVATAR = 40
_BADGE = 20
_MANY = 99


class RoomDelegate(QStyledItemDelegate):
    """Avatar, title and time, preview and unread badge."""

    def __init__(self, tokens: Tokens, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._tokens = tokens

    def sizeHint(self, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex) -> QSize:
        return QSize(0, _HEIGHT)

    def paint(
        self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> None:
        room: RoomItem = index.data(ITEM_ROLE)
        t, rect = self._tokens, option.rect.adjusted(8, 1, -8, -1)
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if option.state & QStyle.StateFlag.State_Selected:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(QColor(t.selection))
            painter.drawRoundedRect(QRectF(rect), 10, 10)
        place = QRectF(rect.left() + 12, rect.center().y() - _AVATAR / 2 + 1, _AVATAR, _AVATAR)
        group = room.kind is RoomKind.GROUP
        key, chosen = room.room_id, None
        if room.peer is not None:
            key, chosen = room.peer.user_id, room.peer.colour
        text = "#" if group else initials(room.title)
        paint_avatar(painter, place, text=text, colour=avatar_colour(key, chosen))
        body = QRect(rect.left() + 64, rect.top() + 9, rect.width() - 76, 40)
        self._texts(painter, body, room)
        painter.restore()

    def _texts(self, painter: QPainter, body: QRect, room: RoomItem) -> None:
        t = self._tokens
        title, small = QFont(painter.font()), QFont(painter.font())
        title.setPixelSize(14)
        title.setWeight(QFont.Weight.DemiBold)
        small.setPixelSize(13)
        top, bottom = QRect(body), QRect(body)
        top.setHeight(20)
        bottom.setTop(top.bottom() + 1)
        if room.preview_at_ms is not None:
            when = short_day(room.preview_at_ms, time.time_ns() // 1_000_000)
            painter.setFont(small)
            painter.setPen(QColor(t.muted))
            painter.drawText(top, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, when)
            top.setRight(top.right() - QFontMetrics(small).horizontalAdvance(when) - 8)
        painter.setFont(title)
        painter.setPen(QColor(t.text))
        _elided(painter, top, room.title)
        if room.unread:
            self._badge(painter, bottom, room.unread)
            bottom.setRight(bottom.right() - _BADGE - 12)
        painter.setFont(small)
        painter.setPen(QColor(t.muted))
        draft = f"Draft: {room.draft}" if room.draft else room.preview
        _elided(painter, bottom, draft)

    def _badge(self, painter: QPainter, line: QRect, unread: int) -> None:
        t = self._tokens
        font = QFont(painter.font())
        font.setPixelSize(12)
        font.setWeight(QFont.Weight.DemiBold)
        text = str(unread) if unread <= _MANY else "99+"
        width = max(_BADGE, QFontMetrics(font).horizontalAdvance(text) + 10)
        spot = QRectF(line.right() - width + 1, line.center().y() - _BADGE / 2, width, _BADGE)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(t.accent))
        painter.drawRoundedRect(spot, _BADGE / 2, _BADGE / 2)
        painter.setFont(font)
        painter.setPen(QColor(t.on_accent))
        painter.drawText(spot, Qt.AlignmentFlag.AlignCenter, text)


def _elided(painter: QPainter, rect: QRect, text: str) -> None:
    line = painter.fontMetrics().elidedText(text, Qt.TextElideMode.ElideRight, rect.width())
    painter.drawText(rect, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter, line)
