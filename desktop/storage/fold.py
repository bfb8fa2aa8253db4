"""How an event changes a message: the one place of the client that knows. Pure."""

from __future__ import annotations

import msgspec

from common.protocol.pushes import MessageDeleted, MessageEdited, ReactionAdded, ReactionRemoved, RoomEvent
from common.protocol.types import Message, Quote, Reaction
from common.text import excerpt

MessageChange = MessageEdited | MessageDeleted | ReactionAdded | ReactionRemoved


def fold(message: Message, event: MessageChange) -> Message:
    """The message after the event; itself where the event is in it already (``seq`` <= ``rev``)."""
    if event.seq <= message.rev:
        return message
    match event:
        case MessageEdited():
            return msgspec.structs.replace(
                message,
                rev=event.seq,
                body=event.body,
                edited_at_ms=event.edited_at_ms,
                mentions=event.mentions,
            )
        case MessageDeleted():
            return msgspec.structs.replace(
                message, rev=event.seq, body="", deleted=True, reply_to=None, mentions=[], reactions=[]
            )
        case ReactionAdded():
            reactions = _added(message.reactions, event.emoji, event.user_id)
            return msgspec.structs.replace(message, rev=event.seq, reactions=reactions)
        case ReactionRemoved():
            reactions = _removed(message.reactions, event.emoji, event.user_id)
            return msgspec.structs.replace(message, rev=event.seq, reactions=reactions)


def fold_quote(quote: Quote, event: RoomEvent) -> Quote:
    """The quote in a reply after its message was edited or erased."""
    if isinstance(event, MessageDeleted):
        return msgspec.structs.replace(quote, excerpt="", deleted=True)
    if isinstance(event, MessageEdited):
        return msgspec.structs.replace(quote, excerpt=excerpt(event.body))
    return quote


def _added(reactions: list[Reaction], emoji: str, user_id: str) -> list[Reaction]:
    for index, reaction in enumerate(reactions):
        if reaction.emoji == emoji:
            if user_id in reaction.user_ids:
                return reactions
            grown = Reaction(emoji, [*reaction.user_ids, user_id])
            return [*reactions[:index], grown, *reactions[index + 1 :]]
    return [*reactions, Reaction(emoji, [user_id])]


def _removed(reactions: list[Reaction], emoji: str, user_id: str) -> list[Reaction]:
    left = [
        Reaction(one.emoji, [user for user in one.user_ids if user != user_id]) if one.emoji == emoji else one
        for one in reactions
    ]
    return [one for one in left if one.user_ids]
