"""New conversation, new group, public rooms, more members."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any, Final

import shiboken6
from PySide6.QtWidgets import QLineEdit, QVBoxLayout, QWidget

from common.limits import TITLE_MAX_CHARS, TOPIC_MAX_CHARS
from common.protocol.types import Visibility
from desktop.services.api import Account
from desktop.services.state import Person, PublicRoomItem, ServiceError
from desktop.ui.i18n import tr
from desktop.views.context import Context
from desktop.views.entries import Entry, EntryList
from desktop.views.forms import CheckRow, Field, Form, Message, button
from desktop.views.kit import plain_label
from desktop.views.overlay import Panel
from desktop.views.rooms.people import PeopleList

_ROWS: Final = 6


class NewChat(QWidget):
    """Somebody to write to, or one of the other ways to get a room."""

    def __init__(self, context: Context, account: Account) -> None:
        super().__init__()
        self._context, self._account = context, account
        self._ways: dict[str, Callable[[], None]] = {
            tr("New group"): lambda: context.shell.show_panel(new_group(context, account)),
            tr("Public rooms"): lambda: context.shell.show_panel(public_rooms(context, account)),
            tr("Notes to self"): lambda: self._open(account.info.me.user_id),
        }
        icons = ("users", "globe", "pencil")
        ways = tuple(Entry(title=words, icon=icon) for words, icon in zip(self._ways, icons, strict=True))
        self.people = PeopleList(context, account, extra=ways)
        self.people.taken.connect(self._taken)
        column = QVBoxLayout(self)
        column.addWidget(self.people)
        self.setFocusProxy(self.people)

    def _taken(self, what: Person | Entry) -> None:
        if isinstance(what, Person):
            self._open(what.user_id)
        else:
            self._ways[what.title]()

    def _open(self, user_id: str) -> None:
        self._context.spawn(self._direct(user_id), "direct room")

    async def _direct(self, user_id: str) -> None:
        try:
            room_id = await self._account.open_direct(user_id)
        except ServiceError as problem:
            if shiboken6.isValid(self):
                self.people.message.say(problem.text)
            return
        self._context.shell.open_room(self._account, room_id)


class NewGroup(Form):
    """A title is all it needs."""

    def __init__(self, context: Context, account: Account) -> None:
        super().__init__(context)
        self._account = account
        self.name = Field(tr("Name of the group"), limit=TITLE_MAX_CHARS)
        self.topic = Field(tr("What it is about (optional)"), limit=TOPIC_MAX_CHARS)
        public = CheckRow(tr("Anyone on this server may join"))
        self.public = public.box
        self.people = PeopleList(context, account, many=True)
        self.people.changed.connect(self._count)
        self._picked = plain_label(tr("Members"), kind="section")
        self.submit = button(tr("Create group"), "primary")
        self.submit.clicked.connect(self._create)
        for part in (
            self.name,
            self.topic,
            public,
            self._picked,
            self.people,
            self.message,
            self.submit,
        ):
            self.column.addWidget(part)
        self.submits(self.submit, self.name, self.topic, busy=tr("Creating…"))
        self.setFocusProxy(self.name)

    def _count(self) -> None:
        names = ", ".join(person.name for person in self.people.picked.values())
        self._picked.setText(tr("Members: {names}").format(names=names) if names else tr("Members"))

    def _create(self) -> None:
        if not self.name.text.strip():
            self.refuse(tr("Give the group a name."), self.name)
            return
        self.work(self._make, "new group")

    async def _make(self) -> None:
        room_id = await self._account.create_group(
            self.name.text.strip(),
            topic=self.topic.text.strip(),
            visibility=Visibility.PUBLIC if self.public.isChecked() else Visibility.PRIVATE,
            member_ids=list(self.people.picked),
        )
        self.context.shell.open_room(self._account, room_id)


class PublicRooms(QWidget):
    """Rooms that anyone may join; those one is in already open."""

    def __init__(self, context: Context, account: Account) -> None:
        super().__init__()
        self._context, self._account = context, account
        self._rooms: dict[str, PublicRoomItem] = {}
        self.field = QLineEdit()
        self.field.setPlaceholderText(tr("Search public rooms"))
        self.field.setAccessibleName(tr("Search public rooms"))
        self.list = EntryList(tr("Public rooms"), rows=_ROWS)
        self.list.follow(self.field)
        self.list.taken.connect(self._taken)
        self._nothing = plain_label(tr("No public room by that name."), kind="muted", wrap=True)
        self._nothing.hide()
        self.message = Message()
        column = QVBoxLayout(self)
        column.setSpacing(8)
        for part in (self.field, self.message, self._nothing, self.list):
            column.addWidget(part, 1 if part is self.list else 0)
        self.setFocusProxy(self.field)
        self.field.textEdited.connect(self._search)
        self._search()

    def _search(self) -> None:
        self._run(self._find(self.field.text().strip()))

    def _run(self, work: Coroutine[Any, Any, None]) -> None:
        self._context.attempt(work, self, self.message.say)

    async def _find(self, query: str) -> None:
        rooms = await self._account.public_rooms(query)
        if not shiboken6.isValid(self) or query != self.field.text().strip():
            return
        self.message.quiet()
        self._rooms = {room.room_id: room for room in rooms}
        self.list.show_entries(
            Entry(title=room.title, subtitle=_about(room), room_id=room.room_id, picked=room.joined)
            for room in rooms
        )
        self._nothing.setVisible(not rooms)

    def _taken(self, entry: Entry) -> None:
        self._run(self._enter(self._rooms[entry.room_id]))

    async def _enter(self, room: PublicRoomItem) -> None:
        if not room.joined:
            await self._account.join(room.room_id)
        self._context.shell.open_room(self._account, room.room_id)


class AddMembers(Form):
    """People who are not in the room yet."""

    def __init__(self, context: Context, account: Account, room_id: str) -> None:
        super().__init__(context)
        self._account, self._room_id = account, room_id
        there = {member.person.user_id for member in account.members(room_id)}
        self.people = PeopleList(context, account, many=True, without=there)
        self.add = button(tr("Add"), "primary")
        self.add.setEnabled(False)
        self.people.changed.connect(lambda: self.add.setEnabled(bool(self.people.picked)))
        self.add.clicked.connect(lambda: self.work(self._add, "add members"))
        for part in (self.people, self.message, self.add):
            self.column.addWidget(part)
        self.submits(self.add, busy=tr("Adding…"))
        self.setFocusProxy(self.people)

    async def _add(self) -> None:
        await self._account.add_members(self._room_id, list(self.people.picked))
        self.context.shell.close_panel()


def _about(room: PublicRoomItem) -> str:
    count = tr("1 member") if room.member_count == 1 else tr("{n} members").format(n=room.member_count)
    return " · ".join(filter(None, [count, room.topic]))


def new_chat(context: Context, account: Account) -> Panel:
    """Write to somebody, or make or find a room."""
    return Panel(tr("New conversation"), NewChat(context, account))


def new_group(context: Context, account: Account) -> Panel:
    """A title, a topic, who is in."""
    return Panel(tr("New group"), NewGroup(context, account))


def public_rooms(context: Context, account: Account) -> Panel:
    """Join or open one."""
    return Panel(tr("Public rooms"), PublicRooms(context, account))


def add_members(context: Context, account: Account, room_id: str) -> Panel:
    """More people into a room."""
    return Panel(tr("Add members"), AddMembers(context, account, room_id))
