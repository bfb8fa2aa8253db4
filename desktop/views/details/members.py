"""The members of a room and what can be done with each."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from functools import partial
from typing import Any, Final

from PySide6.QtCore import QPoint, Qt, Signal
from PySide6.QtGui import QContextMenuEvent, QFocusEvent, QKeyEvent
from PySide6.QtWidgets import QListWidget, QMenu

from common.protocol.types import Role
from desktop.services.api import Account
from desktop.services.state import MemberItem, RoomItem
from desktop.ui.i18n import tr
from desktop.views.ask import ask
from desktop.views.context import Context
from desktop.views.details.code import ask_to_delete, show_reset_code
from desktop.views.entries import Entry, EntryList, person_entry, row_height
from desktop.views.rights import may_remove, roles_to_give

_MENU_KEYS: Final = frozenset({Qt.Key.Key_Menu, Qt.Key.Key_F10})


def role_words(role: Role) -> str:
    """At the end of a member's row; plain members have none."""
    return {Role.OWNER: tr("owner"), Role.ADMIN: tr("admin")}.get(role, "")


def _offer_words(role: Role) -> str:
    return {
        Role.OWNER: tr("Hand the room over…"),
        Role.ADMIN: tr("Make admin"),
        Role.MEMBER: tr("Make plain member"),
    }[role]


class MemberList(EntryList):
    """As high as its rows: the panel around it scrolls. Enter, click or the menu key open a menu."""

    failing = Signal(str)
    """What a deed was refused with, in words."""

    def __init__(self, context: Context, account: Account) -> None:
        super().__init__(tr("Members"), rows=1)
        self._context, self._account = context, account
        self._room: RoomItem | None = None
        self._members: list[MemberItem] = []
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setSizeAdjustPolicy(QListWidget.SizeAdjustPolicy.AdjustToContents)
        self.taken.connect(self._taken)

    def focusInEvent(self, event: QFocusEvent) -> None:
        """The row that keys work on shows only while they do."""
        super().focusInEvent(event)
        self.setCurrentRow(max(0, self.currentRow()))

    def focusOutEvent(self, event: QFocusEvent) -> None:
        super().focusOutEvent(event)
        self.clearSelection()

    def show_members(self, room: RoomItem, members: Sequence[MemberItem]) -> None:
        """Keeps the current row on the same person."""
        current = self.currentRow()
        before = self._members[current].person.user_id if 0 <= current < len(self._members) else ""
        self._room, self._members = room, list(members)
        self.show_entries(_entry(member) for member in members)
        rows = {member.person.user_id: row for row, member in enumerate(members)}
        self.setCurrentRow(rows.get(before, 0) if members else -1)
        if not self.hasFocus():
            self.clearSelection()
        self._fit()

    def _fit(self) -> None:
        self.setFixedHeight(max(1, self.count()) * row_height())

    def menu_of(self, member: MemberItem) -> QMenu | None:
        """Nothing to do gives no menu."""
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)

        def offer(words: str, action: Callable[[], None]) -> None:
            menu.addAction(words).triggered.connect(lambda _checked=False: action())

        room, person = self._room, member.person
        if room is None or person.deleted:
            return None
        offer(
            tr("Notes to self") if member.me else tr("Message {name}").format(name=person.name),
            lambda: self._run(self._write(person.user_id)),
        )
        for role in roles_to_give(room, member):
            offer(_offer_words(role), partial(self._give, room, member, role))
        if self._account.info.me.admin and not member.me:
            offer(tr("Reset code…"), lambda: self._run(show_reset_code(self._context, self._account, person)))
        if self._account.info.me.admin and not member.me and not person.admin:
            menu.addSeparator()
            offer(tr("Delete account…"), lambda: ask_to_delete(self._context, self._account, person))
        if may_remove(room, member):
            menu.addSeparator()
            offer(tr("Remove from the room…"), lambda: self._remove(room, member))
        return menu

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in _MENU_KEYS and self.currentItem() is not None:
            self._open(self.currentRow(), self.visualItemRect(self.currentItem()).bottomLeft())
            return
        super().keyPressEvent(event)

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        row = self.indexAt(event.pos()).row()
        if row >= 0:
            self._open(row, event.pos())

    def _taken(self, entry: Entry) -> None:
        people = [member.person for member in self._members]
        if entry.person in people:
            row = people.index(entry.person)
            self._open(row, self.visualItemRect(self.item(row)).bottomLeft() + QPoint(52, 0))

    def _open(self, row: int, at: QPoint) -> None:
        menu = self.menu_of(self._members[row])
        if menu is not None:
            menu.popup(self.viewport().mapToGlobal(at))

    async def _write(self, user_id: str) -> None:
        self._context.shell.open_room(self._account, await self._account.open_direct(user_id))

    def _give(self, room: RoomItem, member: MemberItem, role: Role) -> None:
        def job() -> Coroutine[Any, Any, None]:
            return self._account.set_role(room.room_id, member.person.user_id, role)

        if role is not Role.OWNER:
            self._run(job())
            return
        words = tr("{name} becomes the owner and can give roles. You stay an admin.")
        ask(
            self._context,
            tr("Hand the room over?"),
            words.format(name=member.person.name),
            do=tr("Hand over"),
            job=job,
        )

    def _remove(self, room: RoomItem, member: MemberItem) -> None:
        words = tr("{name} no longer sees the room. What they wrote stays.")
        ask(
            self._context,
            tr("Remove from the room?"),
            words.format(name=member.person.name),
            do=tr("Remove"),
            job=lambda: self._account.remove_member(room.room_id, member.person.user_id),
        )

    def _run(self, work: Coroutine[Any, Any, None]) -> None:
        self._context.attempt(work, self, self.failing.emit)


def _entry(member: MemberItem) -> Entry:
    entry = person_entry(member.person, note=role_words(member.role))
    return entry if not member.me else entry.as_me()
