"""Bubbles as pictures: while one scrolls by it is copied, not drawn again."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from PySide6.QtCore import QRect
from PySide6.QtGui import QColor, QPainter, QPixmap

from desktop.views.conversation.rows import Row

_BYTES: Final = 6 * 1_048_576
"""Kept at one device pixel a pixel: some two screens of bubbles."""
_PIXEL: Final = 4


@dataclass(frozen=True, slots=True)
class _Strip:
    row: Row
    area: tuple[int, int, int]
    """Left, width and height, by which a window that was made wider or turned differs."""
    ratio: float
    picture: QPixmap
    size: int


class Strips:
    """The bubbles painted last, by the item's key."""

    def __init__(self) -> None:
        self._kept: OrderedDict[str, _Strip] = OrderedDict()
        self._bytes = 0

    def forget(self) -> None:
        """Colours or fonts changed."""
        self._kept.clear()
        self._bytes = 0

    def draw(
        self, painter: QPainter, row: Row, area: QRect, ground: QColor, paint: Callable[[QPainter], None]
    ) -> None:
        """Show in ``area`` what ``paint`` draws there, on a ``ground`` that is all of one colour."""
        ratio = painter.device().devicePixelRatio()
        size = round(area.width() * area.height() * ratio * ratio) * _PIXEL
        bound = _BYTES * ratio * ratio
        # Between whole device pixels a picture would be blurred; a very large one is seen in parts.
        if not ratio.is_integer() or not 0 < size <= bound / 2:
            paint(painter)
            return
        strip = self._kept.get(row.item.key)
        shape = (area.left(), area.width(), area.height())
        if strip is None or strip.row is not row or strip.area != shape or strip.ratio != ratio:
            strip = _Strip(row, shape, ratio, _picture(area, ratio, ground, paint), size)
            self._keep(strip, bound)
        else:
            self._kept.move_to_end(row.item.key)
        painter.drawPixmap(area.topLeft(), strip.picture)

    def _keep(self, strip: _Strip, bound: float) -> None:
        before = self._kept.pop(strip.row.item.key, None)
        self._bytes += strip.size - (0 if before is None else before.size)
        self._kept[strip.row.item.key] = strip
        while self._bytes > bound:
            self._bytes -= self._kept.popitem(last=False)[1].size


def _picture(area: QRect, ratio: float, ground: QColor, paint: Callable[[QPainter], None]) -> QPixmap:
    picture = QPixmap(area.size() * ratio)
    picture.setDevicePixelRatio(ratio)
    # Opaque, so that letters are smoothed as they are on the window itself.
    picture.fill(ground)
    painter = QPainter(picture)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.translate(-area.topLeft())
    paint(painter)
    painter.end()
    return picture
