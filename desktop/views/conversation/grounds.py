"""What lies behind the text of a message: one ground under a block of code, a bar beside a quotation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QBrush, QColor, QPainter, QTextBlock, QTextCursor, QTextDocument

from desktop.ui.tokens import Tokens

_INSET: Final = 8
_ABOVE: Final = 5
_RADIUS: Final = 6
_BAR: Final = 3


@dataclass(frozen=True, slots=True)
class Ground:
    """Paragraphs ``first`` to ``last``, counted from 0: a block of code, else a quotation."""

    first: int
    last: int
    code: bool


def take_grounds(document: QTextDocument) -> tuple[Ground, ...]:
    """Find them in a document made from HTML.

    Qt paints the ground of code line by line, with gaps: it is taken off the text, which gets room around it.
    """
    found: list[Ground] = []
    block = document.begin()
    while block.isValid():
        code = block.blockFormat().background().style() is not Qt.BrushStyle.NoBrush
        # Qt gives only the first paragraph of a quotation its level, but all of them its margin.
        if code or block.blockFormat().leftMargin() > 0:
            number = block.blockNumber()
            before = found[-1] if found else None
            if before is not None and (before.last, before.code) == (number - 1, code):
                found[-1] = Ground(before.first, number, code)
            else:
                found.append(Ground(number, number, code))
        block = block.next()
    for ground in found:
        if ground.code:
            _clear(document, ground)
    return tuple(found)


def paint_grounds(
    painter: QPainter, document: QTextDocument, grounds: tuple[Ground, ...], t: Tokens, *, turned: bool
) -> None:
    """In the coordinates of the document; ``turned`` where it reads from right to left."""
    painter.setPen(Qt.PenStyle.NoPen)
    wide = document.textWidth()
    for ground in grounds:
        top = _rect(document, ground.first).top()
        bottom = _rect(document, ground.last).bottom()
        if ground.code:
            painter.setBrush(QColor(t.hover))
            painter.drawRoundedRect(QRectF(0, top, wide, bottom - top), _RADIUS, _RADIUS)
        else:
            left = wide - _BAR if turned else 0
            painter.fillRect(QRectF(left, top, _BAR, bottom - top), QColor(t.accent))


def _rect(document: QTextDocument, number: int) -> QRectF:
    block = document.findBlockByNumber(number)
    # Without its margins, which are the ground's own for code.
    return document.documentLayout().blockBoundingRect(block).adjusted(0, -_top(block), 0, _bottom(block))


def _top(block: QTextBlock) -> float:
    return block.blockFormat().topMargin()


def _bottom(block: QTextBlock) -> float:
    return block.blockFormat().bottomMargin()


def _clear(document: QTextDocument, ground: Ground) -> None:
    cursor = QTextCursor(document.findBlockByNumber(ground.first))
    end = document.findBlockByNumber(ground.last)
    cursor.setPosition(end.position() + end.length() - 1, QTextCursor.MoveMode.KeepAnchor)
    letters = cursor.charFormat()
    letters.setBackground(QBrush(Qt.BrushStyle.NoBrush))
    cursor.mergeCharFormat(letters)
    for number in range(ground.first, ground.last + 1):
        line = QTextCursor(document.findBlockByNumber(number))
        shape = line.blockFormat()
        shape.clearBackground()
        shape.setLeftMargin(_INSET)
        shape.setRightMargin(_INSET)
        shape.setTopMargin(_ABOVE if number == ground.first else 0)
        shape.setBottomMargin(_ABOVE if number == ground.last else 0)
        line.setBlockFormat(shape)
