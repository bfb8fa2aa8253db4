"""Lucide's icons (resources/icons/lucide), drawn in a colour of the theme, crisp at every scale."""

from __future__ import annotations

from functools import cache
from typing import Final

from PySide6.QtCore import QByteArray, QPoint, QRect, QRectF, QSize, Qt
from PySide6.QtGui import QIcon, QIconEngine, QPainter, QPixmap, QPixmapCache

from desktop.ui.resources import resource

SIZE: Final = 18


_ALONG: Final = frozenset({"arrow-left", "chevron-right", "log-out", "panel-right", "reply"})
"""Those that point along the line: mirrored where it runs right to left."""


def icon(name: str, colour: str, *, disabled: str | None = None, turned: bool = False) -> QIcon:
    """The icon ``name`` in ``colour`` (``#RRGGBB``); ``turned`` where lines run right to left."""
    return QIcon(_Engine(name, colour, disabled or colour, turned=turned and name in _ALONG))


def paint_icon(painter: QPainter, rect: QRectF, name: str, colour: str) -> None:
    """Draw it into ``rect``, a square, on whole pixels; what was drawn before is copied."""
    spot = QRect(round(rect.x()), round(rect.y()), round(rect.width()), round(rect.height()))
    ratio = painter.device().devicePixelRatio()
    if not ratio.is_integer():
        # A copy would be blurred between whole device pixels.
        _render(painter, spot, name, colour)
        return
    key, picture = f"{name} {colour} {spot.width()} {ratio}", QPixmap()
    if not QPixmapCache.find(key, picture):
        picture = QPixmap(spot.size() * ratio)
        picture.setDevicePixelRatio(ratio)
        picture.fill(Qt.GlobalColor.transparent)
        inner = QPainter(picture)
        _render(inner, QRect(QPoint(0, 0), spot.size()), name, colour)
        inner.end()
        QPixmapCache.insert(key, picture)
    painter.drawPixmap(spot.topLeft(), picture)


def _render(painter: QPainter, spot: QRect, name: str, colour: str) -> None:
    from PySide6.QtSvg import QSvgRenderer

    # A renderer for each call: it holds more memory than its text.
    renderer = QSvgRenderer(QByteArray(_svg(name).replace(b"currentColor", colour.encode())))
    renderer.render(painter, QRectF(spot))


@cache
def _svg(name: str) -> bytes:
    return resource("icons", "lucide", f"{name}.svg").read_bytes()


class _Engine(QIconEngine):
    """Draws at the size and scale that is asked for, not at one that was stored."""

    def __init__(self, name: str, colour: str, disabled: str, *, turned: bool) -> None:
        super().__init__()
        self._name = name
        self._colour = colour
        self._disabled = disabled
        self._turned = turned

    def paint(self, painter: QPainter, rect: object, mode: QIcon.Mode, state: QIcon.State) -> None:
        colour = self._disabled if mode is QIcon.Mode.Disabled else self._colour
        spot = QRectF(rect)  # type: ignore[call-overload]  # a QRect by Qt's own contract
        painter.save()
        if self._turned:
            painter.translate(2 * spot.center().x(), 0)
            painter.scale(-1, 1)
        paint_icon(painter, spot, self._name, colour)
        painter.restore()

    def pixmap(self, size: QSize, mode: QIcon.Mode, state: QIcon.State) -> QPixmap:
        pixmap = QPixmap(size)
        pixmap.fill(Qt.GlobalColor.transparent)
        painter = QPainter(pixmap)
        self.paint(painter, pixmap.rect(), mode, state)
        painter.end()
        return pixmap

    def clone(self) -> QIconEngine:
        return _Engine(self._name, self._colour, self._disabled, turned=self._turned)
