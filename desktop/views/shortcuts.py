"""Ctrl+/: what the keys do."""

from __future__ import annotations

from typing import Final

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QKeySequence, QResizeEvent
from PySide6.QtWidgets import QBoxLayout, QVBoxLayout, QWidget

from desktop.ui.fonts import px
from desktop.ui.i18n import tr
from desktop.views.kit import plain_label
from desktop.views.overlay import Panel

JUMP: Final = "Ctrl+K"
SETTINGS: Final = "Ctrl+,"
SHORTCUTS: Final = "Ctrl+/"
NEW: Final = "Ctrl+N"
PREVIOUS: Final = "Alt+Up"
NEXT: Final = "Alt+Down"
PREVIOUS_UNREAD: Final = "Alt+Shift+Up"
NEXT_UNREAD: Final = "Alt+Shift+Down"
_BESIDE: Final = 280


def _rows() -> tuple[tuple[str, str], ...]:
    return (
        (JUMP, tr("Jump to a room or a person")),
        (NEW, tr("New conversation")),
        (f"{PREVIOUS} · {NEXT}", tr("Room before, room after")),
        (f"{PREVIOUS_UNREAD} · {NEXT_UNREAD}", tr("Unread room before, after")),
        ("Return", tr("Send")),
        ("Shift+Return", tr("New line")),
        ("Up", tr("Edit your last message, in an empty field")),
        ("Menu · Shift+F10", tr("What can be done with a message")),
        ("Esc", tr("Step back")),
        (SETTINGS, tr("Settings")),
        (SHORTCUTS, tr("This list")),
    )


class Shortcut(QWidget):
    """Keys and what they do; below each other where both don't fit into a line."""

    def __init__(self, keys: str, words: str) -> None:
        super().__init__()
        self._line = QBoxLayout(QBoxLayout.Direction.LeftToRight, self)
        self._line.setContentsMargins(0, 0, 0, 0)
        self._line.setSpacing(2)
        self._line.addWidget(plain_label(keys, kind="name", wrap=True), 2, Qt.AlignmentFlag.AlignTop)
        self._line.addWidget(plain_label(words, kind="muted", wrap=True), 3, Qt.AlignmentFlag.AlignTop)

    def minimumSizeHint(self) -> QSize:
        return QSize(0, super().minimumSizeHint().height())

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        ways = QBoxLayout.Direction
        self._line.setDirection(ways.LeftToRight if self.width() >= px(_BESIDE) else ways.TopToBottom)


def shortcuts_panel() -> Panel:
    """All of them, as this system writes its keys."""
    body = QWidget()
    column = QVBoxLayout(body)
    column.setSpacing(10)
    for keys, words in _rows():
        shown = " · ".join(
            QKeySequence(key).toString(QKeySequence.SequenceFormat.NativeText) for key in keys.split(" · ")
        )
        column.addWidget(Shortcut(shown, words))
    return Panel(tr("Keyboard shortcuts"), body)
