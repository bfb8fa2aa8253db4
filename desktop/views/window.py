"""The main window: the start screen, or the room list and a conversation side by side."""

from __future__ import annotations

import time
from typing import Final

from PySide6.QtCore import QModelIndex, Qt, QTimer
from PySide6.QtGui import QKeySequence, QResizeEvent, QShortcut
from PySide6.QtWidgets import (
    QHBoxLayout,
    QListView,
    QMainWindow,
    QPushButton,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from desktop.models.rooms import ITEM_ROLE, RoomListModel
from desktop.net.tasks import TaskOwner
from desktop.services.api import Account, Accounts, Host
from desktop.services.state import Link, RoomItem
from desktop.ui.tokens import Tokens
from desktop.views.context import Context, Settings
from desktop.views.conversation.view import ConversationView
from desktop.views.overlay import Overlay, Panel
from desktop.views.panes import (
    FIRST_HEIGHT,
    FIRST_WIDTH,
    LIST_WIDTH,
    MIN_HEIGHT,
    MIN_WIDTH,
    arrange,
    window_title,
)
from desktop.views.roomlist import RoomDelegate
from desktop.views.start import StartScreen
from desktop.widgets.named import label, named

_TICK_MS: Final = 500
_SAY_MS: Final = 6_000


class Chat(QWidget):
    """One account: its rooms at the left, a conversation at the right; one of them when narrow."""

    def __init__(self, context: Context, account: Account, tokens: Tokens) -> None:
        super().__init__()
        self._context = context
        self._tokens = tokens
        self.account = account
        self._conversation: ConversationView | None = None
        self._server = label("", "name")
        self._place = label("", "muted")
        self._invite = label("", "muted")
        self._invite.setWordWrap(True)
        self._invite.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self._status = label("", "muted")
        self._bar = label("", "bar")
        self._bar.setWordWrap(True)
        self._retry = named(QPushButton("Try now"), "link")
        self._retry.clicked.connect(account.try_now)
        self.rooms = QListView()
        self.rooms.setAccessibleName("Rooms")
        self._model = RoomListModel(account, self.rooms)
        self.rooms.setModel(self._model)
        self.rooms.setItemDelegate(RoomDelegate(tokens, self.rooms))
        self.rooms.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._side = named(QWidget(), "side")
        self._main = named(QWidget(), "page")
        self._main.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self._column = QVBoxLayout(self._main)
        self._empty = label("Choose a room to read and write.", "muted")
        self._lay_out()
        self._connect()
        self._show_info()
        self._show_link()

    @property
    def conversation(self) -> ConversationView | None:
        """What is open."""
        return self._conversation

    def open(self, room_id: str) -> None:
        """Show a room and put the cursor into its composer."""
        room = self.account.room(room_id)
        if room is None or (self._conversation is not None and self._conversation.room_id == room_id):
            return
        self._drop()
        self._conversation = ConversationView(self._context, self.account, room, self._tokens)
        self._conversation.back_wanted.connect(self.leave_room)
        self._empty.hide()
        self._column.addWidget(self._conversation, 1)
        self.rooms.setCurrentIndex(self._model.index(self._model.row_of(room_id)))
        self.arrange()
        self._conversation.setFocus()

    def leave_room(self) -> None:
        """Back to the list."""
        self._drop()
        self._empty.show()
        self.arrange()
        self.rooms.setFocus()

    def arrange(self) -> None:
        """What fits beside each other."""
        panes = arrange(self.width(), in_room=self._conversation is not None, details=False)
        self._side.setVisible(panes.list)
        self._main.setVisible(panes.conversation)
        self._side.setFixedWidth(self.width() if panes.back else LIST_WIDTH)
        if self._conversation is not None:
            self._conversation.back.setVisible(panes.back)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self.arrange()

    def _drop(self) -> None:
        if self._conversation is not None:
            self._column.removeWidget(self._conversation)
            self._conversation.hide()
            self._conversation.deleteLater()
            self._conversation = None

    def _lay_out(self) -> None:
        names = QVBoxLayout()
        names.setContentsMargins(16, 12, 16, 8)
        names.setSpacing(0)
        names.addWidget(self._server)
        names.addWidget(self._place)
        names.addWidget(self._invite)
        left = QVBoxLayout(self._side)
        left.setContentsMargins(0, 0, 0, 0)
        left.addLayout(names)
        left.addWidget(self.rooms, 1)
        foot = QHBoxLayout()
        foot.setContentsMargins(16, 4, 16, 6)
        foot.addWidget(self._status, 1)
        foot.addWidget(self._retry)
        left.addLayout(foot)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(0)
        self._column.addWidget(self._bar)
        self._column.addWidget(self._empty, 1, Qt.AlignmentFlag.AlignCenter)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(0)
        row.addWidget(self._side)
        row.addWidget(self._main, 1)

    def _connect(self) -> None:
        self.rooms.activated.connect(self._chosen)
        self.rooms.clicked.connect(self._chosen)
        self.account.changed.connect(self._show_info)
        self._context.host.changed.connect(self._show_host)
        self.account.link_changed.connect(self._show_link)
        self.account.room_changed.connect(self._room_changed)
        self.account.rooms_reset.connect(self._rooms_reset)
        timer = QTimer(self)
        timer.timeout.connect(self._show_link)
        timer.start(_TICK_MS)
        for keys, step in (("Alt+Up", -1), ("Alt+Down", 1)):
            QShortcut(QKeySequence(keys), self).activated.connect(lambda step=step: self._step(step))

    def _chosen(self, index: QModelIndex) -> None:
        room: RoomItem = index.data(ITEM_ROLE)
        self.open(room.room_id)

    def _step(self, step: int) -> None:
        row = self.rooms.currentIndex().row() + step
        if 0 <= row < self._model.rowCount():
            self._chosen(self._model.index(row))

    def _room_changed(self, room_id: str) -> None:
        room = self.account.room(room_id)
        if self._conversation is not None and self._conversation.room_id == room_id and room is not None:
            self._conversation.show_room(room)

    def _rooms_reset(self) -> None:
        if self._conversation is None:
            return
        if self.account.room(self._conversation.room_id) is None:
            self.leave_room()
        else:
            row = self._model.row_of(self._conversation.room_id)
            self.rooms.setCurrentIndex(self._model.index(row))

    def _show_info(self) -> None:
        info = self.account.info
        self._server.setText(info.server_name)
        where = "on this computer" if info.hosted_here else info.address
        self._place.setText(f"{info.me.name} · {where}")
        self._show_host()

    def _show_host(self) -> None:
        """What the one who hosts tells the others: the address to enter and the key to compare."""
        state = self._context.host.state
        shown = self.account.info.hosted_here and state.running and bool(state.addresses)
        if shown:
            self._invite.setText(f"Others join at {state.addresses[0]}\nKey {state.short_key}")
        self._invite.setVisible(shown)

    def _show_link(self) -> None:
        state = self.account.link
        online = state.link is Link.ONLINE
        words = "Connected" if online else "Connecting…" if state.link is Link.CONNECTING else "Offline"
        if online and state.latency_ms is not None:
            words = f"Connected · {state.latency_ms} ms"
        if state.retry_at is not None and not online:
            words = f"Offline, next try in {max(0, round(state.retry_at - time.monotonic()))} s"
        self._status.setText(words)
        self._retry.setVisible(state.link is Link.WAITING)
        waits = (
            f" {state.waiting} message{'s wait' if state.waiting != 1 else ' waits'}."
            if state.waiting
            else ""
        )
        self._bar.setText(f"{state.reason or 'Offline.'} You can keep writing.{waits}")
        self._bar.setVisible(state.link not in {Link.ONLINE, Link.CONNECTING})


class MainWindow(QMainWindow):
    """Everything of the program."""

    def __init__(
        self, *, accounts: Accounts, host: Host, settings: Settings, tasks: TaskOwner, tokens: Tokens
    ) -> None:
        super().__init__()
        context = Context(accounts=accounts, host=host, settings=settings, tasks=tasks, shell=self)
        self._context = context
        self._tokens = tokens
        self.setWindowTitle(window_title(0))
        self.setMinimumSize(MIN_WIDTH, MIN_HEIGHT)
        self.resize(FIRST_WIDTH, FIRST_HEIGHT)
        self._stack = QStackedWidget()
        self.start = StartScreen(context)
        self._stack.addWidget(self.start)
        self.setCentralWidget(self._stack)
        self._overlay = Overlay(self)
        self.chat: Chat | None = None
        context.accounts.changed.connect(self.refresh)

    def refresh(self) -> None:
        """Show the first account, or the start screen."""
        accounts = self._context.accounts.items
        if self.chat is not None or not accounts:
            return
        self.chat = Chat(self._context, accounts[0], self._tokens)
        accounts[0].changed.connect(self._title)
        self._stack.addWidget(self.chat)
        self._stack.setCurrentWidget(self.chat)
        self._title()

    def _title(self) -> None:
        unread = sum(account.info.unread for account in self._context.accounts.items)
        self.setWindowTitle(window_title(unread))

    # What views ask of the window (Shell).

    def open_room(self, account: Account, room_id: str) -> None:
        """Show a room, closing what lies over it."""
        self._overlay.close_panel()
        if self.chat is not None and self.chat.account is account:
            self.chat.open(room_id)

    def show_panel(self, panel: Panel, focus: QWidget | None = None) -> None:
        """Over the window, in place of a panel that is open."""
        self._overlay.open(panel, focus)

    def close_panel(self) -> None:
        """Take it away and give the focus back."""
        self._overlay.close_panel()

    def say(self, text: str) -> None:
        """A line at the foot of the window."""
        self.statusBar().showMessage(text, _SAY_MS)

    def add_account(self) -> None:
        """The start screen."""
        self._stack.setCurrentWidget(self.start)

    def come_to_front(self) -> None:
        """Somebody started the program again."""
        self.show()
        self.raise_()
        self.activateWindow()
