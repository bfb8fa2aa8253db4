"""One room: header, messages, composer."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import shiboken6
from PySide6.QtCore import QEvent, QPoint, Qt, Signal, SignalInstance
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from common.protocol.types import Mention
from desktop.models.timeline import hindrance
from desktop.services.api import Account, Timeline
from desktop.services.mentions import find_mentions
from desktop.services.state import MessageItem, Person, RoomItem, ServiceError
from desktop.ui.announce import announce, listened_to
from desktop.ui.i18n import tr
from desktop.ui.plain import one_line
from desktop.ui.timer import once
from desktop.views.context import Context
from desktop.views.conversation.aloud import read_out
from desktop.views.conversation.complete import Completions
from desktop.views.conversation.composer import ComposerBox
from desktop.views.conversation.emoji import EmojiPicker, remember
from desktop.views.conversation.list import MessageList
from desktop.views.conversation.menu import MessageMenu, copy, follow
from desktop.views.conversation.painter import Hit
from desktop.views.conversation.parts import DownButton, Header, HoverBar, Strip, typing_words
from desktop.views.forms import Message
from desktop.views.kit import LOOKS, Elided, plain_label
from desktop.views.rights import may_delete

_LONGEST_HOLD_MS: Final = 60
"""The room before stays on screen no longer, while the one that was chosen is read from the disk."""


@dataclass(slots=True)
class _Open:
    """The room that is shown, and what its composer is about. What is still under way when another room is
    shown ends in its own.
    """

    room_id: str
    timeline: Timeline
    reply_to: int | None = None
    editing: int | None = None
    saving: bool = False


class ConversationView(QWidget):
    """Shows one room of an account at a time; ``back_wanted`` in a narrow window."""

    back_wanted = Signal()
    details_wanted = Signal()

    def __init__(self, context: Context, account: Account, room: RoomItem) -> None:
        super().__init__()
        self.setObjectName("page")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self._context = context
        self._account = account
        self._now = _Open(room.room_id, account.timeline(room.room_id))
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
        self._calm = once(self, _LONGEST_HOLD_MS, self._show_picture)
        self._lay_out()
        self._connect()
        self._begin(room)

    @property
    def room_id(self) -> str:
        """Of the room that is shown."""
        return self._now.room_id

    @property
    def timeline(self) -> Timeline:
        """Of the room that is shown."""
        return self._now.timeline

    def enter(self, room: RoomItem) -> None:
        """Show another room, as it is when it is opened for the first time."""
        if self.composer.hasFocus():
            # What an input method has not finished yet belongs to the room before.
            QGuiApplication.inputMethod().commit()
        # The picture of one room changes to that of the other, without an empty one between.
        self.setUpdatesEnabled(False)
        self._calm.start()
        for told, what in self._told():
            told.disconnect(what)
        self._now = _Open(room.room_id, self._account.timeline(room.room_id))
        for part in (self.tools, self.completions, self.strip, self._down):
            part.hide()
        for popup in self.findChildren(QWidget):
            if popup.isWindow() and popup.isVisible():
                popup.close()
        self.list.show_timeline(self.timeline)
        self._begin(room)
        # The focus stays in the composer, so nothing else says it.
        announce(self, self.accessibleName())

    def _begin(self, room: RoomItem) -> None:
        for told, what in self._told():
            told.connect(what)
        self.composer.set_hint(tr("Message {title}").format(title=room.title))
        self._show_draft()
        self._hindrance = hindrance(self.timeline.items)
        self.problem.say(self._hindrance)
        self.show_room(room)

    def _show_picture(self) -> None:
        """As far as it is there."""
        self._calm.stop()
        self.setUpdatesEnabled(True)

    def _show_draft(self) -> None:
        self.composer.setPlainText(self._account.draft(self.room_id))
        self.composer.moveCursor(self.composer.textCursor().MoveOperation.End)
        self.completions.hide()

    def _told(self) -> list[tuple[SignalInstance, Callable[..., None]]]:
        """What a timeline tells, and who listens to it."""
        line = self.timeline
        changes = (line.inserted, line.removed, line.updated, line.reset)
        return [*((told, self._show_hindrance) for told in changes), (line.inserted, self._announce)]

    def show_room(self, room: RoomItem) -> None:
        """Title, members or who is writing may have changed; and what is to be sent, not by typing."""
        if self._now.editing is None and self.composer.toPlainText() != self._account.draft(room.room_id):
            self._show_draft()
        self.header.show_room(room)
        self.setAccessibleName(tr("Conversation: {title}").format(title=room.title))
        self._typing.set_text(typing_words(room))
        gone = room.peer is not None and room.peer.deleted
        self.box.setVisible(not gone)
        self._closed.setVisible(gone)

    def changeEvent(self, event: QEvent) -> None:
        if event.type() in {*LOOKS, QEvent.Type.FontChange}:
            self.list.forget_layouts()
        super().changeEvent(event)

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
        self.list.placed.connect(self._show_picture)
        self.list.menu_wanted.connect(self._menu)
        self.list.copy_wanted.connect(copy)
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
        words = hindrance(self.timeline.items)
        if words != self._hindrance:
            self._hindrance = words
            self.problem.say(words)

    # Reading.

    def _announce(self, first: int, count: int) -> None:
        """What others write while the person is here is read out when the screen reader comes to it."""
        if not listened_to():
            return
        items = self.timeline.items
        live = first + count == len(items) and self.timeline.at_end and self.list.landed
        if live and self.isActiveWindow() and self.isVisible():
            read_out(self.list, items[first:])

    def _show_down(self) -> None:
        self._down.setVisible(not self.list.following and self.list.rows.rowCount() > 0)
        if self._down.isVisible():
            self._down.show_count(self.list.below())

    def _to_end(self) -> None:
        now = self._now

        async def go() -> None:
            if not now.timeline.at_end:
                await now.timeline.jump_to_end()
            if self._shows(now):
                self.list.follow()

        self._spawn(go())

    def _hit(self, hit: Hit) -> None:
        if hit.quote is not None:
            self._go_to(hit.quote)
        elif hit.link:
            follow(hit.link)
        elif hit.emoji:
            self._toggle(hit.item, hit.emoji)

    def _go_to(self, seq: int) -> None:
        now = self._now

        async def go() -> None:
            found = await now.timeline.jump(seq) is not None
            if found and self._shows(now):
                self.list.show_seq(seq)

        if not self.list.show_seq(seq):
            self._spawn(go())

    # Writing.

    def _submit(self, text: str) -> None:
        now = self._now
        if now.editing is not None:
            if not now.saving:
                now.saving = True
                self._spawn(self._save(now, now.editing, text, self._mentions(text)))
            return
        try:
            now.timeline.send(text, reply_to=now.reply_to, mentions=self._mentions(text))
        except ServiceError as problem:
            self.problem.say(problem.text)
            return
        self.problem.quiet()
        self.composer.clear()
        self._cancel()
        self._to_end()

    async def _save(self, now: _Open, seq: int, text: str, mentions: Sequence[Mention]) -> None:
        """What was typed stays until the server took it."""
        try:
            await now.timeline.edit(seq, text, mentions=mentions)
        finally:
            now.saving = False
        # Meanwhile the person may have gone on to another edit or a reply: that is theirs to keep.
        if self._shows(now) and now.editing == seq:
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
        text = self.composer.toPlainText()
        if self._now.editing is not None or text == self._account.draft(self.room_id):
            return
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
        self._now.reply_to = None
        self.strip.hide()
        if self._now.editing is not None:
            self._now.editing = None
            self._show_draft()

    def _edit_last(self) -> None:
        mine = [i for i in self.timeline.items if isinstance(i, MessageItem) and i.own and not i.deleted]
        if mine and mine[-1].seq is not None:
            self._edit(mine[-1])

    def _edit(self, item: MessageItem) -> None:
        self._cancel()
        self._now.editing = item.seq
        self.composer.setPlainText(item.body)
        self.composer.moveCursor(self.composer.textCursor().MoveOperation.End)
        self.strip.say("pencil", tr("Editing your message"))
        self.composer.setFocus()

    def _reply(self, item: MessageItem) -> None:
        self._cancel()
        self._now.reply_to = item.seq
        self.strip.say(
            "reply", tr("Reply to {name}: {text}").format(name=item.author.name, text=one_line(item.body))
        )
        self.composer.setFocus()

    # The menu of a message.

    def _menu(self, item: MessageItem, at: QPoint) -> None:
        timeline, room = self.timeline, self._account.room(self.room_id)
        menu = MessageMenu(self, item, deletable=room is not None and may_delete(room, item))
        for wanted, action in (
            (menu.retry_wanted, lambda: timeline.retry(item.key)),
            (menu.discard_wanted, lambda: timeline.discard(item.key)),
            (menu.react_wanted, partial(self._toggle, item)),
            (menu.pick_wanted, lambda: self._pick(item, at)),
            (menu.reply_wanted, lambda: self._reply(item)),
            (menu.quote_wanted, lambda: self._show_quoted(item)),
            (menu.edit_wanted, lambda: self._edit(item)),
            (menu.delete_wanted, lambda: self._delete(item)),
        ):
            wanted.connect(self._here(action))
        if menu.actions():
            menu.popup(at)
        else:
            menu.deleteLater()

    def _show_quoted(self, item: MessageItem) -> None:
        if item.reply is not None:
            self._go_to(item.reply.seq)

    def _delete(self, item: MessageItem) -> None:
        if item.seq is not None:
            self._spawn(self.timeline.delete(item.seq))

    def _pick(self, item: MessageItem, at: QPoint) -> None:
        picker = EmojiPicker(self._context.settings, self)
        picker.chosen.connect(self._here(partial(self._toggle, item)))
        picker.show_at(at)

    def _toggle(self, item: MessageItem, emoji: str) -> None:
        if item.seq is not None:
            on = not any(one.emoji == emoji and one.mine for one in item.reactions)
            if on:
                remember(self._context.settings, emoji)
            self._spawn(self.timeline.react(item.seq, emoji, on=on))

    # inside

    def _here(self, action: Callable[..., object]) -> Callable[..., None]:
        """The action, as long as the same room is shown: another may come by a key or a notification."""
        now = self._now

        def act(*arguments: object) -> None:
            if self._shows(now):
                action(*arguments)

        return act

    def _shows(self, one: _Open) -> bool:
        """Whether what began there is still before the person."""
        return shiboken6.isValid(self) and self._now is one

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        self._context.attempt(work, self, self._here(self.problem.say))
