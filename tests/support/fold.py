"""The one helper that tests of a change go through: a state fetched at any moment, plus the pushes
since, equals a fresh fetch.

It is the reference of what a client does with a push, written as plainly as possible.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

import msgspec

from common.protocol import pushes
from common.protocol.pushes import Push
from common.protocol.types import Head, Mention, Message, Preview, Quote, Reaction
from common.text import excerpt

_replace: Final = msgspec.structs.replace
_fields: Final = msgspec.structs.asdict


class RoomFold:
    """One room as one person sees it: a head, and messages from history."""

    def __init__(self, me: str, head: Head, messages: Iterable[Message] = ()) -> None:
        self.me = me
        self.head = head
        self.messages = {message.seq: message for message in messages}
        self._names: dict[str, str] = {}

    def know(self, names: dict[str, str]) -> None:
        """Display names by user id, as a client has them beside the rooms."""
        self._names.update(names)

    def apply(self, push: Push) -> None:
        """Take one push of this room."""
        match push:
            case pushes.Marks() if push.user_id == self.me:
                self._set(
                    delivered=max(self.head.delivered, push.delivered), read=max(self.head.read, push.read)
                )
            case pushes.MinMarks():
                self._set(min_delivered=push.min_delivered, min_read=push.min_read)
            case pushes.AccountRead():
                self._set(
                    delivered=push.delivered, read=push.read, unread=push.unread, mentions=push.mentions
                )
            case pushes.Marks():
                pass
            case _:
                self._event(push)

    def equals(self, head: Head, messages: Iterable[Message], *, lowest: bool = True) -> None:
        """Assert that a fresh fetch gives the same, with or without the lowest marks."""
        folded, fetched = _fields(self.head), _fields(head)
        if not lowest:
            for name in ("min_delivered", "min_read"):
                del folded[name], fetched[name]
        differ = {name: (folded[name], fetched[name]) for name in fetched if folded[name] != fetched[name]}
        assert not differ, f"the head differs, (folded, fetched): {differ}"
        ours = [_comparable(self.messages[seq]) for seq in sorted(self.messages)]
        theirs = [_comparable(message) for message in messages]
        wrong = [pair for pair in zip(ours, theirs, strict=True) if pair[0] != pair[1]]
        assert not wrong, f"messages differ, (folded, fetched): {wrong}"

    def _set(self, **fields: Any) -> None:
        self.head = _replace(self.head, **fields)

    def _event(self, event: Any) -> None:
        if event.seq <= self.head.seq:
            return
        assert event.seq == self.head.seq + 1, "the stream has a gap"
        self._set(seq=event.seq)
        match event:
            case pushes.MessageNew():
                self._new(event.message)
            case pushes.MessageEdited() | pushes.MessageDeleted():
                self._changed(event)
            case pushes.ReactionAdded() | pushes.ReactionRemoved():
                self._reacted(event)
            case pushes.RoomChanged():
                changes = {
                    name: value
                    for name in ("title", "topic", "visibility", "history")
                    if (value := getattr(event, name)) is not None
                }
                self._set(**changes)
            case pushes.RoomRole() if event.user_id == self.me:
                self._set(role=event.role)
            case pushes.RoomJoined():
                self._set(member_count=self.head.member_count + 1)
            case pushes.RoomLeft() | pushes.RoomRemoved():
                self._set(member_count=self.head.member_count - 1)
            case _:
                pass

    def _new(self, message: Message) -> None:
        head = self.head
        self.messages.setdefault(message.seq, message)
        self._set(
            msg_no=message.msg_no,
            unread=head.unread + 1,
            mentions=head.mentions + self._names_me(message.mentions),
            preview=Preview(
                message.seq,
                message.author_id,
                self._names.get(message.author_id, ""),
                excerpt(message.body),
                message.sent_at_ms,
                message.deleted,
            ),
        )
        if message.author_id == self.me:
            self._set(unread=0, mentions=0, delivered=message.seq, read=message.seq)

    def _changed(self, event: pushes.MessageEdited | pushes.MessageDeleted) -> None:
        message = self.messages.get(event.target)
        if message is None or event.seq <= message.rev:
            return
        if isinstance(event, pushes.MessageEdited):
            fresh = _replace(
                message,
                body=event.body,
                mentions=event.mentions,
                edited_at_ms=event.edited_at_ms,
                rev=event.seq,
            )
        else:
            fresh = _replace(
                message, body="", mentions=[], reactions=[], reply_to=None, deleted=True, rev=event.seq
            )
        self.messages[fresh.seq] = fresh
        quote = Quote(fresh.seq, fresh.author_id, excerpt(fresh.body), fresh.deleted)
        for other in list(self.messages.values()):
            if other.reply_to is not None and other.reply_to.seq == fresh.seq:
                self.messages[other.seq] = _replace(other, reply_to=quote)
        if fresh.seq > self.head.read:
            self._set(
                mentions=self.head.mentions
                + self._names_me(fresh.mentions)
                - self._names_me(message.mentions)
            )
        preview = self.head.preview
        if preview is not None and preview.seq == fresh.seq:
            self._set(preview=_replace(preview, excerpt=excerpt(fresh.body), deleted=fresh.deleted))

    def _reacted(self, event: pushes.ReactionAdded | pushes.ReactionRemoved) -> None:
        message = self.messages.get(event.target)
        if message is None or event.seq <= message.rev:
            return
        given = {reaction.emoji: list(reaction.user_ids) for reaction in message.reactions}
        if isinstance(event, pushes.ReactionAdded):
            given.setdefault(event.emoji, []).append(event.user_id)
        else:
            given[event.emoji].remove(event.user_id)
        reactions = [Reaction(emoji, users) for emoji, users in given.items() if users]
        self.messages[message.seq] = _replace(message, reactions=reactions, rev=event.seq)

    def _names_me(self, mentions: list[Mention]) -> int:
        return int(any(mention.user_id in {self.me, None} for mention in mentions))


def _comparable(message: Message) -> Message:
    """The order among different emojis is nobody's promise."""
    return _replace(message, reactions=sorted(message.reactions, key=lambda one: one.emoji))
