"""Picture, name and topic of a room, its members, leaving."""

from __future__ import annotations

from typing import Final

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from common.protocol.types import RoomKind, Visibility
from desktop.services.api import Account
from desktop.services.state import RoomItem
from desktop.ui.i18n import tr
from desktop.views.ask import ask
from desktop.views.context import Context
from desktop.views.conversation.parts import subtitle
from desktop.views.details.code import show_reset_code
from desktop.views.details.edit import edit_room
from desktop.views.details.members import MemberList
from desktop.views.forms import Message, button
from desktop.views.kit import Avatar, IconButton, plain_label
from desktop.views.overlay import scrolled
from desktop.views.rights import may_add, may_change
from desktop.views.rooms.panels import add_members

_AVATAR: Final = 40


class DetailsPane(QWidget):
    """Follows one room; ``back_wanted`` where it lies in the conversation's place."""

    back_wanted = Signal()

    def __init__(self, context: Context, account: Account, room: RoomItem) -> None:
        super().__init__()
        self.setObjectName("side")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self._context, self._account = context, account
        self._room = room
        self.back = IconButton("arrow-left", tr("Back to the conversation"), colour="text")
        self.back.clicked.connect(self.back_wanted)
        self.edit = IconButton("pencil", tr("Edit room"))
        self.edit.clicked.connect(self._edit)
        self._avatar = Avatar(_AVATAR)
        self._title = plain_label("", kind="heading", wrap=True)
        self._about = plain_label("", kind="muted", wrap=True)
        self._kind = plain_label("", kind="caption", wrap=True)
        self._count = plain_label("", kind="section")
        self.add = IconButton("user-plus", tr("Add members"))
        self.add.clicked.connect(
            lambda: context.shell.show_panel(add_members(context, account, room.room_id))
        )
        self.members = MemberList(context, account)
        self.message = Message()
        self.members.failing.connect(self.message.say)
        self.reset = button(tr("Reset code…"), "link")
        self.reset.clicked.connect(self._reset)
        self.leave = button(tr("Leave room"), "danger")
        self.leave.clicked.connect(self._leave)
        self._lay_out()
        # Bound methods of this object: Qt ends the connections with it.
        account.room_changed.connect(self._room_changed)
        account.members_changed.connect(self._room_changed)
        account.changed.connect(self._refresh)
        self._refresh()

    @property
    def room_id(self) -> str:
        """What it shows."""
        return self._room.room_id

    @property
    def title(self) -> str:
        """As shown."""
        return self._title.text()

    def _lay_out(self) -> None:
        top = QHBoxLayout()
        top.setContentsMargins(12, 12, 12, 0)
        top.addWidget(self.back)
        top.addStretch(1)
        top.addWidget(self.edit)
        for line in (self._title, self._about, self._kind):
            line.setAlignment(Qt.AlignmentFlag.AlignHCenter)
        head = QHBoxLayout()
        head.addWidget(self._count, 1)
        head.addWidget(self.add)
        body = QWidget()
        column = QVBoxLayout(body)
        column.setContentsMargins(12, 0, 12, 20)
        column.setSpacing(6)
        column.addWidget(self._avatar, 0, Qt.AlignmentFlag.AlignHCenter)
        for part in (self._title, self._about, self._kind):
            column.addWidget(part)
        column.addSpacing(8)
        column.addLayout(head)
        column.addWidget(self.members)
        column.addWidget(self.message)
        column.addSpacing(8)
        column.addWidget(self.reset, 0, Qt.AlignmentFlag.AlignHCenter)
        column.addWidget(self.leave)
        column.addStretch(1)
        head.setContentsMargins(8, 0, 0, 0)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.setSpacing(0)
        outer.addLayout(top)
        outer.addWidget(scrolled(body), 1)

    def _refresh(self) -> None:
        room = self._account.room(self._room.room_id)
        if room is None:
            return  # the page closes what shows it
        self._room = room
        group, person = room.kind is RoomKind.GROUP, room.peer
        self._avatar.show_room(room)
        self._title.setText(room.title)
        self.setAccessibleName(tr("Details of {title}").format(title=room.title))
        about = room.topic if group else subtitle(room)
        self._about.setText(about)
        self._about.setVisible(bool(about))
        self._kind.setText(_kind_words(room))
        self._kind.setVisible(bool(self._kind.text()))
        self.edit.setVisible(may_change(room))
        for part in (self._count, self.members, self.leave):
            part.setVisible(group)
        self.add.setVisible(may_add(room))
        admin = self._account.info.me.admin
        self.reset.setVisible(
            not group and admin and person is not None and not room.notes and not person.deleted
        )
        if group:
            members = self._account.members(room.room_id)
            self._count.setText(tr("Members · {n}").format(n=room.member_count))
            self.members.show_members(room, members)

    def _room_changed(self, room_id: str) -> None:
        if room_id == self._room.room_id:
            self._refresh()

    def _edit(self) -> None:
        self._context.shell.show_panel(edit_room(self._context, self._account, self._room))

    def _leave(self) -> None:
        room = self._room
        if room.visibility is Visibility.PUBLIC:
            meaning = tr("You can join again from the list of public rooms.")
        else:
            meaning = tr("Only an admin of the room can bring you back.")
        title = tr("Leave {title}?").format(title=room.title)
        ask(
            self._context,
            title,
            meaning,
            do=tr("Leave room"),
            job=lambda: self._account.leave(room.room_id),
        )

    def _reset(self) -> None:
        person = self._room.peer
        if person is None:
            return
        work = show_reset_code(self._context, self._account, person)
        self._context.attempt(work, self, self.message.say)


def _kind_words(room: RoomItem) -> str:
    if room.kind is RoomKind.DIRECT:
        return room.peer.about if room.peer is not None and not room.notes else ""
    public = room.visibility is Visibility.PUBLIC
    return tr("Public: anyone on this server may join") if public else tr("Private")
