"""Ctrl+K: jump to a room or a person by a few letters of the name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import shiboken6
from PySide6.QtWidgets import QLineEdit, QVBoxLayout, QWidget

from desktop.models.rooms import preview
from desktop.services.api import Account
from desktop.services.state import RoomItem, ServiceError
from desktop.ui.i18n import tr
from desktop.views.context import Context
from desktop.views.entries import Entry, EntryList, person_entry
from desktop.views.forms import Message
from desktop.views.fuzzy import best
from desktop.views.kit import plain_label
from desktop.views.overlay import Panel

_LIMIT: Final = 20
_ROWS: Final = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Somewhere to go: a room that is open to us, or somebody with whom there is none yet."""

    account: Account
    entry: Entry

    @property
    def searched(self) -> str:
        """What is compared with the letters."""
        person = self.entry.person
        return f"{self.entry.title} {person.username}" if person is not None else self.entry.title


def room_targets(accounts: list[Account]) -> list[Target]:
    """Rooms of all accounts, latest first; the server's name tells them apart where there are several."""

    def below(account: Account, room: RoomItem) -> str:
        server = account.info.server_name if len(accounts) > 1 else ""
        return " · ".join(filter(None, [server, preview(room)]))

    return [
        Target(
            account=account,
            entry=Entry(
                title=room.title,
                subtitle=below(account, room),
                person=room.peer,
                room_id=room.room_id,
            ),
        )
        for account in accounts
        for room in account.rooms
    ]


class Switcher(QWidget):
    """A field and what it finds; Up and Down choose, Enter goes there."""

    def __init__(self, context: Context, account: Account) -> None:
        super().__init__()
        self._context = context
        self._account = account
        self._targets = room_targets(list(context.accounts.items))
        self._people: list[Target] = []
        self._shown: list[Target] = []
        self.field = QLineEdit()
        self.field.setPlaceholderText(tr("Room or person"))
        self.field.setAccessibleName(tr("Room or person"))
        self.field.textEdited.connect(self._filter)
        self.list = EntryList(tr("Found"), rows=_ROWS)
        self.list.follow(self.field)
        self.list.taken.connect(self._go)
        self._nothing = plain_label(tr("Nobody and nothing by that name."), kind="muted")
        self._nothing.hide()
        self.message = Message()
        column = QVBoxLayout(self)
        column.setSpacing(8)
        for part in (self.field, self._nothing, self.message, self.list):
            column.addWidget(part, 1 if part is self.list else 0)
        self.setFocusProxy(self.field)
        self._filter("")
        context.spawn(self._find_people(), "people")

    async def _find_people(self) -> None:
        try:
            people = await self._account.people()
        except ServiceError:
            # Offline with nothing cached: rooms are still there to jump to.
            return
        if not shiboken6.isValid(self):
            return
        known = {room.peer.user_id for room in self._account.rooms if room.peer is not None}
        known.add(self._account.info.me.user_id)
        self._people = [
            Target(account=self._account, entry=person_entry(one))
            for one in people
            if one.user_id not in known and not one.deleted
        ]
        self._filter(self.field.text())

    def _filter(self, text: str) -> None:
        self._shown = best(text, [*self._targets, *self._people], lambda one: one.searched, limit=_LIMIT)
        self.list.show_entries(target.entry for target in self._shown)
        self._nothing.setVisible(not self._shown)

    def _go(self, entry: Entry) -> None:
        target = next(one for one in self._shown if one.entry is entry)
        if entry.room_id:
            self._context.shell.open_room(target.account, entry.room_id)
        elif entry.person is not None:
            self._context.spawn(self._open_person(target.account, entry.person.user_id), "direct room")

    async def _open_person(self, account: Account, user_id: str) -> None:
        try:
            room_id = await account.open_direct(user_id)
        except ServiceError as problem:
            if shiboken6.isValid(self):
                self.message.say(problem.text)
            return
        self._context.shell.open_room(account, room_id)


def switcher(context: Context, account: Account) -> Panel:
    """The panel; its field takes the focus."""
    return Panel(tr("Jump to"), Switcher(context, account))
