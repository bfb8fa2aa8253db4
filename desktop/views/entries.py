"""A list of rooms and people to choose from: avatar, name, a line below."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final

from PySide6.QtCore import (
    QEvent,
    QModelIndex,
    QObject,
    QPersistentModelIndex,
    QRect,
    QRectF,
    QSize,
    Qt,
    Signal,
)
from PySide6.QtGui import QColor, QKeyEvent, QPainter, QPen
from PySide6.QtWidgets import (
    QLineEdit,
    QListWidget,
    QListWidgetItem,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
)

from desktop.services.state import Person
from desktop.ui.fonts import px, sized
from desktop.ui.i18n import tr
from desktop.ui.icons import paint_icon
from desktop.ui.theme import tokens
from desktop.ui.tokens import RADIUS_CONTROL, avatar_colour
from desktop.views.kit import LOOKS
from desktop.widgets.avatar import initials, paint_avatar, paint_picture

_ROW: Final = 48
_AVATAR: Final = 32
_ICON: Final = 18
_EMOJI: Final = 20
_ROLE: Final = Qt.ItemDataRole.UserRole
_KEYS: Final = frozenset({Qt.Key.Key_Up, Qt.Key.Key_Down, Qt.Key.Key_PageUp, Qt.Key.Key_PageDown})


def row_height() -> int:
    """Of one row, at the size that text has now."""
    return px(_ROW)


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One row. Its picture is the person's, an emoji, an icon, or "#" in the room's colour."""

    title: str
    subtitle: str = ""
    person: Person | None = None
    room_id: str = ""
    icon: str = ""
    emoji: str = ""
    picked: bool = False
    """Draws a tick at its end."""
    note: str = ""
    """At its end, muted: a role."""

    def as_me(self) -> Entry:
        """One's own row."""
        return replace(self, title=tr("{name} (you)").format(name=self.title))


class EntryList(QListWidget):
    """Up and Down in its field choose, Enter or a click takes."""

    taken = Signal(object)
    """The ``Entry``."""

    def __init__(self, name: str, *, rows: int) -> None:
        super().__init__()
        self.setAccessibleName(name)
        self.setItemDelegate(EntryDelegate(self))
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setVerticalScrollMode(QListWidget.ScrollMode.ScrollPerPixel)
        self._rows = rows
        self._fit()
        self.itemClicked.connect(self._take)
        self.itemActivated.connect(self._take)

    def changeEvent(self, event: QEvent) -> None:
        if event.type() in LOOKS:
            self._fit()
        super().changeEvent(event)

    def _fit(self) -> None:
        self.setMinimumHeight(self._rows * row_height())

    def follow(self, field: QLineEdit) -> None:
        """Take the keys of a search field; the list itself needs no focus then."""
        field.installEventFilter(self)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)

    def show_entries(self, entries: Iterable[Entry]) -> None:
        """In place of what is there; the first is the current one."""
        self.clear()
        for entry in entries:
            item = QListWidgetItem(entry.title)
            item.setData(_ROLE, entry)
            item.setData(
                Qt.ItemDataRole.AccessibleTextRole,
                ". ".join(filter(None, [entry.title, entry.note, entry.subtitle])),
            )
            self.addItem(item)
        self.setCurrentRow(0)

    @property
    def entries(self) -> list[Entry]:
        """What is shown."""
        return [self.item(row).data(_ROLE) for row in range(self.count())]

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if isinstance(event, QKeyEvent) and event.type() is QEvent.Type.KeyPress:
            if event.key() in _KEYS:
                self.keyPressEvent(event)
                return True
            item = self.currentItem()
            if event.key() in {Qt.Key.Key_Return, Qt.Key.Key_Enter} and item is not None:
                self._take(item)
                return True
        return super().eventFilter(watched, event)

    def _take(self, item: QListWidgetItem) -> None:
        self.taken.emit(item.data(_ROLE))


class EntryDelegate(QStyledItemDelegate):
    """Mirrored where the language runs right to left."""

    def sizeHint(self, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex) -> QSize:
        return QSize(0, row_height())

    def paint(
        self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> None:
        entry: Entry = index.data(_ROLE)
        t, rect, turn = tokens(), option.rect, option.direction
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        state = option.state
        chosen = bool(state & QStyle.StateFlag.State_Selected)
        if chosen or state & QStyle.StateFlag.State_MouseOver:
            painter.setPen(QPen(QColor(t.accent), 1) if chosen and t.outlined else Qt.PenStyle.NoPen)
            painter.setBrush(QColor(t.selection if chosen else t.hover))
            painter.drawRoundedRect(
                QRectF(rect).adjusted(0.5, 0.5, -0.5, -0.5), RADIUS_CONTROL, RADIUS_CONTROL
            )
        place = QRect(rect.left() + 8, rect.top() + (rect.height() - _AVATAR) // 2, _AVATAR, _AVATAR)
        _picture(painter, QStyle.visualRect(turn, rect, place), entry)
        words = rect.adjusted(52, 4, -36 if entry.picked else -8, -4)
        words.setRight(words.right() - _note(painter, rect, turn, entry.note))
        side = QStyle.visualAlignment(turn, Qt.AlignmentFlag.AlignLeft) | Qt.AlignmentFlag.AlignVCenter
        lines = [(14, t.text, entry.title)] + ([(12, t.muted, entry.subtitle)] if entry.subtitle else [])
        high = words.height() // len(lines)
        for number, (pixels, colour, text) in enumerate(lines):
            painter.setFont(sized(pixels))
            painter.setPen(QColor(colour))
            line = QRect(words.left(), words.top() + number * high, words.width(), high)
            shown = painter.fontMetrics().elidedText(text, Qt.TextElideMode.ElideRight, line.width())
            painter.drawText(QStyle.visualRect(turn, rect, line), side, shown)
        if entry.picked:
            tick = QRect(rect.right() - 28, rect.center().y() - _ICON // 2, _ICON, _ICON)
            paint_icon(painter, QRectF(QStyle.visualRect(turn, rect, tick)), "check", t.accent)
        painter.restore()


def _note(painter: QPainter, rect: QRect, turn: Qt.LayoutDirection, note: str) -> int:
    """Pixels that it took from the end of the row."""
    if not note:
        return 0
    painter.setFont(sized(12))
    painter.setPen(QColor(tokens().muted))
    width = painter.fontMetrics().horizontalAdvance(note)
    place = QRect(rect.right() - 8 - width, rect.top(), width + 1, rect.height())
    painter.drawText(QStyle.visualRect(turn, rect, place), Qt.AlignmentFlag.AlignVCenter, note)
    return width + 8


def _picture(painter: QPainter, place: QRect, entry: Entry) -> None:
    person, t = entry.person, tokens()
    if entry.emoji:
        painter.setFont(sized(_EMOJI))
        painter.setPen(QColor(t.text))
        painter.drawText(place, Qt.AlignmentFlag.AlignCenter, entry.emoji)
    elif entry.icon:
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(t.field))
        painter.drawEllipse(place)
        inset = (_AVATAR - _ICON) / 2
        paint_icon(painter, QRectF(place).adjusted(inset, inset, -inset, -inset), entry.icon, t.accent)
    elif person is None:
        paint_avatar(painter, place, text="#", ground=avatar_colour(entry.room_id))
    elif person.picture is None or not paint_picture(painter, place, person.picture):
        colour = avatar_colour(person.user_id, person.colour)
        paint_avatar(painter, place, text=initials(person.name), ground=colour)


def person_entry(person: Person, *, picked: bool = False, note: str = "") -> Entry:
    """Somebody, with the user name below."""
    return Entry(
        title=person.name,
        subtitle=f"@{person.username}" if person.username else "",
        person=person,
        picked=picked,
        note=note,
    )
