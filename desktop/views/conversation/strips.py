"""Bubbles as pictures: while one scrolls by it is copied, not drawn again."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from PySide6.QtCore import QRect
from PySide6.QtGui import QColor, QPainter, QPixmap

from desktop.services.state import MessageItem
from desktop.views.conversation.layout import Layout

_BYTES: Final = 6 * 1_048_576
"""Kept at one device pixel a pixel: some two screens of bubbles."""
_PIXEL: Final = 4


@dataclass(frozen=True, slots=True)
class Strip:
    """A picture of a message: its bubble, and the author's picture where it stands beside it."""

    item: MessageItem
    made: Layout
    width: int
    ratio: float
    picture: QPixmap
    size: int


class Strips:
    """The bubbles painted last, by the item's key."""

    def __init__(self) -> None:
        self._kept: OrderedDict[str, Strip] = OrderedDict()
        self._bytes = 0

    def forget(self) -> None:
        """Colours, fonts or the direction changed."""
        self._kept.clear()
        self._bytes = 0

    def find(self, painter: QPainter, item: MessageItem, made: Layout) -> Strip | None:
        """The picture of just this, for what ``painter`` draws on; wherever it stands."""
        strip = self._kept.get(item.key)
        if strip is None or strip.item is not item or strip.made is not made:
            return None
        if strip.ratio != painter.device().devicePixelRatio():
            return None
        self._kept.move_to_end(item.key)
        return strip

    def make(
        self,
        painter: QPainter,
        item: MessageItem,
        made: Layout,
        *,
        area: QRect,
        ground: QColor,
        paint: Callable[[QPainter], None],
    ) -> Strip | None:
        """Keep what ``paint`` draws in ``area``, on a ``ground`` that is all of one colour.

        What can't be kept is drawn at once.
        """
        ratio = painter.device().devicePixelRatio()
        size = round(area.width() * area.height() * ratio * ratio) * _PIXEL
        bound = _BYTES * ratio * ratio
        # Between whole device pixels a picture would be blurred; a very large one is seen in parts.
        if not ratio.is_integer() or not 0 < size <= bound / 2:
            paint(painter)
            return None
        strip = Strip(item, made, area.width(), ratio, _picture(area, ratio, ground, paint), size)
        before = self._kept.pop(item.key, None)
        self._bytes += size - (0 if before is None else before.size)
        self._kept[item.key] = strip
        while self._bytes > bound:
            self._bytes -= self._kept.popitem(last=False)[1].size
        return strip


def _picture(area: QRect, ratio: float, ground: QColor, paint: Callable[[QPainter], None]) -> QPixmap:
    picture = QPixmap(area.size() * ratio)
    picture.setDevicePixelRatio(ratio)
    # Opaque, so that letters are smoothed as they are on the window itself.
    picture.fill(ground)
    painter = QPainter(picture)
    painter.translate(-area.topLeft())
    paint(painter)
    painter.end()
    return picture
