"""The program's own font, so that it looks alike everywhere."""

from __future__ import annotations

from typing import Final

from PySide6.QtGui import QFont, QFontDatabase
from PySide6.QtWidgets import QApplication

from desktop.ui.resources import resource

FAMILY: Final = "Inter"
# Cuts of the variable font at its weights: Qt shows a variable application font in one weight only.
_CUTS: Final = ("Regular", "SemiBold", "Bold")
BODY_PX: Final = 14


def load(app: QApplication) -> None:
    """Make Inter the program's font; scripts that it lacks come from the system's fonts."""
    for cut in _CUTS:
        QFontDatabase.addApplicationFont(str(resource("fonts", "inter", f"Inter-{cut}.ttf")))
    font = QFont(FAMILY)
    font.setPixelSize(BODY_PX)
    app.setFont(font)
