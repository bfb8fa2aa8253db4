"""Rows of the cache and drafts of the outbox as items of a timeline."""

from __future__ import annotations

from common.protocol import pushes
from common.protocol.types import Message
from desktop.services.people import People
from desktop.services.rooms import Room
from desktop.services.state import MessageItem, NoticeItem, QuoteItem, ReactionItem, SendState, TimelineItem
from desktop.services.words import notice_text
from desktop.storage.cache import NoticeEvent, Row
from desktop.storage.outbox import Draft


class Renderer:
    """For one room of one account."""

    def __init__(self, people: People, me: str) -> None:
        self._people = people
        self._me = me

    def row(self, row: Row, room: Room | None) -> TimelineItem:
        """A message or a notice."""
        if isinstance(row, Message):
            return self._message(row, room)
        return self._notice(row)

    def draft(self, draft: Draft, quoted: Message | None) -> MessageItem:
        """A message in the outbox."""
        reply = None
        if draft.reply_to is not None:
            reply = QuoteItem(
                seq=draft.reply_to,
                author=self._people.person(self._me if quoted is None else quoted.author_id),
                excerpt="" if quoted is None else quoted.body[:140],
            )
        return MessageItem(
            key=draft.client_msg_id,
            room_id=draft.room_id,
            seq=None,
            rev=0,
            author=self._people.person(self._me),
            own=True,
            body=draft.body,
            sent_at_ms=draft.created_at_ms,
            state=SendState.WAITING if draft.error is None else SendState.FAILED,
            reply=reply,
            mentions=draft.mentions,
            error=draft.error or draft.hindrance,
        )

    def concerns(self, row: Row, user_ids: set[str]) -> bool:
        """Whether the row shows one of these people."""
        if not isinstance(row, Message):
            return bool({_actor(row), _subject(row)} & user_ids)
        if row.author_id in user_ids or (row.reply_to is not None and row.reply_to.author_id in user_ids):
            return True
        return any(user in user_ids for reaction in row.reactions for user in reaction.user_ids)

    def _message(self, message: Message, room: Room | None) -> MessageItem:
        own = message.author_id == self._me
        state = SendState.NONE
        if own:
            state = SendState.SENT if room is None else room.send_state(message.seq)
        reply = None
        if message.reply_to is not None:
            quote = message.reply_to
            reply = QuoteItem(
                seq=quote.seq, author=self._people.person(quote.author_id), excerpt=quote.excerpt
            )
        return MessageItem(
            key=message.client_msg_id,
            room_id=message.room_id,
            seq=message.seq,
            rev=message.rev,
            author=self._people.person(message.author_id),
            own=own,
            body=message.body,
            sent_at_ms=message.sent_at_ms,
            state=state,
            edited=message.edited_at_ms is not None,
            deleted=message.deleted,
            reply=reply,
            reactions=tuple(
                ReactionItem(
                    emoji=one.emoji,
                    count=len(one.user_ids),
                    mine=self._me in one.user_ids,
                    names=tuple(self._people.person(user).name for user in one.user_ids),
                )
                for one in message.reactions
            ),
            mentions=tuple(message.mentions),
            mentions_me=not own and any(one.user_id in {self._me, None} for one in message.mentions),
        )

    def _notice(self, event: NoticeEvent) -> NoticeItem:
        name = self._people.person(_actor(event)).name
        other = self._people.person(_subject(event)).name
        return NoticeItem(
            key=f"{event.room_id}:{event.seq}",
            seq=event.seq,
            text=notice_text(event, name, other),
            at_ms=event.at_ms,
        )


def _actor(event: NoticeEvent) -> str:
    return event.user_id if isinstance(event, pushes.RoomLeft) else event.actor_id


def _subject(event: NoticeEvent) -> str:
    match event:
        case pushes.RoomJoined():
            return event.user.id
        case pushes.RoomLeft() | pushes.RoomRemoved() | pushes.RoomRole():
            return event.user_id
        case _:
            return event.actor_id
