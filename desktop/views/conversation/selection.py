"""Text marked with the mouse, within one message or across several."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from PySide6.QtGui import QTextCursor

from desktop.models.timeline import ITEM_ROLE, TimelineModel
from desktop.services.state import MessageItem
from desktop.views.conversation.markdown import MessageDocument

_END: Final = -1
_LINE_BREAKS: Final = str.maketrans({"\u2028": "\n", "\u2029": "\n", "\xa0": " "})


@dataclass(frozen=True, slots=True)
class Spot:
    """A place between two characters of a message's text. Its row changes while history loads."""

    key: str
    position: int


class TextSelection:
    """From where the mouse went down to where it is; both are kept by message, not by row."""

    def __init__(self, rows: TimelineModel) -> None:
        self._rows = rows
        self._from: Spot | None = None
        self._to: Spot | None = None

    @property
    def empty(self) -> bool:
        """Nothing is marked."""
        return self._from is None or self._to is None or self._from == self._to

    @property
    def begun(self) -> bool:
        """The mouse went down on a message."""
        return self._from is not None

    def begin(self, spot: Spot) -> None:
        """A new one."""
        self._from, self._to = spot, None

    def extend(self, spot: Spot) -> None:
        """To here."""
        self._to = spot

    def clear(self) -> None:
        """Nothing is marked any more."""
        self._from = self._to = None

    def rows(self) -> range:
        """The rows that have a part in it; none where one of its ends is no longer in the window."""
        ends = self._ends()
        return range(0) if ends is None else range(ends[0][0], ends[1][0] + 1)

    def stretch(self, row: int) -> tuple[int, int] | None:
        """Start and end within a row's text; an end of -1 is the text's own."""
        ends = None if self.empty else self._ends()
        if ends is None or not ends[0][0] <= row <= ends[1][0]:
            return None
        start = ends[0][1] if row == ends[0][0] else 0
        return start, ends[1][1] if row == ends[1][0] else _END

    def text(self, document_of: Callable[[int], MessageDocument]) -> str:
        """To copy: across messages each begins with its author."""
        parts: list[tuple[MessageItem, str]] = []
        for row in self.rows():
            item = self._rows.index(row).data(ITEM_ROLE)
            marked = self.stretch(row)
            if isinstance(item, MessageItem) and marked is not None:
                parts.append((item, cursor_of(document_of(row), marked).selectedText()))
        if len(parts) == 1:
            return parts[0][1].translate(_LINE_BREAKS)
        return "\n".join(f"{item.author.name}: {text.translate(_LINE_BREAKS)}" for item, text in parts)

    def _ends(self) -> tuple[tuple[int, int], tuple[int, int]] | None:
        if self._from is None or self._to is None:
            return None
        places = [(self._rows.row_of_key(spot.key), spot.position) for spot in (self._from, self._to)]
        if min(row for row, _ in places) < 0:
            return None
        first, last = sorted(places)
        return first, last


def cursor_of(document: MessageDocument, stretch: tuple[int, int]) -> QTextCursor:
    """The stretch, marked in a document."""
    cursor = QTextCursor(document)
    end = document.characterCount() - 1
    start, stop = stretch
    cursor.setPosition(min(start, end))
    cursor.setPosition(end if stop == _END else min(stop, end), QTextCursor.MoveMode.KeepAnchor)
    return cursor
