"""A round picture: initials on a colour."""

from __future__ import annotations

from PySide6.QtCore import QRect, QRectF, Qt
from PySide6.QtGui import QFont, QPainter, QPainterPath, QPixmap, QPixmapCache

from desktop.ui.fonts import exact
from desktop.ui.pens import colour

_SIZE_OF_TEXT = 0.36


def initials(name: str) -> str:
    """Up to two letters: of the first and the last word, or the first two of a single one."""
    words = [word for word in name.split() if word[0].isalnum()]
    if not words:
        return "?"
    return (words[0][0] + words[-1][0] if len(words) > 1 else words[0][:2]).upper()


def paint_avatar(painter: QPainter, rect: QRect | QRectF, *, text: str, ground: str) -> None:
    """Draw it into ``rect``, a square."""
    painter.save()
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(colour(ground))
    painter.drawEllipse(rect)
    painter.setFont(exact(max(8, round(rect.height() * _SIZE_OF_TEXT)), QFont.Weight.Bold))
    painter.setPen(colour("#FFFFFF"))
    painter.drawText(rect, Qt.AlignmentFlag.AlignCenter, text)
    painter.restore()


def paint_picture(painter: QPainter, rect: QRect, path: str) -> bool:
    """Draw a picture file round into ``rect``; False where it can't be read."""
    scale = painter.device().devicePixelRatio()
    size = round(rect.width() * scale)
    key = f"{path}@{size}"
    pixmap = QPixmap()
    if not QPixmapCache.find(key, pixmap):
        whole = QPixmap(path)
        if whole.isNull():
            return False
        pixmap = whole.scaled(
            size,
            size,
            Qt.AspectRatioMode.KeepAspectRatioByExpanding,
            Qt.TransformationMode.SmoothTransformation,
        )
        QPixmapCache.insert(key, pixmap)
    painter.save()
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    round_path = QPainterPath()
    round_path.addEllipse(rect)
    painter.setClipPath(round_path)
    left, top = (pixmap.width() - size) // 2, (pixmap.height() - size) // 2
    painter.drawPixmap(rect, pixmap, QRect(left, top, size, size))
    painter.restore()
    return True
