"""Completes what is being typed: "@" names somebody of the room, ":" an emoji."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Final

from PySide6.QtCore import QEvent, QObject, QPoint, Qt
from PySide6.QtGui import QKeyEvent, QTextCursor
from PySide6.QtWidgets import QPlainTextEdit

from desktop.services.mentions import ROOM
from desktop.services.state import Person
from desktop.ui.fonts import px
from desktop.ui.i18n import tr
from desktop.views.context import Settings
from desktop.views.conversation.emoji import find, remember
from desktop.views.entries import Entry, EntryList, person_entry, row_height
from desktop.views.fuzzy import best

_TYPED: Final = re.compile(r"(?:^|(?<=[\s(]))(@[\w.\-]{0,32}|:[\w+\-]{2,24})$")
_MOST: Final = 6
_WIDE: Final = 300
_TAKE: Final = frozenset({Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Tab})
_STEP: Final = {Qt.Key.Key_Up: -1, Qt.Key.Key_Down: 1}


class Completions(EntryList):
    """Lies over the conversation while there is something to choose; the focus stays in the field."""

    def __init__(
        self, field: QPlainTextEdit, settings: Settings, people: Callable[[], Sequence[Person]]
    ) -> None:
        super().__init__(tr("Suggestions"), rows=1)
        self._field, self._settings, self._people = field, settings, people
        self._typed = ""
        self.setObjectName("completions")
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.hide()
        field.installEventFilter(self)
        field.textChanged.connect(self._look)
        field.cursorPositionChanged.connect(self._look)
        self.taken.connect(self._insert)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Keys of the field, while it is open."""
        if watched is self._field and self.isVisible():
            if event.type() is QEvent.Type.FocusOut:
                self.hide()
            elif isinstance(event, QKeyEvent) and event.type() is QEvent.Type.KeyPress:
                return self._key(event)
        return False

    def _key(self, event: QKeyEvent) -> bool:
        key = Qt.Key(event.key())
        if key in _STEP:
            self.setCurrentRow((self.currentRow() + _STEP[key]) % max(1, self.count()))
        elif key in _TAKE and not event.modifiers():
            item = self.currentItem()
            if item is not None:
                self._take(item)
        elif key is Qt.Key.Key_Escape:
            self.hide()
        else:
            return False
        return True

    def _look(self) -> None:
        cursor = self._field.textCursor()
        before = cursor.block().text()[: cursor.positionInBlock()]
        match = None if cursor.hasSelection() else _TYPED.search(before)
        self._typed = match[1] if match is not None else ""
        entries = self._found() if self._typed and self._field.hasFocus() else []
        if not entries:
            self.hide()
            return
        self.show_entries(entries)
        self._place()
        self.show()
        self.raise_()

    def _found(self) -> list[Entry]:
        kind, query = self._typed[0], self._typed[1:]
        if kind == ":":
            return [Entry(title=name, emoji=emoji) for emoji, name in find(query, limit=_MOST)]
        people = [person for person in self._people() if not person.deleted]
        entries = [
            person_entry(person)
            for person in best(query, people, lambda one: f"{one.name} {one.username}", limit=_MOST)
        ]
        if ROOM.startswith(query.casefold()) and len(people) > 1:
            entries.append(Entry(title=f"@{ROOM}", subtitle=tr("Everyone here"), icon="users"))
        return entries[:_MOST]

    def _place(self) -> None:
        parent = self.parentWidget()
        if parent is None:
            return
        margin = 2 * self.frameWidth()
        self.setFixedSize(min(px(_WIDE), max(0, parent.width() - 16)), self.count() * row_height() + margin)
        corner = self._field.mapTo(parent, self._field.cursorRect().topLeft())
        left = max(8, min(corner.x(), parent.width() - self.width() - 8))
        above = self._field.parentWidget() or self._field
        top = above.mapTo(parent, QPoint(0, 0)).y() - self.height() - 6
        self.move(QPoint(left, max(8, top)))

    def _insert(self, entry: Entry) -> None:
        if entry.person is not None:
            text = f"@{entry.person.name} "
        elif self._typed.startswith(":"):
            remember(self._settings, entry.emoji)
            text = entry.emoji
        else:
            text = f"@{ROOM} "
        cursor = self._field.textCursor()
        # Qt counts UTF-16; what was typed holds no sign beyond it.
        cursor.movePosition(QTextCursor.MoveOperation.Left, QTextCursor.MoveMode.KeepAnchor, len(self._typed))
        self.hide()
        cursor.insertText(text)
        self._field.setTextCursor(cursor)
