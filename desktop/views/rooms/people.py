"""The server's people, searched as one types; several can be picked."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

import shiboken6
from PySide6.QtCore import Signal
from PySide6.QtWidgets import QLineEdit, QVBoxLayout, QWidget

from desktop.services.api import Account
from desktop.services.state import Person, ServiceError
from desktop.ui.i18n import tr
from desktop.ui.timer import once
from desktop.views.context import Context
from desktop.views.entries import Entry, EntryList, person_entry
from desktop.views.forms import Message
from desktop.views.kit import plain_label

_PAUSE_MS: Final = 150
"""Between the last letter and the question to the server."""
_ROWS: Final = 5


class PeopleList(QWidget):
    """``taken`` on each choice; with ``many`` choices stay picked until taken again."""

    taken = Signal(object)
    """The ``Person``, or the ``Entry`` of one of ``extra``."""
    changed = Signal()
    """``picked`` is another."""

    def __init__(
        self,
        context: Context,
        account: Account,
        *,
        many: bool = False,
        without: Collection[str] = (),
        extra: tuple[Entry, ...] = (),
    ) -> None:
        super().__init__()
        self._context, self._account = context, account
        self._many, self._without, self._extra = many, frozenset(without), extra
        self._people: list[Person] = []
        self.picked: dict[str, Person] = {}
        self.field = QLineEdit()
        self.field.setPlaceholderText(tr("Search people"))
        self.field.setAccessibleName(tr("Search people"))
        self.list = EntryList(tr("People"), rows=_ROWS)
        self.list.follow(self.field)
        self.list.taken.connect(self._take)
        self._nothing = plain_label("", kind="muted", wrap=True)
        self._nothing.hide()
        self.message = Message()
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(8)
        for part in (self.field, self.message, self._nothing, self.list):
            column.addWidget(part, 1 if part is self.list else 0)
        self.setFocusProxy(self.field)
        self._pause = once(self, _PAUSE_MS, self._search)
        self.field.textEdited.connect(lambda _text: self._pause.start())
        self._search()

    def _search(self) -> None:
        self._context.spawn(self._find(self.field.text().strip()), "people")

    async def _find(self, query: str) -> None:
        try:
            people = await self._account.people(query)
        except ServiceError as problem:
            if shiboken6.isValid(self):
                self.message.say(problem.text)
            return
        if not shiboken6.isValid(self) or query != self.field.text().strip():
            return
        self.message.quiet()
        me = self._account.info.me.user_id
        self._people = [
            one
            for one in people
            if one.user_id not in self._without and one.user_id != me and not one.deleted
        ]
        self._show(query)

    def _show(self, query: str) -> None:
        shown = [person_entry(one, picked=one.user_id in self.picked) for one in self._people]
        self.list.show_entries([*(self._extra if not query else ()), *shown])
        words = tr("Nobody by that name.") if query else tr("Nobody else has an account here yet.")
        self._nothing.setText(words)
        self._nothing.setVisible(not self._people)

    def _take(self, entry: Entry) -> None:
        if entry.person is None:
            self.taken.emit(entry)
            return
        if self._many:
            user_id = entry.person.user_id
            if self.picked.pop(user_id, None) is None:
                self.picked[user_id] = entry.person
            row = self.list.currentRow()
            self._show(self.field.text().strip())
            self.list.setCurrentRow(row)
            self.changed.emit()
        self.taken.emit(entry.person)
