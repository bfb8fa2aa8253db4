"""Timers that run once each time they are started."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QObject, QTimer


def once(owner: QObject, after_ms: int, call: Callable[[], object]) -> QTimer:
    """Calls ``call`` that long after each ``start``; starting it again begins anew. Ends with ``owner``."""
    timer = QTimer(owner)
    timer.setSingleShot(True)
    timer.setInterval(after_ms)
    timer.timeout.connect(call)
    return timer
