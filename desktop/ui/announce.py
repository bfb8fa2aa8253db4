"""Words for a screen reader that no focus leads to."""

from __future__ import annotations

from PySide6.QtCore import QObject
from PySide6.QtGui import QAccessible, QAccessibleAnnouncementEvent


def listened_to() -> bool:
    """Whether a screen reader runs: without one, words need not be looked for."""
    return QAccessible.isActive()


def announce(about: QObject, words: str, *, now: bool = False) -> None:
    """Have it read out: after what is being read, or ``now`` in its place for what can't wait."""
    if not listened_to() or not words:
        return
    event = QAccessibleAnnouncementEvent(about, words)
    kinds = QAccessible.AnnouncementPoliteness
    event.setPoliteness(kinds.Assertive if now else kinds.Polite)
    QAccessible.updateAccessibility(event)
