"""One room: header, messages, composer."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterator
from functools import partial
from typing import Any, Final

import shiboken6
from PySide6.QtCore import QEvent, QObject, QPoint, Qt, QUrl, Signal
from PySide6.QtGui import QDesktopServices, QGuiApplication, QHideEvent, QResizeEvent, QShowEvent
from PySide6.QtWidgets import QHBoxLayout, QMenu, QStyle, QVBoxLayout, QWidget

from common.protocol.types import Mention
from desktop.services.api import Account, Timeline
from desktop.services.mentions import find_mentions
from desktop.services.state import MessageItem, Person, RoomItem, SendState, ServiceError
from desktop.ui.announce import announce, listened_to
from desktop.ui.i18n import tr
from desktop.ui.plain import one_line, plain
from desktop.views.context import Context
from desktop.views.conversation.complete import Completions
from desktop.views.conversation.composer import ComposerBox
from desktop.views.conversation.emoji import QUICK, EmojiPicker, remember
from desktop.views.conversation.list import MessageList
from desktop.views.conversation.markdown import code_blocks, links, opens
from desktop.views.conversation.painter import Hit
from desktop.views.conversation.parts import DownButton, Header, HoverBar, Strip, typing_words
from desktop.views.forms import Message
from desktop.views.kit import LOOKS, Elided, plain_label
from desktop.views.rights import may_delete

_MOST_READ: Final = 3
"""Messages that are read out when they come at once; of more only how many they are."""

_MOST_LINKS: Final = 5
_LINK_SHOWN: Final = 48


class ConversationView(QWidget):
    """Shows one room of one account; ``back_wanted`` in a narrow window."""

    back_wanted = Signal()
    details_wanted = Signal()

    def __init__(self, context: Context, account: Account, room: RoomItem) -> None:
        super().__init__()
        self.setObjectName("page")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self._context = context
        self._account = account
        self.room_id = room.room_id
        self.timeline: Timeline = account.timeline(room.room_id)
        self._reply_to: int | None = None
        self._editing: int | None = None
        self._saving = False
        self._hindrance = ""
        self.header = Header()
        self.back = self.header.back
        self.list = MessageList(self.timeline)
        self._down = DownButton(self.list)
        self.tools = HoverBar(self.list)
        self._typing = Elided(kind="caption")
        self._typing.setContentsMargins(0, 0, 0, 0)
        self.strip = Strip()
        self.problem = Message()
        self.problem.setContentsMargins(24, 4, 24, 0)
        self.box = ComposerBox(context.settings)
        self.composer = self.box.composer
        self.completions = Completions(self.composer, context.settings, self._people)
        self.completions.setParent(self)
        self._closed = plain_label(
            tr("This account was deleted. What was written can still be read."), kind="muted", wrap=True
        )
        self._closed.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.composer.set_hint(tr("Message {title}").format(title=room.title))
        self.composer.setPlainText(account.draft(room.room_id))
        self._lay_out()
        self._connect()
        self.show_room(room)

    def show_room(self, room: RoomItem) -> None:
        """Title, members or who is writing may have changed; and what is to be sent, not by typing."""
        draft = self._account.draft(room.room_id)
        if self._editing is None and self.composer.toPlainText() != draft:
            self.composer.setPlainText(draft)
            self.composer.moveCursor(self.composer.textCursor().MoveOperation.End)
        self.header.show_room(room)
        self.setAccessibleName(tr("Conversation: {title}").format(title=room.title))
        self._typing.set_text(typing_words(room))
        gone = room.peer is not None and room.peer.deleted
        self.box.setVisible(not gone)
        self._closed.setVisible(gone)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._place_down()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self.window().installEventFilter(self)
        self._place_down()

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        self.window().removeEventFilter(self)

    def changeEvent(self, event: QEvent) -> None:
        if event.type() in {*LOOKS, QEvent.Type.FontChange}:
            self.list.forget_layouts()
        super().changeEvent(event)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() is QEvent.Type.WindowActivate:
            self.list.read()
        return super().eventFilter(watched, event)

    def _lay_out(self) -> None:
        typing = QHBoxLayout()
        typing.setContentsMargins(20, 0, 20, 0)
        typing.addWidget(self._typing)
        bottom = QHBoxLayout()
        bottom.setContentsMargins(20, 6, 20, 16)
        bottom.addWidget(self.box)
        bottom.addWidget(self._closed)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self.header)
        column.addWidget(self.list, 1)
        column.addLayout(typing)
        column.addWidget(self.strip)
        column.addWidget(self.problem)
        column.addLayout(bottom)
        self.setFocusProxy(self.composer)

    def _connect(self) -> None:
        self.header.back_wanted.connect(self.back_wanted)
        self.header.details_wanted.connect(self.details_wanted)
        self.composer.send_wanted.connect(self._submit)
        self.composer.edit_last_wanted.connect(self._edit_last)
        self.composer.cancel_wanted.connect(self._step_back)
        self.composer.textChanged.connect(self._typed)
        self.strip.closed.connect(self._cancel)
        self.list.hit.connect(self._hit)
        for told in (
            self.timeline.inserted,
            self.timeline.removed,
            self.timeline.updated,
            self.timeline.reset,
        ):
            told.connect(self._show_hindrance)
        self.timeline.inserted.connect(self._announce)
        self.list.menu_wanted.connect(self._menu)
        self.list.copy_wanted.connect(_copy)
        self.list.leave_wanted.connect(self.composer.setFocus)
        self.list.below_changed.connect(self._show_down)
        self._down.clicked.connect(self._to_end)
        self.list.hovered.connect(self.tools.show_for)
        self.tools.reply_wanted.connect(self._reply)
        self.tools.react_wanted.connect(self._pick)
        self.tools.more_wanted.connect(self._menu)

    # What did not leave.

    def _show_hindrance(self, *_: object) -> None:
        """Why the last message waits or failed, in words, for as long as it does."""
        words = next((item.error for item in self._waiting() if item.error), None) or ""
        if words != self._hindrance:
            self._hindrance = words
            self.problem.say(words)

    def _waiting(self) -> Iterator[MessageItem]:
        """What waits to be sent or failed, the newest first: it stands below all that the server has."""
        for item in reversed(self.timeline.items):
            if not isinstance(item, MessageItem) or item.seq is not None:
                return
            yield item

    # Reading.

    def _announce(self, first: int, count: int) -> None:
        """What others write while the person is here is read out when the screen reader comes to it."""
        if not listened_to():
            return
        items = self.timeline.items
        live = first + count == len(items) and self.timeline.at_end and self.list.landed
        if not live or not self.isActiveWindow() or not self.isVisible():
            return
        came = [item for item in items[first:] if isinstance(item, MessageItem) and not item.own]
        if len(came) > _MOST_READ:
            announce(self.list, tr("{count} new messages").format(count=len(came)))
            return
        for item in came:
            announce(self.list, tr("{name}: {text}").format(name=item.author.name, text=plain(item.body)))

    def _show_down(self) -> None:
        self._down.setVisible(not self.list.following and self.list.rows.rowCount() > 0)
        if self._down.isVisible():
            self._down.show_count(self.list.below())

    def _place_down(self) -> None:
        area = self.list.rect()
        spot = self._down.rect()
        spot.moveBottomRight(area.bottomRight() - QPoint(20, 8))
        self._down.move(QStyle.visualRect(self.layoutDirection(), area, spot).topLeft())

    def _to_end(self) -> None:
        async def go() -> None:
            if not self.timeline.at_end:
                await self.timeline.jump_to_end()
            if shiboken6.isValid(self):
                self.list.follow()

        self._spawn(go())

    def _hit(self, hit: Hit) -> None:
        if hit.quote is not None:
            self._go_to(hit.quote)
        elif hit.link:
            _follow(hit.link)
        elif hit.emoji:
            self._toggle(hit.item, hit.emoji)

    def _go_to(self, seq: int) -> None:
        self._spawn(self._jump(seq))

    async def _jump(self, seq: int) -> None:
        if not self.list.show_seq(seq) and await self.timeline.jump(seq) is not None:
            self.list.show_seq(seq)

    # Writing.

    def _submit(self, text: str) -> None:
        if self._editing is not None:
            if not self._saving:
                self._saving = True
                self._spawn(self._save(self._editing, text))
            return
        try:
            self.timeline.send(text, reply_to=self._reply_to, mentions=self._mentions(text))
        except ServiceError as problem:
            self.problem.say(problem.text)
            return
        self.problem.quiet()
        self.composer.clear()
        self._cancel()
        self._to_end()

    async def _save(self, seq: int, text: str) -> None:
        """What was typed stays until the server took it."""
        try:
            await self.timeline.edit(seq, text, mentions=self._mentions(text))
        finally:
            self._saving = False
        # Meanwhile the person may have gone on to another edit or a reply: that is theirs to keep.
        if shiboken6.isValid(self) and self._editing == seq:
            self.problem.quiet()
            self._cancel()

    def _people(self) -> list[Person]:
        """Who can be named here: while the members are not known yet, who wrote what is shown."""
        members = [member.person for member in self._account.members(self.room_id)]
        wrote = (item.author for item in self.timeline.items if isinstance(item, MessageItem))
        return members or list(dict.fromkeys(wrote))

    def _mentions(self, text: str) -> list[Mention]:
        return find_mentions(text, self._people())

    def _typed(self) -> None:
        if self._editing is not None:
            return
        text = self.composer.toPlainText()
        self._account.set_draft(self.room_id, text)
        if text:
            self.timeline.typing()

    def _step_back(self) -> None:
        if self.strip.isVisible():
            self._cancel()
        elif self.back.isVisible():
            self.back_wanted.emit()

    def _cancel(self) -> None:
        """No reply and no edit; the room's draft is back."""
        self._reply_to = None
        self.strip.hide()
        if self._editing is not None:
            self._editing = None
            self.composer.setPlainText(self._account.draft(self.room_id))
            self.composer.moveCursor(self.composer.textCursor().MoveOperation.End)

    def _edit_last(self) -> None:
        mine = [i for i in self.timeline.items if isinstance(i, MessageItem) and i.own and not i.deleted]
        if mine and mine[-1].seq is not None:
            self._edit(mine[-1])

    def _edit(self, item: MessageItem) -> None:
        self._cancel()
        self._editing = item.seq
        self.composer.setPlainText(item.body)
        self.composer.moveCursor(self.composer.textCursor().MoveOperation.End)
        self.strip.say("pencil", tr("Editing your message"))
        self.composer.setFocus()

    def _reply(self, item: MessageItem) -> None:
        self._cancel()
        self._reply_to = item.seq
        self.strip.say(
            "reply", tr("Reply to {name}: {text}").format(name=item.author.name, text=one_line(item.body))
        )
        self.composer.setFocus()

    # The menu of a message.

    def _menu(self, item: MessageItem, at: QPoint) -> None:
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)

        def offer(words: str, action: Callable[[], None]) -> None:
            menu.addAction(words).triggered.connect(action)

        if item.state is SendState.FAILED:
            offer(tr("Retry"), lambda: self.timeline.retry(item.key))
            offer(tr("Discard"), lambda: self.timeline.discard(item.key))
        seq = item.seq
        if seq is not None and not item.deleted:
            self._offer_reactions(menu, item, at)
            offer(tr("Reply"), lambda: self._reply(item))
        if not item.deleted:
            offer(tr("Copy"), lambda: _copy(item.body))
            for code in code_blocks(item.body):
                offer(tr("Copy code"), partial(_copy, code))
            for link in links(item.body)[:_MOST_LINKS]:
                offer(tr("Open {place}").format(place=_place(link)), partial(_follow, link))
        if item.reply is not None:
            offer(tr("Show what it answers"), partial(self._go_to, item.reply.seq))
        if seq is not None and item.own and not item.deleted:
            offer(tr("Edit"), lambda: self._edit(item))
        room = self._account.room(self.room_id)
        if seq is not None and room is not None and may_delete(room, item):
            offer(tr("Delete for everyone"), lambda: self._spawn(self.timeline.delete(seq)))
        if menu.actions():
            menu.popup(at)

    def _offer_reactions(self, menu: QMenu, item: MessageItem, at: QPoint) -> None:
        react = menu.addMenu(tr("React"))
        for emoji in QUICK:
            react.addAction(emoji).triggered.connect(lambda _=False, emoji=emoji: self._toggle(item, emoji))
        react.addAction(tr("More…")).triggered.connect(lambda: self._pick(item, at))

    def _pick(self, item: MessageItem, at: QPoint) -> None:
        picker = EmojiPicker(self._context.settings, self)
        picker.chosen.connect(lambda emoji: self._toggle(item, emoji))
        picker.show_at(at)

    def _toggle(self, item: MessageItem, emoji: str) -> None:
        if item.seq is not None:
            on = not any(one.emoji == emoji and one.mine for one in item.reactions)
            if on:
                remember(self._context.settings, emoji)
            self._spawn(self.timeline.react(item.seq, emoji, on=on))

    # inside

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        self._context.attempt(work, self, self.problem.say)


def _follow(link: str) -> None:
    if opens(link):
        QDesktopServices.openUrl(QUrl(link))


def _place(link: str) -> str:
    """A link in a menu: its host first, and no more than can be read there."""
    shown = link.partition("://")[2].rstrip("/")
    # An ampersand would underline what follows it.
    return (shown if len(shown) <= _LINK_SHOWN else shown[:_LINK_SHOWN] + "…").replace("&", "&&")


def _copy(text: str) -> None:
    QGuiApplication.clipboard().setText(text)
