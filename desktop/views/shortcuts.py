"""Ctrl+/: what the keys do."""

from __future__ import annotations

from typing import Final

from PySide6.QtCore import Qt
from PySide6.QtGui import QKeySequence
from PySide6.QtWidgets import QGridLayout, QWidget

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


def shortcuts_panel() -> Panel:
    """All of them, as this system writes its keys."""
    body = QWidget()
    grid = QGridLayout(body)
    grid.setHorizontalSpacing(20)
    grid.setVerticalSpacing(10)
    grid.setColumnStretch(1, 1)
    for row, (keys, words) in enumerate(_rows()):
        shown = " · ".join(
            QKeySequence(key).toString(QKeySequence.SequenceFormat.NativeText) for key in keys.split(" · ")
        )
        name = plain_label(shown, kind="name")
        grid.addWidget(name, row, 0, Qt.AlignmentFlag.AlignTop)
        grid.addWidget(plain_label(words, kind="muted", wrap=True), row, 1)
    return Panel(tr("Keyboard shortcuts"), body)
