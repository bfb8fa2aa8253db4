"""Pieces around the messages: the header, the strip above the composer, the way down."""

from __future__ import annotations

from typing import Final

from PySide6.QtCore import QEvent, QObject, QPoint, QRect, QRectF, Qt, Signal, SignalInstance
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QAbstractButton, QFrame, QHBoxLayout, QStyle, QVBoxLayout, QWidget

from desktop.services.state import MessageItem, RoomItem
from desktop.ui.fonts import px, sized
from desktop.ui.i18n import tr
from desktop.ui.icons import paint_icon
from desktop.ui.theme import tokens
from desktop.views.kit import LOOKS, Avatar, Elided, IconButton, IconLabel

_HEIGHT: Final = 60
_AVATAR: Final = 32
_ROUND: Final = 40
_MANY: Final = 99
_TOOL: Final = 28


def subtitle(room: RoomItem) -> str:
    """Who is in the room."""
    if room.notes:
        return tr("Notes to self")
    if room.peer is not None:
        return f"@{room.peer.username}" if room.peer.username else ""
    return tr("1 member") if room.member_count == 1 else tr("{n} members").format(n=room.member_count)


def typing_words(room: RoomItem) -> str:
    """Who is writing; empty when nobody is."""
    if not room.typing:
        return ""
    if len(room.typing) == 1:
        return tr("{name} is typing…").format(name=room.typing[0])
    return tr("{names} are typing…").format(names=", ".join(room.typing))


class Header(QWidget):
    """Back, avatar, title, who is there."""

    back_wanted = Signal()
    details_wanted = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("header")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setFixedHeight(px(_HEIGHT))
        self.back = IconButton("arrow-left", tr("Back to the list"), colour="text")
        self.back.clicked.connect(self.back_wanted)
        self.details = IconButton("panel-right", tr("Details"))
        self.details.setCheckable(True)
        self.details.clicked.connect(self.details_wanted)
        self._avatar = Avatar(_AVATAR)
        self._title, self._about = Elided(kind="name"), Elided(kind="muted")
        names = QVBoxLayout()
        names.setSpacing(0)
        names.addStretch(1)
        names.addWidget(self._title)
        names.addWidget(self._about)
        names.addStretch(1)
        row = QHBoxLayout(self)
        row.setContentsMargins(20, 6, 12, 6)
        row.setSpacing(0)
        row.addWidget(self.back)
        row.addWidget(self._avatar)
        row.addSpacing(12)
        row.addLayout(names, 1)
        row.addWidget(self.details)

    def changeEvent(self, event: QEvent) -> None:
        if event.type() in LOOKS:
            self.setFixedHeight(px(_HEIGHT))
        super().changeEvent(event)

    def show_room(self, room: RoomItem) -> None:
        """Another title or number of members."""
        self._avatar.show_room(room)
        self._title.set_text(room.title)
        self._about.set_text(subtitle(room))


class Strip(QWidget):
    """What the composer is about to do besides sending: a reply, an edit."""

    closed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._icon = IconLabel("reply", colour="accent")
        self._text = Elided(kind="muted")
        close = IconButton("x", tr("Cancel"))
        close.clicked.connect(self.closed)
        row = QHBoxLayout(self)
        row.setContentsMargins(24, 0, 20, 0)
        row.setSpacing(10)
        row.addWidget(self._icon)
        row.addWidget(self._text, 1)
        row.addWidget(close)
        self.hide()

    @property
    def text(self) -> str:
        """What it says."""
        return self._text.accessibleName()

    def say(self, icon: str, text: str) -> None:
        """Show it."""
        self._icon.show_icon(icon, "accent")
        self._text.set_text(" ".join(text.split()))
        self.show()


class HoverBar(QFrame):
    """What can be done with the message under the mouse; keyboards have the menu key."""

    react_wanted = Signal(object, QPoint)
    reply_wanted = Signal(object)
    more_wanted = Signal(object, QPoint)

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._place = parent
        self.setObjectName("hoverBar")
        self._item: MessageItem | None = None
        row = QHBoxLayout(self)
        row.setContentsMargins(2, 2, 2, 2)
        row.setSpacing(0)
        self.react = IconButton("smile", tr("React"), size=_TOOL)
        self.reply = IconButton("reply", tr("Reply"), size=_TOOL)
        self.more = IconButton("ellipsis-vertical", tr("More"), size=_TOOL)
        for part in (self.react, self.reply, self.more):
            part.setFocusPolicy(Qt.FocusPolicy.NoFocus)
            row.addWidget(part)
        self.react.clicked.connect(lambda: self._emit_at(self.react_wanted))
        self.reply.clicked.connect(lambda: self.reply_wanted.emit(self._item))
        self.more.clicked.connect(lambda: self._emit_at(self.more_wanted))
        self.hide()

    def show_for(self, item: MessageItem | None, bubble: QRect) -> None:
        """At the bubble's upper end, within the parent; not for what is not sent or is deleted."""
        if item is None or item.deleted or item.seq is None:
            if not self.underMouse():
                self.hide()
            return
        self._item = item
        self.adjustSize()
        room, turn = self._place.rect(), self._place.layoutDirection()
        bubble = QStyle.visualRect(turn, room, bubble)
        left = bubble.right() - self.width() + 8 if item.own else bubble.right() - 12
        left = max(4, min(left, room.width() - self.width() - 4))
        spot = QRect(left, max(2, bubble.top() - self.height() + 10), self.width(), self.height())
        self.move(QStyle.visualRect(turn, room, spot).topLeft())
        self.show()
        self.raise_()

    def _emit_at(self, signal: SignalInstance) -> None:
        signal.emit(self._item, self.mapToGlobal(QPoint(0, self.height())))


class DownButton(QAbstractButton):
    """Floats over the list's end; shows how many messages are below."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._place = parent
        parent.installEventFilter(self)
        self._count = 0
        self._fit()
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.hide()

    def changeEvent(self, event: QEvent) -> None:
        if event.type() in LOOKS:
            self._fit()
        super().changeEvent(event)

    def _fit(self) -> None:
        self.setFixedSize(px(_ROUND), px(_ROUND + 8))
        self._move()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """It stays at the lower end of its parent."""
        if event.type() in {QEvent.Type.Resize, QEvent.Type.Show, QEvent.Type.LayoutDirectionChange}:
            self._move()
        return super().eventFilter(watched, event)

    def _move(self) -> None:
        area, spot = self._place.rect(), self.rect()
        spot.moveBottomRight(area.bottomRight() - QPoint(20, 8))
        self.move(QStyle.visualRect(self.layoutDirection(), area, spot).topLeft())

    def show_count(self, count: int) -> None:
        """0 shows no number."""
        self._count = count
        words = tr("Go to the newest message, {count} below").format(count=count)
        self.setAccessibleName(words)
        self.setToolTip(words)
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        t, painter = tokens(), QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        disc = QRectF(self.rect()).adjusted(0.5, px(8) + 0.5, -0.5, -0.5)
        painter.setPen(QPen(QColor(t.accent if self.hasFocus() else t.line), 1))
        painter.setBrush(QColor(t.surface))
        painter.drawEllipse(disc)
        inset = px(11)
        paint_icon(painter, disc.adjusted(inset, inset, -inset, -inset), "arrow-down", t.muted)
        if not self._count:
            return
        painter.setFont(sized(11))
        text = str(self._count) if self._count <= _MANY else f"{_MANY}+"
        wide = max(px(18), painter.fontMetrics().horizontalAdvance(text) + 10)
        badge = QRectF((self.width() - wide) / 2, 0, wide, px(18))
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(t.accent))
        painter.drawRoundedRect(badge, badge.height() / 2, badge.height() / 2)
        painter.setPen(QColor(t.on_accent))
        painter.drawText(badge, Qt.AlignmentFlag.AlignCenter, text)
