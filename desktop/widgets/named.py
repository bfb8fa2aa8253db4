"""Names by which the style sheet knows widgets."""

from __future__ import annotations

from typing import TypeVar

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLabel, QWidget

W = TypeVar("W", bound=QWidget)


def named(widget: W, name: str) -> W:
    """The widget, styled as ``name``."""
    widget.setObjectName(name)
    return widget


def label(text: str, name: str) -> QLabel:
    """Plain text, never guessed to be rich, styled as ``name``."""
    made = named(QLabel(text), name)
    made.setTextFormat(Qt.TextFormat.PlainText)
    return made
