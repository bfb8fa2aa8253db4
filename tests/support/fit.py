"""What does not fit in a window: parts beyond its edges, words that are cut."""

from __future__ import annotations

from collections.abc import Iterator

from PySide6.QtCore import QPoint, QTranslator
from PySide6.QtWidgets import QLabel, QPushButton, QScrollArea, QSplitterHandle, QWidget

from desktop.views.kit import Elided

_SLACK = 1


def misfits(window: QWidget) -> list[str]:
    """One line each; empty where everything is inside and whole."""
    # The handles of a splitter reach over its edges, to be caught by the mouse.
    shown = (part for part in window.findChildren(QWidget) if part.isVisible())
    parts = [part for part in shown if not isinstance(part, QSplitterHandle)]
    return [line for part in parts for line in _of(part, window)]


def _of(part: QWidget, window: QWidget) -> Iterator[str]:
    words = part.text() if isinstance(part, (QLabel, QPushButton)) else ""
    name = f"{type(part).__name__} {part.objectName()} {part.accessibleName() or words}"
    left = part.mapTo(window, QPoint(0, 0)).x()
    if part.window() is window and (left < -_SLACK or left + part.width() > window.width() + _SLACK):
        yield f"beyond the window, {left} to {left + part.width()} of {window.width()}: {name}"
    if isinstance(part, QScrollArea):
        body = part.widget()
        if body is not None and body.width() > part.viewport().width() + _SLACK:
            yield f"wider than its place, {body.width()} of {part.viewport().width()}: {name}"
    if isinstance(part, QLabel) and not isinstance(part, Elided) and part.text():
        yield from _label(part, name)
    if isinstance(part, QPushButton) and part.text():
        inside = part.fontMetrics().size(0, QPushButton.text(part)).width()
        if inside > part.width():
            yield f"button cut, {inside} of {part.width()}: {name}"


def _label(part: QLabel, name: str) -> Iterator[str]:
    if part.wordWrap():
        high = part.heightForWidth(part.width())
        if high > part.height() + _SLACK:
            yield f"words cut, {part.height()} of {high} high: {name}"
    elif part.fontMetrics().horizontalAdvance(part.text()) > part.width() + _SLACK:
        yield f"words cut, {part.width()} wide: {name}"


class LongWords(QTranslator):
    """Stands in for a language that needs half as much room again, as German does."""

    def isEmpty(self) -> bool:
        return False

    def translate(
        self,
        context: bytes | str,
        sourceText: bytes | str,  # noqa: N803 - Qt's name
        disambiguation: bytes | str | None = None,
        n: int = -1,
    ) -> str:
        source = sourceText.decode() if isinstance(sourceText, bytes) else sourceText
        words = source.split()
        return " ".join([source, *("verlängerung"[: max(3, len(w))] for w in words[: (len(words) + 1) // 2])])
