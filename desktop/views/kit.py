"""Small pieces that every view uses: labels, icon buttons, the theme's tokens."""

from __future__ import annotations

from typing import Final

from PySide6.QtCore import QEvent, QRect, QSize, Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent
from PySide6.QtWidgets import QLabel, QSizePolicy, QToolButton, QWidget

from desktop.services.state import Person, RoomItem
from desktop.ui import icons, theme
from desktop.ui.fonts import px
from desktop.ui.tokens import avatar_colour
from desktop.widgets.avatar import initials, paint_avatar, paint_picture

BUTTON: Final = 34
LOOKS: Final = frozenset({QEvent.Type.PaletteChange, QEvent.Type.StyleChange})
"""What a widget is told when colours or the size of text changed."""
_SCRIM_ALPHA: Final = 110


def set_kind(widget: QWidget, kind: str) -> None:
    """Which rule of the style sheet applies: ``primary``, ``muted``, ``panel``..."""
    if widget.objectName() != kind:
        widget.setObjectName(kind)
        widget.style().unpolish(widget)
        widget.style().polish(widget)


def plain_label(text: str, *, kind: str = "", wrap: bool = False) -> QLabel:
    """A label that never takes its text for markup (libraries.md, trap 10)."""
    label = QLabel(text)
    label.setTextFormat(Qt.TextFormat.PlainText)
    label.setWordWrap(wrap)
    if kind:
        label.setObjectName(kind)
    return label


class Elided(QLabel):
    """One line that ends in an ellipsis where there is no room, its whole text as tool tip."""

    def __init__(self, text: str = "", *, kind: str = "") -> None:
        super().__init__()
        self._whole = text
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        if kind:
            self.setObjectName(kind)
        self.set_text(text)

    def set_text(self, text: str) -> None:
        """The whole text; asked for at each change of a room, mostly of another part of it."""
        if text == self._whole == self.text():
            return
        self._whole = text
        self.setAccessibleName(text)
        self.setText(text)
        self.setToolTip("")
        self.update()

    def minimumSizeHint(self) -> QSize:
        return QSize(0, super().minimumSizeHint().height())

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setPen(self.palette().color(self.foregroundRole()))
        line = self.fontMetrics().elidedText(self._whole, Qt.TextElideMode.ElideRight, self.width())
        self.setToolTip(self._whole if line != self._whole else "")
        side = Qt.AlignmentFlag.AlignLeading | Qt.AlignmentFlag.AlignVCenter
        painter.drawText(self.rect(), QWidget.style(self).visualAlignment(self.layoutDirection(), side), line)


class IconButton(QToolButton):
    """A square button with an icon; its name is its tool tip and what a screen reader says."""

    def __init__(self, name: str, label: str, *, colour: str = "muted", size: int = BUTTON) -> None:
        super().__init__()
        self._icon = name
        self._colour = colour
        self._size = size
        self.setObjectName("icon")
        self.setAutoRaise(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.set_name(label)
        self._draw()

    def set_name(self, label: str) -> None:
        """What it does."""
        self.setToolTip(label)
        self.setAccessibleName(label)

    def set_icon(self, name: str) -> None:
        """Another icon."""
        self._icon = name
        self._draw()

    def changeEvent(self, event: QEvent) -> None:
        if event.type() in LOOKS:
            self._draw()
        super().changeEvent(event)

    def _draw(self) -> None:
        tokens = theme.tokens()
        self.setFixedSize(px(self._size), px(self._size))
        self.setIconSize(QSize(px(icons.SIZE), px(icons.SIZE)))
        turned = self.layoutDirection() is Qt.LayoutDirection.RightToLeft
        colour = getattr(tokens, self._colour)
        self.setIcon(icons.icon(self._icon, colour, disabled=tokens.line, turned=turned))


class IconLabel(QLabel):
    """An icon that is only looked at, in a colour of the theme."""

    def __init__(self, name: str, *, colour: str = "muted", size: int = icons.SIZE) -> None:
        super().__init__()
        self._icon, self._colour, self._size = name, colour, size
        self.setFixedSize(px(size), px(size))

    def changeEvent(self, event: QEvent) -> None:
        if event.type() in LOOKS:
            self.setFixedSize(px(self._size), px(self._size))
        super().changeEvent(event)

    def show_icon(self, name: str, colour: str) -> None:
        """Another one."""
        if (name, colour) != (self._icon, self._colour):
            self._icon, self._colour = name, colour
            self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        icons.paint_icon(
            QPainter(self), self.rect().toRectF(), self._icon, getattr(theme.tokens(), self._colour)
        )


class Avatar(QWidget):
    """A round picture of a person or a room."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self._text = self._colour = ""
        self._picture: str | None = None
        self.setFixedSize(size, size)

    def show_person(self, person: Person) -> None:
        """Their picture, else their initials."""
        self._show(initials(person.name), avatar_colour(person.user_id, person.colour), person.picture)

    def show_room(self, room: RoomItem) -> None:
        """That of its other person, or the sign of a group."""
        if room.peer is not None:
            self.show_person(room.peer)
        else:
            self._show("#", avatar_colour(room.room_id, None), None)

    def _show(self, text: str, colour: str, picture: str | None) -> None:
        if (text, colour, picture) != (self._text, self._colour, self._picture):
            self._text, self._colour, self._picture = text, colour, picture
            self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        if self._picture is None or not paint_picture(painter, self.rect(), self._picture):
            paint_avatar(painter, self.rect(), text=self._text, ground=self._colour)


def paint_scrim(painter: QPainter, rect: QRect) -> None:
    """Dims what is behind a panel."""
    shade = QColor(0, 0, 0, _SCRIM_ALPHA)
    painter.fillRect(rect, shade)
