"""Ctrl+K: jump to a room or a person by a few letters of the name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import shiboken6
from PySide6.QtCore import QEvent, QModelIndex, QObject, QPersistentModelIndex, QRect, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QKeyEvent, QPainter
from PySide6.QtWidgets import (
    QLineEdit,
    QListWidget,
    QListWidgetItem,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QVBoxLayout,
    QWidget,
)

from desktop.services.api import Account
from desktop.services.state import Person, RoomItem, ServiceError
from desktop.ui.i18n import tr
from desktop.ui.theme import tokens
from desktop.ui.tokens import RADIUS_CONTROL, avatar_colour
from desktop.views.context import Context
from desktop.views.forms import Message
from desktop.views.fuzzy import best
from desktop.views.kit import plain_label
from desktop.views.overlay import Panel
from desktop.widgets.avatar import initials, paint_avatar, paint_picture

_LIMIT: Final = 20
_ROW: Final = 48
_AVATAR: Final = 32
_ROLE: Final = Qt.ItemDataRole.UserRole
_KEYS: Final = frozenset({Qt.Key.Key_Up, Qt.Key.Key_Down, Qt.Key.Key_PageUp, Qt.Key.Key_PageDown})


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Somewhere to go: a room that is open to us, or somebody with whom there is none yet."""

    account: Account
    title: str
    subtitle: str
    room: RoomItem | None = None
    person: Person | None = None

    @property
    def searched(self) -> str:
        """What is compared with the letters."""
        shown = self.person or (self.room.peer if self.room is not None else None)
        return f"{self.title} {shown.username}" if shown is not None else self.title


def room_targets(accounts: list[Account]) -> list[Target]:
    """Rooms of all accounts, latest first; the server's name tells them apart where there are several."""
    several = len(accounts) > 1
    return [
        Target(
            account=account,
            title=room.title,
            subtitle=" · ".join(filter(None, [account.info.server_name if several else "", room.preview])),
            room=room,
        )
        for account in accounts
        for room in account.rooms
    ]


class Switcher(QWidget):
    """A field and what it finds; Up and Down choose, Enter goes there."""

    def __init__(self, context: Context, account: Account) -> None:
        super().__init__()
        self._context = context
        self._account = account
        self._targets = room_targets(list(context.accounts.items))
        self._people: list[Target] = []
        self.field = QLineEdit()
        self.field.setPlaceholderText(tr("Room or person"))
        self.field.setAccessibleName(tr("Room or person"))
        self.field.textEdited.connect(self._filter)
        self.field.installEventFilter(self)
        self.list = QListWidget()
        self.list.setAccessibleName(tr("Found"))
        self.list.setItemDelegate(TargetDelegate(self.list))
        self.list.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.list.setMinimumHeight(6 * _ROW)
        self.list.itemClicked.connect(self._go)
        self._nothing = plain_label(tr("Nobody and nothing by that name."), kind="muted")
        self._nothing.hide()
        self.message = Message()
        column = QVBoxLayout(self)
        column.setSpacing(8)
        for part in (self.field, self._nothing, self.message, self.list):
            column.addWidget(part, 1 if part is self.list else 0)
        self.setFocusProxy(self.field)
        self._filter("")
        context.spawn(self._find_people(), "people")

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if watched is self.field and isinstance(event, QKeyEvent) and event.type() is QEvent.Type.KeyPress:
            if event.key() in _KEYS:
                self.list.keyPressEvent(event)
                return True
            if event.key() in {Qt.Key.Key_Return, Qt.Key.Key_Enter}:
                item = self.list.currentItem()
                if item is not None:
                    self._go(item)
                return True
        return super().eventFilter(watched, event)

    async def _find_people(self) -> None:
        try:
            people = await self._account.people()
        except ServiceError:
            # Offline with nothing cached: rooms are still there to jump to.
            return
        if not shiboken6.isValid(self):
            return
        known = {room.peer.user_id for room in self._account.rooms if room.peer is not None}
        known.add(self._account.info.me.user_id)
        self._people = [
            Target(account=self._account, title=one.name, subtitle=f"@{one.username}", person=one)
            for one in people
            if one.user_id not in known and not one.deleted
        ]
        self._filter(self.field.text())

    def _filter(self, text: str) -> None:
        self.list.clear()
        for target in best(text, [*self._targets, *self._people], lambda one: one.searched, limit=_LIMIT):
            item = QListWidgetItem(target.title)
            item.setData(_ROLE, target)
            item.setData(Qt.ItemDataRole.AccessibleTextRole, f"{target.title}. {target.subtitle}")
            self.list.addItem(item)
        self.list.setCurrentRow(0)
        self._nothing.setVisible(not self.list.count())

    def _go(self, item: QListWidgetItem) -> None:
        target: Target = item.data(_ROLE)
        if target.room is not None:
            self._context.shell.open_room(target.account, target.room.room_id)
        elif target.person is not None:
            self._context.spawn(self._open_person(target.account, target.person.user_id), "direct room")

    async def _open_person(self, account: Account, user_id: str) -> None:
        try:
            room_id = await account.open_direct(user_id)
        except ServiceError as problem:
            if shiboken6.isValid(self):
                self.message.say(problem.text)
            return
        self._context.shell.open_room(account, room_id)


class TargetDelegate(QStyledItemDelegate):
    """Avatar, name, and a line below."""

    def sizeHint(self, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex) -> QSize:
        return QSize(0, _ROW)

    def paint(
        self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> None:
        target: Target = index.data(_ROLE)
        t, rect, turn = tokens(), option.rect, option.direction
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if option.state & QStyle.StateFlag.State_Selected:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(QColor(t.selection))
            painter.drawRoundedRect(QRectF(rect), RADIUS_CONTROL, RADIUS_CONTROL)
        place = QStyle.visualRect(turn, rect, QRect(rect.left() + 8, rect.top() + 8, _AVATAR, _AVATAR))
        shown = target.person or (target.room.peer if target.room is not None else None)
        if shown is None:
            room_id = "" if target.room is None else target.room.room_id
            paint_avatar(painter, QRectF(place), text="#", colour=avatar_colour(room_id))
        elif shown.picture is None or not paint_picture(painter, place, shown.picture):
            colour = avatar_colour(shown.user_id, shown.colour)
            paint_avatar(painter, QRectF(place), text=initials(shown.name), colour=colour)
        side = QStyle.visualAlignment(turn, Qt.AlignmentFlag.AlignLeft) | Qt.AlignmentFlag.AlignVCenter
        words = rect.adjusted(52, 4, -8, -4)
        font = painter.font()
        for pixels, colour, text, top in ((14, t.text, target.title, 0), (12, t.muted, target.subtitle, 20)):
            font.setPixelSize(pixels)
            painter.setFont(font)
            painter.setPen(QColor(colour))
            line = words.adjusted(0, top, 0, 0)
            line.setHeight(20)
            shown_text = painter.fontMetrics().elidedText(text, Qt.TextElideMode.ElideRight, line.width())
            painter.drawText(QStyle.visualRect(turn, rect, line), side, shown_text)
        painter.restore()


def switcher(context: Context, account: Account) -> Panel:
    """The panel; its field takes the focus."""
    return Panel(tr("Jump to"), Switcher(context, account))
