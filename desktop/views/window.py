"""The main window: the start screen or the accounts, panels over them, and what the keys do."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from typing import Final

from PySide6.QtCore import QByteArray, Qt
from PySide6.QtGui import QCloseEvent, QKeyEvent, QKeySequence, QShortcut
from PySide6.QtWidgets import QHBoxLayout, QMainWindow, QStackedWidget, QWidget

from desktop.net.tasks import TaskOwner
from desktop.services.api import Account, Accounts, Host
from desktop.views import shortcuts
from desktop.views.closing import closing_panel
from desktop.views.context import Context, Settings
from desktop.views.overlay import Overlay, Panel
from desktop.views.page.page import AccountPage
from desktop.views.panes import FIRST_HEIGHT, FIRST_WIDTH, MIN_HEIGHT, MIN_WIDTH, window_title
from desktop.views.rail import Rail
from desktop.views.start.screen import StartScreen
from desktop.widgets.toast import Toast

_GEOMETRY: Final = "geometry"
_SHOWN: Final = "shown_account"


class MainWindow(QMainWindow):
    """Everything of the program; the views' ``Shell``."""

    def __init__(self, *, accounts: Accounts, host: Host, settings: Settings, tasks: TaskOwner) -> None:
        super().__init__()
        self._context = Context(accounts=accounts, host=host, settings=settings, tasks=tasks, shell=self)
        self.setWindowTitle(window_title(0))
        self.setMinimumSize(MIN_WIDTH, MIN_HEIGHT)
        self._pages: dict[str, AccountPage] = {}
        self._may_close = False
        self._adding = False
        self.rail = Rail()
        self._stack = QStackedWidget()
        self.start = StartScreen(self._context)
        self._stack.addWidget(self.start)
        centre = QWidget()
        row = QHBoxLayout(centre)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(0)
        row.addWidget(self.rail)
        row.addWidget(self._stack, 1)
        self.setCentralWidget(centre)
        self._overlay = Overlay(self)
        self._toast = Toast(self)
        self._overlay.closed.connect(self._toast.go_on)
        self.rail.hide()
        self.rail.chosen.connect(self.show_account)
        self.rail.add_wanted.connect(self.add_account)
        self.start.done.connect(self._added)
        self.start.hosted.connect(self._invite)
        self.start.cancelled.connect(self._stay)
        accounts.changed.connect(self.refresh)
        accounts.notice.connect(self.say)
        self._keys()
        self._restore()

    @property
    def chat(self) -> AccountPage | None:
        """The account on screen, if any."""
        page = self._stack.currentWidget()
        return page if isinstance(page, AccountPage) else None

    @property
    def panel(self) -> Panel | None:
        """What lies over the window."""
        return self._overlay.panel

    def refresh(self) -> None:
        """Accounts came or went: keep showing the one on screen, else another, else the start screen."""
        accounts = list(self._context.accounts.items)
        known = {account.info.account_id: account for account in accounts}
        for account_id in [one for one in self._pages if one not in known]:
            page = self._pages.pop(account_id)
            self._stack.removeWidget(page)
            page.hide()
            page.deleteLater()
        for account_id, account in known.items():
            if account_id not in self._pages:
                page = self._pages[account_id] = self._page(account)
                self._stack.addWidget(page)
        if not accounts:
            self.start.offer_way_back(offered=False)
            self._stack.setCurrentWidget(self.start)
        elif self.chat is None and not self._adding:
            wanted = self._context.settings.setting(_SHOWN, str, "")
            self.show_account(known.get(wanted, accounts[0]))
        self._show_rail()
        self._title()

    def show_account(self, account: Account) -> None:
        """Its rooms, in place of what is shown."""
        self._adding = False
        account_id = account.info.account_id
        page = self._pages.get(account_id)
        if page is not None:
            self._stack.setCurrentWidget(page)
            self._context.settings.set_setting(_SHOWN, account_id)
            if self._overlay.panel is None:
                page.setFocus()
            else:
                self._overlay.give_back_to(page)
        self._show_rail()

    # What views ask of the window (Shell).

    def open_room(self, account: Account, room_id: str) -> None:
        """Show a room, closing what lies over it."""
        self._overlay.close_panel()
        self.show_account(account)
        page = self._pages.get(account.info.account_id)
        if page is not None:
            page.open(room_id)

    def show_panel(self, panel: Panel, focus: QWidget | None = None) -> None:
        """Over the window, in place of a panel that is open."""
        self._toast.hold()
        self._overlay.open(panel, focus)

    def close_panel(self) -> None:
        """Take it away and give the focus back."""
        self._overlay.close_panel()

    def say(self, text: str) -> None:
        """A line that goes away by itself, one after the other; they wait for a panel to close."""
        self._toast.say(text)

    def add_account(self) -> None:
        """The start screen, with a way back."""
        self._overlay.close_panel()
        self._adding = bool(self._pages)
        self.start.offer_way_back(offered=self._adding)
        self._stack.setCurrentWidget(self.start)
        self.start.form.setFocus()
        self._show_rail()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape and self._adding:
            self._stay()
            return
        super().keyPressEvent(event)

    def come_to_front(self) -> None:
        """Somebody started the program again."""
        self.setWindowState(self.windowState() & ~Qt.WindowState.WindowMinimized)
        self.show()
        self.raise_()
        self.activateWindow()

    def closeEvent(self, event: QCloseEvent) -> None:
        host = self._context.host.state
        if host.running and host.connected and not self._may_close:
            event.ignore()
            self.show_panel(closing_panel(host.connected, stay=self.close_panel, close=self._close_anyway))
            return
        super().closeEvent(event)

    def keep_place(self) -> None:
        """Where and how large the window is, for the next start."""
        geometry = base64.b64encode(self.saveGeometry().data()).decode()
        self._context.settings.set_setting(_GEOMETRY, geometry)

    def close_now(self) -> None:
        """Without asking: the program ends."""
        self._may_close = True
        self.close()

    # inside

    def _page(self, account: Account) -> AccountPage:
        page = AccountPage(self._context, account)
        page.jump_wanted.connect(self._jump)
        page.new_wanted.connect(self._new)
        page.settings_wanted.connect(self._settings)
        page.invite_wanted.connect(self._invite)
        page.shortcuts_wanted.connect(self._shortcuts)
        account.changed.connect(self._title)
        return page

    def _stay(self) -> None:
        """No other server after all."""
        self._adding = False
        self.refresh()

    def _added(self) -> None:
        """Somebody signed in: show the newest account."""
        accounts = self._context.accounts.items
        if accounts:
            self.refresh()
            self.show_account(accounts[-1])

    def _show_rail(self) -> None:
        chat = self.chat
        self.rail.show_accounts(list(self._context.accounts.items), None if chat is None else chat.account)
        # With one account too: it is the way back from adding another.
        self.rail.setVisible(self.rail.isVisibleTo(self) or self._adding)

    def _title(self) -> None:
        unread = sum(account.info.unread for account in self._context.accounts.items)
        self.setWindowTitle(window_title(unread))

    def _close_anyway(self) -> None:
        self.close_panel()
        self.close_now()

    def _restore(self) -> None:
        self.resize(FIRST_WIDTH, FIRST_HEIGHT)
        try:
            kept = base64.b64decode(self._context.settings.setting(_GEOMETRY, str, ""), validate=True)
        except binascii.Error:
            return
        if kept:
            self.restoreGeometry(QByteArray(kept))

    def _keys(self) -> None:
        keys: dict[str, Callable[[], None]] = {
            shortcuts.JUMP: self._jump,
            shortcuts.NEW: self._new,
            shortcuts.SETTINGS: self._settings,
            shortcuts.SHORTCUTS: self._shortcuts,
            shortcuts.PREVIOUS: lambda: self._step(-1),
            shortcuts.NEXT: lambda: self._step(1),
            shortcuts.PREVIOUS_UNREAD: lambda: self._step(-1, unread=True),
            shortcuts.NEXT_UNREAD: lambda: self._step(1, unread=True),
        }
        for key, action in keys.items():
            QShortcut(QKeySequence(key), self).activated.connect(action)

    def _step(self, by: int, *, unread: bool = False) -> None:
        if self.chat is not None and self.panel is None:
            self.chat.pane.step(by, unread=unread)

    def _jump(self) -> None:
        if self.chat is not None:
            # Loaded on first use: the first window shall not wait for it.
            from desktop.views.switcher import switcher

            self.show_panel(switcher(self._context, self.chat.account))

    def _new(self) -> None:
        if self.chat is not None:
            from desktop.views.rooms.panels import new_chat

            self.show_panel(new_chat(self._context, self.chat.account))

    def _settings(self) -> None:
        if self.chat is not None:
            from desktop.views.settings.panel import settings_panel

            self.show_panel(settings_panel(self._context, self.chat.account))

    def _invite(self) -> None:
        if self.chat is not None:
            from desktop.views.invite import invite_panel

            self.show_panel(invite_panel(self._context, self.chat.account))

    def _shortcuts(self) -> None:
        self.show_panel(shortcuts.shortcuts_panel())
