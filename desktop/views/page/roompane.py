"""The pane at the left: who one is, a way to jump, the rooms, how the connection stands."""

from __future__ import annotations

from typing import Final

from PySide6.QtCore import QModelIndex, Qt, Signal
from PySide6.QtGui import QCursor
from PySide6.QtWidgets import QHBoxLayout, QListView, QMenu, QPushButton, QToolButton, QVBoxLayout, QWidget

from desktop.models.rooms import ITEM_ROLE, RoomListModel
from desktop.services.api import Account
from desktop.services.state import Link, LinkState, RoomItem
from desktop.ui.i18n import tr
from desktop.views.context import Context
from desktop.views.kit import Avatar, Elided, IconButton, IconLabel, plain_label
from desktop.views.page.roomlist import RoomDelegate, RoomList
from desktop.views.page.standing import standing

_AVATAR: Final = 32


def link_words(state: LinkState) -> str:
    """The line at the foot of the list."""
    if state.link is Link.ONLINE:
        if state.latency_ms is None:
            return tr("Connected")
        # Under a millisecond it is not none.
        return tr("Connected · {latency} ms").format(latency=max(1, state.latency_ms))
    return tr("Connecting…") if state.link is Link.CONNECTING else tr("Offline")


class RoomPane(QWidget):
    """Rooms of one account; says what the person wants, the page does it."""

    room_wanted = Signal(str)
    new_wanted = Signal()
    jump_wanted = Signal()
    invite_wanted = Signal()
    settings_wanted = Signal()
    shortcuts_wanted = Signal()

    def __init__(self, context: Context, account: Account) -> None:
        super().__init__()
        self.setObjectName("side")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self._context = context
        self._account = account
        self._open: str | None = None
        self._avatar = Avatar(_AVATAR)
        self._server = Elided(kind="name")
        self._place = Elided(kind="muted")
        self.menu_button = self._make_menu()
        self.new = IconButton("square-pen", tr("New conversation"))
        self.new.clicked.connect(self.new_wanted)
        self.jump = JumpButton()
        self.jump.clicked.connect(self.jump_wanted)
        self.rooms = RoomList()
        self.rooms.setAccessibleName(tr("Rooms"))
        self.model = RoomListModel(account, self.rooms)
        self.rooms.setModel(self.model)
        self.rooms.setItemDelegate(RoomDelegate(self.rooms))
        self.rooms.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.rooms.setVerticalScrollMode(QListView.ScrollMode.ScrollPerPixel)
        self.rooms.activated.connect(self._chosen)
        self.rooms.clicked.connect(self._chosen)
        self._join = plain_label("", kind="muted", wrap=True)
        self._join.setContentsMargins(16, 0, 16, 8)
        self._join.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self._wifi = IconLabel("wifi", size=16)
        self._status = plain_label("", kind="muted")
        self._lay_out()
        account.changed.connect(self._show_info)
        account.link_changed.connect(self._show_link)
        context.host.changed.connect(self._show_host)
        context.host.changed.connect(self._show_link)
        self._show_info()
        self._show_link()

    def choose(self, room_id: str | None) -> None:
        """Mark a room as the open one."""
        self._open = room_id
        row = -1 if room_id is None else self.model.row_of(room_id)
        self.rooms.setCurrentIndex(self.model.index(row) if row >= 0 else QModelIndex())

    def step(self, by: int, *, unread: bool = False) -> None:
        """Open the next or previous room; with ``unread`` the next one that has something new."""
        # From the open room: the row that the keyboard is on may be another, or open nothing yet.
        row = (-1 if self._open is None else self.model.row_of(self._open)) + by
        while 0 <= row < self.model.rowCount():
            room: RoomItem = self.model.index(row).data(ITEM_ROLE)
            if room.unread or not unread:
                self.room_wanted.emit(room.room_id)
                return
            row += by

    @property
    def status(self) -> str:
        """How the connection stands, in words."""
        return self._status.text()

    def _make_menu(self) -> QToolButton:
        menu = QMenu(self)
        for words, wanted in (
            (tr("Invite people…"), self.invite_wanted),
            (tr("Settings…"), self.settings_wanted),
            (tr("Keyboard shortcuts…"), self.shortcuts_wanted),
        ):
            menu.addAction(words).triggered.connect(wanted)
        menu.addSeparator()
        menu.addAction(tr("Add another server…")).triggered.connect(self._context.shell.add_account)
        button = IconButton("ellipsis-vertical", tr("Menu"))
        button.setMenu(menu)
        button.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        return button

    def _lay_out(self) -> None:
        names = QVBoxLayout()
        names.setSpacing(0)
        names.addWidget(self._server)
        names.addWidget(self._place)
        top = QHBoxLayout()
        top.setContentsMargins(16, 12, 8, 8)
        top.setSpacing(0)
        top.addWidget(self._avatar)
        top.addSpacing(12)
        top.addLayout(names, 1)
        top.addWidget(self.new)
        top.addWidget(self.menu_button)
        jump = QHBoxLayout()
        jump.setContentsMargins(16, 0, 16, 8)
        jump.addWidget(self.jump)
        foot = QHBoxLayout()
        foot.setContentsMargins(16, 6, 16, 6)
        foot.setSpacing(8)
        foot.addWidget(self._wifi)
        foot.addWidget(self._status, 1)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addLayout(top)
        column.addLayout(jump)
        column.addWidget(self._join)
        column.addWidget(self.rooms, 1)
        column.addLayout(foot)

    def _chosen(self, index: QModelIndex) -> None:
        room: RoomItem = index.data(ITEM_ROLE)
        self.room_wanted.emit(room.room_id)

    def _show_info(self) -> None:
        info = self._account.info
        self._avatar.show_person(info.me)
        self._server.set_text(info.server_name)
        self.setAccessibleName(tr("Rooms of {server}").format(server=info.server_name))
        self._avatar.setToolTip(f"{info.me.name} · @{info.me.username}")
        where = tr("on this computer") if info.hosted_here else info.address.removeprefix("http://")
        self._place.set_text(where.removeprefix("https://"))
        self._show_host()

    def _show_host(self) -> None:
        """While nobody else is here: the address to enter and the key to compare."""
        state = self._context.host.state
        alone = state.running and bool(state.addresses) and not state.connected
        if alone:
            words = tr("Others join at {address}\nKey {key}")
            self._join.setText(words.format(address=state.addresses[0], key=state.short_key))
        self._join.setVisible(self._account.info.hosted_here and alone)

    def _show_link(self) -> None:
        state = standing(self._account, self._context.host.state)
        self._status.setText(link_words(state))
        online = state.link in {Link.ONLINE, Link.CONNECTING}
        self._wifi.show_icon("wifi" if online else "wifi-off", "muted" if online else "danger")


class JumpButton(QPushButton):
    """Looks like a search field and opens the quick switcher."""

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("jump")
        self.setAccessibleName(tr("Search or jump to"))
        self.setCursor(QCursor(Qt.CursorShape.PointingHandCursor))
        row = QHBoxLayout(self)
        row.setContentsMargins(12, 0, 12, 0)
        row.setSpacing(8)
        words, keys = Elided(tr("Search or jump to…"), kind="jumpText"), plain_label("Ctrl K", kind="caption")
        for part in (IconLabel("search"), words, keys):
            part.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
            row.addWidget(part, 1 if part is words else 0)
