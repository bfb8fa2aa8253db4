"""Name, topic and who may join a room."""

from __future__ import annotations

from common.limits import TITLE_MAX_CHARS, TOPIC_MAX_CHARS
from common.protocol.types import Visibility
from desktop.services.api import Account
from desktop.services.state import RoomItem
from desktop.ui.i18n import tr
from desktop.views.context import Context
from desktop.views.forms import CheckRow, Field, Form, button
from desktop.views.overlay import Panel


class EditRoom(Form):
    """Only what was changed is sent, so that two who edit at once don't undo each other."""

    def __init__(self, context: Context, account: Account, room: RoomItem) -> None:
        super().__init__(context)
        self._account, self._room = account, room
        self.name = Field(tr("Name of the group"), text=room.title, limit=TITLE_MAX_CHARS)
        self.topic = Field(tr("What it is about (optional)"), text=room.topic, limit=TOPIC_MAX_CHARS)
        public = CheckRow(tr("Anyone on this server may join"))
        self.public = public.box
        self.public.setChecked(room.visibility is Visibility.PUBLIC)
        self.save = button(tr("Save"), "primary")
        self.save.clicked.connect(self._save)
        for part in (self.name, self.topic, public, self.message, self.save):
            self.column.addWidget(part)
        self.submits(self.save, self.name, self.topic, busy=tr("Saving…"))
        self.setFocusProxy(self.name)

    def _save(self) -> None:
        if not self.name.text.strip():
            self.refuse(tr("Give the group a name."), self.name)
            return
        self.work(self._change, "edit room")

    async def _change(self) -> None:
        title, topic = self.name.text.strip(), self.topic.text.strip()
        visibility = Visibility.PUBLIC if self.public.isChecked() else Visibility.PRIVATE
        room = self._room
        if (title, topic, visibility) != (room.title, room.topic, room.visibility):
            await self._account.change_room(
                room.room_id,
                title=title if title != room.title else None,
                topic=topic if topic != room.topic else None,
                visibility=visibility if visibility is not room.visibility else None,
            )
        self.context.shell.close_panel()


def edit_room(context: Context, account: Account, room: RoomItem) -> Panel:
    """For the room's admins."""
    return Panel(tr("Edit room"), EditRoom(context, account, room))
