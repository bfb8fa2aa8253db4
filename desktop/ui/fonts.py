"""The program's own font, so that it looks alike everywhere."""

from __future__ import annotations

from typing import Final

from PySide6.QtGui import QFont, QFontDatabase
from PySide6.QtWidgets import QApplication

from desktop.ui.resources import resource

FAMILY: Final = "Inter Variable"
BODY_PX: Final = 14


def load(app: QApplication) -> None:
    """Make Inter the program's font; scripts that it lacks come from the system's fonts."""
    QFontDatabase.addApplicationFont(str(resource("fonts", "inter", "InterVariable.ttf")))
    font = QFont(FAMILY)
    font.setPixelSize(BODY_PX)
    app.setFont(font)
