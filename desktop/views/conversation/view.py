"""One room: header, messages, composer."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any, Final

from PySide6.QtCore import QPoint, Qt, Signal
from PySide6.QtGui import QGuiApplication, QResizeEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHBoxLayout,
    QListView,
    QMenu,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from desktop.models.timeline import ITEM_ROLE, TimelineModel
from desktop.services.api import Account, Timeline
from desktop.services.state import MessageItem, RoomItem, SendState, ServiceError
from desktop.ui.tokens import Tokens
from desktop.views.context import Context
from desktop.views.conversation.composer import Composer
from desktop.views.conversation.delegate import MessageDelegate
from desktop.widgets.named import label, named

QUICK_REACTIONS: Final = ("👍", "❤️", "😂", "🎉", "😮", "😢")
_NEAR_EDGE: Final = 400


class MessageList(QListView):
    """Lays its rows out anew when its width changes; stays at the bottom where it was there."""

    def resizeEvent(self, event: QResizeEvent) -> None:
        bar = self.verticalScrollBar()
        at_end = bar.value() >= bar.maximum() - 2
        super().resizeEvent(event)
        self.scheduleDelayedItemsLayout()
        if at_end:
            self.scrollToBottom()


class ConversationView(QWidget):
    """Shows one room of one account; ``back_wanted`` in a narrow window."""

    back_wanted = Signal()

    def __init__(self, context: Context, account: Account, room: RoomItem, tokens: Tokens) -> None:
        super().__init__()
        self.setObjectName("page")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self._context = context
        self._account = account
        self.room_id = room.room_id
        self.timeline: Timeline = account.timeline(room.room_id)
        self._reply_to: int | None = None
        self._editing: int | None = None
        self._following = True
        self._title = label("", "name")
        self._about = label("", "muted")
        self.back = QPushButton("←")
        self.back.setAccessibleName("Back to the list")
        self.back.clicked.connect(self.back_wanted)
        self._strip = label("", "bar")
        self._strip.hide()
        self._problem = label("", "error")
        self._problem.setWordWrap(True)
        self._problem.hide()
        self._list = self._make_list(tokens)
        self.composer = Composer()
        self.composer.setPlaceholderText(f"Message {room.title}")
        self.composer.setPlainText(account.draft(room.room_id))
        self._send = named(QPushButton("Send"), "primary")
        self._lay_out()
        self._connect()
        self.show_room(room)

    def show_room(self, room: RoomItem) -> None:
        """Title and members may have changed."""
        self._title.setText(room.title)
        people = f"{room.member_count} member{'s' if room.member_count != 1 else ''}"
        peer = f"@{room.peer.username}" if room.peer is not None else people
        writing = f"{', '.join(room.typing)} is typing…" if room.typing else ""
        self._about.setText(writing or ("Notes to self" if room.notes else peer))

    def _make_list(self, tokens: Tokens) -> MessageList:
        view = MessageList()
        view.setAccessibleName("Messages")
        view.setItemDelegate(MessageDelegate(tokens, view))
        view.setModel(TimelineModel(self.timeline, view))
        view.setSelectionMode(QAbstractItemView.SelectionMode.NoSelection)
        view.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        view.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        view.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        view.setMinimumWidth(0)
        return view

    def _lay_out(self) -> None:
        header = named(QWidget(), "header")
        header.setFixedHeight(60)
        names = QVBoxLayout()
        names.setSpacing(0)
        for line in (self._title, self._about):
            names.addWidget(line)
        top = QHBoxLayout(header)
        top.setContentsMargins(20, 6, 20, 6)
        top.addWidget(self.back)
        top.addLayout(names, 1)
        bottom = QHBoxLayout()
        bottom.setContentsMargins(20, 8, 20, 16)
        bottom.addWidget(self.composer, 1)
        bottom.addWidget(self._send, 0, Qt.AlignmentFlag.AlignBottom)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        for widget in (header, self._list, self._strip, self._problem):
            column.addWidget(widget, 1 if widget is self._list else 0)
        column.addLayout(bottom)
        self.setFocusProxy(self.composer)

    def _connect(self) -> None:
        self.composer.send_wanted.connect(self._submit)
        self.composer.edit_last_wanted.connect(self._edit_last)
        self.composer.cancel_wanted.connect(self._cancel)
        self.composer.textChanged.connect(self._typed)
        self._send.clicked.connect(lambda: self._submit(self.composer.toPlainText().strip()))
        self._list.customContextMenuRequested.connect(self._menu)
        bar = self._list.verticalScrollBar()
        bar.valueChanged.connect(self._scrolled)
        bar.rangeChanged.connect(self._grown)

    # Reading.

    def _grown(self) -> None:
        if self._following:
            self._list.scrollToBottom()
            self._read()

    def _scrolled(self, value: int) -> None:
        bar = self._list.verticalScrollBar()
        self._following = self.timeline.at_end and value >= bar.maximum() - 2
        if value < _NEAR_EDGE and not self.timeline.at_start:
            self.timeline.load_older()
        if bar.maximum() - value < _NEAR_EDGE and not self.timeline.at_end:
            self.timeline.load_newer()
        if self._following:
            self._read()

    def _read(self) -> None:
        """Only what a person can see counts as read."""
        if not self.isVisible() or not self.window().isActiveWindow():
            return
        seqs = [item.seq for item in self.timeline.items if item.seq is not None]
        if seqs:
            self.timeline.mark_read(seqs[-1])

    # Writing.

    def _submit(self, text: str) -> None:
        if not text:
            return
        try:
            if self._editing is not None:
                self._spawn(self.timeline.edit(self._editing, text))
            else:
                self._following = True
                self.timeline.send(text, reply_to=self._reply_to)
        except ServiceError as problem:
            self._say(problem.text)
            return
        self._say("")
        self.composer.clear()
        self._cancel()

    def _typed(self) -> None:
        text = self.composer.toPlainText()
        if self._editing is None:
            self._account.set_draft(self.room_id, text)
        if text:
            self.timeline.typing()

    def _cancel(self) -> None:
        if self._editing is not None:
            self._editing = None
            self.composer.clear()
        self._reply_to = None
        self._strip.hide()

    def _edit_last(self) -> None:
        mine = [i for i in self.timeline.items if isinstance(i, MessageItem) and i.own and not i.deleted]
        if mine and mine[-1].seq is not None:
            self._edit(mine[-1])

    def _edit(self, item: MessageItem) -> None:
        self._cancel()
        self._editing = item.seq
        self.composer.setPlainText(item.body)
        self._strip.setText("Editing your message. Esc cancels.")
        self._strip.show()
        self.composer.setFocus()

    def _reply(self, item: MessageItem) -> None:
        self._cancel()
        self._reply_to = item.seq
        self._strip.setText(f"Reply to {item.author.name}. Esc cancels.")
        self._strip.show()
        self.composer.setFocus()

    # The menu of a message.

    def _menu(self, at: QPoint) -> None:
        item = self._list.indexAt(at).data(ITEM_ROLE)
        if not isinstance(item, MessageItem):
            return
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)

        def offer(words: str, action: Callable[[], None]) -> None:
            menu.addAction(words).triggered.connect(action)

        if item.state is SendState.FAILED:
            offer("Retry", lambda: self.timeline.retry(item.key))
            offer("Discard", lambda: self.timeline.discard(item.key))
        seq = item.seq
        if seq is not None and not item.deleted:
            react = menu.addMenu("React")
            for emoji in QUICK_REACTIONS:
                on = not any(reaction.emoji == emoji and reaction.mine for reaction in item.reactions)
                react.addAction(emoji).triggered.connect(
                    lambda _=False, emoji=emoji, on=on: self._spawn(self.timeline.react(seq, emoji, on=on))
                )
            offer("Reply", lambda: self._reply(item))
            offer("Copy", lambda: QGuiApplication.clipboard().setText(item.body))
            if item.own:
                offer("Edit", lambda: self._edit(item))
                offer("Delete for everyone", lambda: self._spawn(self.timeline.delete(seq)))
        if menu.actions():
            menu.popup(self._list.viewport().mapToGlobal(at))

    # inside

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        async def run() -> None:
            try:
                await work
            except ServiceError as problem:
                self._say(problem.text)

        self._context.spawn(run(), "conversation")

    def _say(self, problem: str) -> None:
        self._problem.setText(problem)
        self._problem.setVisible(bool(problem))
