"""Translation of what the windows say."""

from __future__ import annotations

from PySide6.QtCore import QCoreApplication


def tr(text: str) -> str:
    """In the language of the window; ``text`` is the English."""
    return QCoreApplication.translate("views", text)
