"""Colours and pens that are painted with, made once: each of Qt's small values that Python lets go of gives
the interpreter's lock away, and beside a busy server thread it takes a while to come back.
"""

from __future__ import annotations

from functools import lru_cache

from PySide6.QtGui import QColor, QPen


@lru_cache(maxsize=256)
def colour(name: str) -> QColor:
    """Of a token (``#RRGGBB``); it is shared, so it is never changed."""
    return QColor(name)


@lru_cache(maxsize=256)
def pen(name: str, width: int = 1) -> QPen:
    """A line of ``width`` pixels in a token's colour; it is shared, so it is never changed."""
    return QPen(QColor(name), width)
