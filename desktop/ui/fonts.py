"""The program's own font, so that it looks alike everywhere, and how large its text is."""

from __future__ import annotations

import sys
from functools import lru_cache
from typing import Final

from PySide6.QtGui import QFont, QFontDatabase
from PySide6.QtWidgets import QApplication

from desktop.ui.resources import resource
from desktop.ui.walk import all_widgets

FAMILY: Final = "Inter"
# Cuts of the variable font at its weights: Qt shows a variable application font in one weight only.
_CUTS: Final = ("Regular", "SemiBold", "Bold")
BODY_PX: Final = 14
LARGEST: Final = 2.0
_PROPERTY: Final = "parley_text_scale"
# What systems write with while nobody asked for larger text: Segoe UI 9, SF 13; GNOME has 11, KDE 10.
_USUAL_PT: Final = {"win32": 9.0, "darwin": 13.0}
_USUAL_ELSEWHERE_PT: Final = 11.0


def load(app: QApplication) -> None:
    """Make Inter the program's font; scripts that it lacks come from the system's fonts."""
    for cut in _CUTS:
        QFontDatabase.addApplicationFont(str(resource("fonts", "inter", f"Inter-{cut}.ttf")))
    dress(app, 1.0)


def dress(app: QApplication, scale: float) -> None:
    """Text is ``scale`` times as large from now on; 1 to ``LARGEST``."""
    app.setProperty(_PROPERTY, min(max(scale, 1.0), LARGEST))
    # Layouts ask for hundreds of them a frame.
    px.cache_clear()
    font = QFont(FAMILY)
    font.setPixelSize(px(BODY_PX))
    with all_widgets():
        app.setFont(font)


def system_scale() -> float:
    """How much larger than usual the system's own text is; never smaller than 1."""
    size = QFontDatabase.systemFont(QFontDatabase.SystemFont.GeneralFont).pointSizeF()
    larger = size / _USUAL_PT.get(sys.platform, _USUAL_ELSEWHERE_PT)
    return min(max(round(larger, 2), 1.0), LARGEST)


def scale() -> float:
    """How many times larger than designed text is."""
    app = QApplication.instance()
    found = None if app is None else app.property(_PROPERTY)
    return found if isinstance(found, float) else 1.0


@lru_cache(maxsize=256)
def px(pixels: int) -> int:
    """What is this large in the design, as large as the text is now."""
    return round(pixels * scale())


def sized(pixels: int, weight: QFont.Weight = QFont.Weight.Normal, *, italic: bool = False) -> QFont:
    """The program's font in a size of the design; it is shared, so it is never changed."""
    return exact(px(pixels), weight, italic=italic)


@lru_cache(maxsize=64)
def exact(pixels: int, weight: QFont.Weight, *, italic: bool = False) -> QFont:
    """The program's font this large, whatever the size of text; it is shared, so it is never changed."""
    font = QFont(FAMILY)
    font.setPixelSize(pixels)
    font.setWeight(weight)
    font.setItalic(italic)
    return font
