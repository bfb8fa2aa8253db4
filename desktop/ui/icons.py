"""Lucide's icons (resources/icons/lucide), drawn in a colour of the theme, crisp at every scale."""

from __future__ import annotations

from functools import cache
from typing import Final

from PySide6.QtCore import QByteArray, QRectF, QSize, Qt
from PySide6.QtGui import QIcon, QIconEngine, QPainter, QPixmap

from desktop.ui.resources import resource

SIZE: Final = 18


def icon(name: str, colour: str, *, disabled: str | None = None) -> QIcon:
    """The icon ``name`` in ``colour`` (``#RRGGBB``)."""
    return QIcon(_Engine(name, colour, disabled or colour))


def paint_icon(painter: QPainter, rect: QRectF, name: str, colour: str) -> None:
    """Draw it into ``rect``, a square."""
    from PySide6.QtSvg import QSvgRenderer

    # A renderer for each call: it parses in 50 us and holds more memory than its text.
    QSvgRenderer(QByteArray(_svg(name).replace(b"currentColor", colour.encode()))).render(painter, rect)


@cache
def _svg(name: str) -> bytes:
    return resource("icons", "lucide", f"{name}.svg").read_bytes()


class _Engine(QIconEngine):
    """Draws at the size and scale that is asked for, not at one that was stored."""

    def __init__(self, name: str, colour: str, disabled: str) -> None:
        super().__init__()
        self._name = name
        self._colour = colour
        self._disabled = disabled

    def paint(self, painter: QPainter, rect: object, mode: QIcon.Mode, state: QIcon.State) -> None:
        colour = self._disabled if mode is QIcon.Mode.Disabled else self._colour
        paint_icon(painter, QRectF(rect), self._name, colour)  # type: ignore[call-overload]  # a QRect by Qt's own contract

    def pixmap(self, size: QSize, mode: QIcon.Mode, state: QIcon.State) -> QPixmap:
        pixmap = QPixmap(size)
        pixmap.fill(Qt.GlobalColor.transparent)
        painter = QPainter(pixmap)
        self.paint(painter, pixmap.rect(), mode, state)
        painter.end()
        return pixmap

    def clone(self) -> QIconEngine:
        return _Engine(self._name, self._colour, self._disabled)
