"""What stands where the messages will be."""

from __future__ import annotations

from typing import Final

from PySide6.QtCore import QRect, QRectF, Qt
from PySide6.QtGui import QColor, QPainter

from desktop.ui.i18n import tr
from desktop.ui.theme import tokens
from desktop.ui.tokens import RADIUS_BUBBLE

_SKELETONS: Final = ((0.55, False), (0.35, False), (0.45, True), (0.6, False), (0.3, True))
"""Share of the width, and whether it is an own bubble."""
_MARGIN: Final = 20
_INDENT: Final = 42
_HEIGHT: Final = 48
_STEP: Final = 62


def paint_blank(painter: QPainter, area: QRect, *, loading: bool) -> None:
    """Grey bubbles while a page is on its way, else words for an empty room."""
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    if not loading:
        painter.setPen(QColor(tokens().muted))
        painter.drawText(area, Qt.AlignmentFlag.AlignCenter, tr("No messages yet. Write the first."))
        return
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(QColor(tokens().hover))
    inside = area.adjusted(_MARGIN, _MARGIN, -_MARGIN, -_MARGIN)
    top = inside.top()
    for share, own in _SKELETONS:
        wide = int(inside.width() * share)
        left = inside.right() - wide if own else inside.left() + _INDENT
        bubble = QRectF(QRect(left, top, wide, _HEIGHT))
        painter.drawRoundedRect(bubble, RADIUS_BUBBLE, RADIUS_BUBBLE)
        top += _STEP
