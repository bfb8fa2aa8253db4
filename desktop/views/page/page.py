"""One account: its rooms, a conversation and its details, as many beside each other as fit."""

from __future__ import annotations

import asyncio
from typing import Final

import shiboken6
from PySide6.QtCore import QEvent, Qt, Signal
from PySide6.QtGui import QKeyEvent, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import QSplitter, QVBoxLayout, QWidget

from desktop.services.api import Account
from desktop.ui.fonts import px, scale
from desktop.ui.i18n import tr
from desktop.views.context import Context
from desktop.views.conversation.markdown import warm_up
from desktop.views.conversation.view import ConversationView
from desktop.views.details.pane import DetailsPane
from desktop.views.kit import LOOKS, plain_label
from desktop.views.page.bar import OfflineBar, stopped
from desktop.views.page.place import remember, remembered
from desktop.views.page.roompane import RoomPane
from desktop.views.page.stop import StopScreen
from desktop.views.panes import (
    CONVERSATION_MIN,
    DETAILS_MAX,
    DETAILS_MIN,
    DETAILS_WIDTH,
    LIST_MAX,
    LIST_MIN,
    LIST_WIDTH,
    WIDE_ABOVE,
    Panes,
    arrange,
)

_WIDTH_SETTING: Final = "list_width"
_DETAILS_SETTING: Final = "details"
_DETAILS_WIDTH_SETTING: Final = "details_width"
_UNBOUND: Final = 16_777_215
"""Qt's QWIDGETSIZE_MAX."""


class AccountPage(QWidget):
    """What the window shows of one account."""

    invite_wanted = Signal()
    settings_wanted = Signal()
    shortcuts_wanted = Signal()
    jump_wanted = Signal()
    new_wanted = Signal()

    def __init__(self, context: Context, account: Account) -> None:
        super().__init__()
        self._context = context
        self.account = account
        self._conversation: ConversationView | None = None
        self._details: DetailsPane | None = None
        # Beside the conversation it is a lasting choice, in its place a short look.
        self._details_beside = context.settings.setting(_DETAILS_SETTING, bool, False)
        self._details_over = False
        self._panes: Panes | None = None
        self._painted = False
        self.pane = RoomPane(context, account)
        self._main = QWidget()
        self._main.setObjectName("page")
        self._main.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self._column = QVBoxLayout(self._main)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(0)
        self.bar = OfflineBar(context, account)
        self.stop = StopScreen(context, account)
        self._empty = plain_label(tr("Choose a room to read and write."), kind="muted")
        self._empty.setAlignment(Qt.AlignmentFlag.AlignCenter)
        for widget in (self.bar, self.stop, self._empty):
            self._column.addWidget(widget, 0 if widget is self.bar else 1)
        self._split = QSplitter(Qt.Orientation.Horizontal)
        self._split.setChildrenCollapsible(False)
        self._split.setHandleWidth(1)
        self._split.addWidget(self.pane)
        self._split.addWidget(self._main)
        self._split.setStretchFactor(1, 1)
        self._side = QWidget()
        self._side_column = QVBoxLayout(self._side)
        self._side_column.setContentsMargins(0, 0, 0, 0)
        self._split.addWidget(self._side)
        self._side.hide()
        self._split.splitterMoved.connect(self._moved)
        row = QVBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self._split)
        self.setFocusProxy(self.pane.rooms)
        self._connect()
        self._show_link()

    @property
    def conversation(self) -> ConversationView | None:
        """What is open."""
        return self._conversation

    def open(self, room_id: str) -> None:
        """Show a room and put the cursor into its composer."""
        if self._show(room_id) and self._conversation is not None:
            self._conversation.setFocus()

    def _show(self, room_id: str) -> bool:
        """Whether it was not on screen already."""
        room = self.account.room(room_id)
        if room is None or (self._conversation is not None and self._conversation.room_id == room_id):
            return False
        self._details_over = False
        if self._conversation is None:
            self._conversation = ConversationView(self._context, self.account, room)
            self._conversation.back_wanted.connect(self.leave_room)
            self._conversation.details_wanted.connect(self.toggle_details)
            self._column.addWidget(self._conversation, 1)
            self.setFocusProxy(self._conversation)
        else:
            self._conversation.enter(room)
        self.pane.choose(room_id)
        self._show_link()
        remember(self._context, self.account, room_id)
        return True

    async def _come_back(self) -> None:
        """To the room of last time, where there is place for it beside the list."""
        room_id = remembered(self._context, self.account)
        if room_id is None:
            return
        # Beside the window: nothing of this is what the first picture of it waits for.
        await asyncio.to_thread(warm_up)
        if not shiboken6.isValid(self) or self._conversation is not None:
            return
        beside = arrange(self._designed_width, in_room=False, details=False).conversation
        focus: QWidget | None = self.window().focusWidget()
        if beside and self._show(room_id) and (focus is None or self.isAncestorOf(focus)):
            self.setFocus()

    def leave_room(self) -> None:
        """Back to the list."""
        self._drop()
        remember(self._context, self.account, None)
        self.pane.choose(None)
        self._show_link()
        self.pane.rooms.setFocus()

    @property
    def details(self) -> DetailsPane | None:
        """The panel beside the conversation, or in its place, while it is shown."""
        return self._details

    def toggle_details(self) -> None:
        """Beside the conversation where there is room, else in its place."""
        if self._wide:
            self._details_beside = not self._details_beside
            self._context.settings.set_setting(_DETAILS_SETTING, self._details_beside)
        else:
            self._details_over = not self._details_over
        self.arrange()
        if self._details is not None and self._details_over:
            self._details.back.setFocus()
        elif self._conversation is not None:
            self._conversation.setFocus()

    @property
    def _wide(self) -> bool:
        return self.width() > px(WIDE_ABOVE)

    @property
    def _designed_width(self) -> int:
        """With larger text fewer panes fit beside each other."""
        return round(self.width() / scale())

    def arrange(self) -> None:
        """What fits beside each other."""
        halted = stopped(self.account.link.link)
        in_room = self._conversation is not None or halted
        wanted = self._details_beside if self._wide else self._details_over
        details = wanted and self._conversation is not None and not halted
        panes = arrange(self._designed_width, in_room=in_room, details=details)
        self._show_details(shown=panes.details)
        self.pane.setVisible(panes.list)
        self._main.setVisible(panes.conversation)
        self._side.setVisible(panes.details)
        self.pane.setMinimumWidth(0 if panes.back else px(LIST_MIN))
        self.pane.setMaximumWidth(_UNBOUND if panes.back else px(LIST_MAX))
        self._main.setMinimumWidth(0 if panes.back else px(CONVERSATION_MIN))
        beside = panes.details and panes.conversation
        self._side.setMinimumWidth(px(DETAILS_MIN) if beside else 0)
        self._side.setMaximumWidth(px(DETAILS_MAX) if beside else _UNBOUND)
        if self._conversation is not None:
            self._conversation.back.setVisible(panes.back)
            self._conversation.header.details.setChecked(panes.details)
        if self._details is not None:
            self._details.back.setVisible(not beside)
        self._share(panes)

    def _show_details(self, *, shown: bool) -> None:
        room_id = self._conversation.room_id if self._conversation is not None else ""
        if self._details is not None and (not shown or self._details.room_id != room_id):
            self._side_column.removeWidget(self._details)
            self._details.hide()
            self._details.deleteLater()
            self._details = None
        room = self.account.room(room_id) if shown else None
        if self._details is None and room is not None:
            self._details = DetailsPane(self._context, self.account, room)
            self._details.back_wanted.connect(self.toggle_details)
            self._side_column.addWidget(self._details)

    def _share(self, panes: Panes) -> None:
        """The widths that the person chose, whenever other panes are beside each other."""
        if panes == self._panes:
            return
        self._panes = panes
        setting = self._context.settings.setting
        first = min(max(setting(_WIDTH_SETTING, int, px(LIST_WIDTH)), px(LIST_MIN)), px(LIST_MAX))
        last = setting(_DETAILS_WIDTH_SETTING, int, px(DETAILS_WIDTH)) if panes.conversation else 0
        if panes.details and not panes.conversation:
            self._split.setSizes([first, 0, max(px(DETAILS_MIN), self.width() - first)])
        else:
            self._split.setSizes([first, max(px(CONVERSATION_MIN), self.width() - first - last), last])

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self.arrange()

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() in LOOKS:
            self.arrange()

    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        if not self._painted:
            self._painted = True
            self._context.spawn(self._come_back(), "come back")

    def keyPressEvent(self, event: QKeyEvent) -> None:
        back = event.key() in {Qt.Key.Key_Escape, Qt.Key.Key_Back}
        if back and self._details_over and not self._wide:
            self.toggle_details()
            return
        if back and self._conversation is not None and self._conversation.back.isVisible():
            self.leave_room()
            return
        super().keyPressEvent(event)

    def _connect(self) -> None:
        pane, account = self.pane, self.account
        pane.room_wanted.connect(self.open)
        for inner, outer in (
            (pane.invite_wanted, self.invite_wanted),
            (pane.settings_wanted, self.settings_wanted),
            (pane.shortcuts_wanted, self.shortcuts_wanted),
            (pane.jump_wanted, self.jump_wanted),
            (pane.new_wanted, self.new_wanted),
        ):
            inner.connect(outer)
        account.link_changed.connect(self._show_link)
        account.room_changed.connect(self._room_changed)
        account.rooms_reset.connect(self._rooms_reset)

    def _moved(self) -> None:
        if self.pane.isVisible() and self._main.isVisible():
            self._context.settings.set_setting(_WIDTH_SETTING, self.pane.width())
        if self._side.isVisible() and self._main.isVisible():
            self._context.settings.set_setting(_DETAILS_WIDTH_SETTING, self._side.width())

    def _show_link(self) -> None:
        halted = stopped(self.account.link.link)
        self.stop.setVisible(halted)
        if self._conversation is not None:
            self._conversation.setVisible(not halted)
        self._empty.setVisible(not halted and self._conversation is None)
        self.arrange()

    def _room_changed(self, room_id: str) -> None:
        room = self.account.room(room_id)
        if self._conversation is not None and self._conversation.room_id == room_id and room is not None:
            self._conversation.show_room(room)

    def _rooms_reset(self) -> None:
        if self._conversation is None:
            return
        room = self.account.room(self._conversation.room_id)
        if room is None:
            self.leave_room()
            self._context.shell.say(tr("You are no longer in that room."))
        else:
            self.pane.choose(self._conversation.room_id)
            self._conversation.show_room(room)

    def _drop(self) -> None:
        self._details_over = False
        if self._conversation is not None:
            self._column.removeWidget(self._conversation)
            self._conversation.hide()
            self._conversation.list.let_go()
            self._conversation.deleteLater()
            self._conversation = None
            self.setFocusProxy(self.pane.rooms)
