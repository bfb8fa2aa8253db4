"""What a client sends on the WebSocket: one JSON object a line, told apart by ``type``.

Every request has an ``id``, chosen by the client, an integer it uses once per connection; the
server answers each with exactly one ``ok``, a result push or ``error`` that carries it, after
commit. For ``message.send`` the ``message.new`` that carries one's own ``client_msg_id`` is the answer.
"""

from __future__ import annotations

from typing import Annotated

import msgspec

from common import limits
from common.ids import ClientMsgId, Id, RoomId, Seq, UserId
from common.protocol.types import Body, Emoji, Mark, Mention, Strict

RequestId = Annotated[int, msgspec.Meta(ge=0, le=limits.INT_MAX)]


class _Request(Strict, frozen=True, tag_field="type"):
    id: RequestId


class Hello(_Request, frozen=True, tag="hello"):
    """The first frame of a connection. Answer: ``welcome``, then ``heads``..., then ``ready``."""

    versions: Annotated[list[int], msgspec.Meta(min_length=1, max_length=16)]
    token: Annotated[str, msgspec.Meta(max_length=4096)]
    capabilities: Annotated[list[str], msgspec.Meta(max_length=64)] = []


class SessionRenew(_Request, frozen=True, tag="session.renew"):
    """A fresh access token for the open socket; it must be of the same user and device."""

    token: Annotated[str, msgspec.Meta(max_length=4096)]


class MessageSend(_Request, frozen=True, tag="message.send"):
    """A new message. The same ``client_msg_id`` again gives the message as it is now."""

    client_msg_id: ClientMsgId
    room_id: RoomId
    body: Body
    reply_to: Seq | None = None
    mentions: Annotated[list[Mention], msgspec.Meta(max_length=limits.MENTIONS_MAX)] = []


class MessageEdit(_Request, frozen=True, tag="message.edit"):
    """A new body for one's own message ``seq``."""

    client_msg_id: ClientMsgId
    room_id: RoomId
    seq: Seq
    body: Body
    mentions: Annotated[list[Mention], msgspec.Meta(max_length=limits.MENTIONS_MAX)] = []


class MessageDelete(_Request, frozen=True, tag="message.delete"):
    """Erase message ``seq``: its author, or an admin or owner of the room."""

    client_msg_id: ClientMsgId
    room_id: RoomId
    seq: Seq


class ReactionAdd(_Request, frozen=True, tag="reaction.add"):
    """Put an emoji under message ``seq``; already there is ``ok`` too."""

    client_msg_id: ClientMsgId
    room_id: RoomId
    seq: Seq
    emoji: Emoji


class ReactionRemove(_Request, frozen=True, tag="reaction.remove"):
    """Take one's emoji from message ``seq``; not there is ``ok`` too."""

    client_msg_id: ClientMsgId
    room_id: RoomId
    seq: Seq
    emoji: Emoji


class Receipt(_Request, frozen=True, tag="receipt"):
    """Watermarks: every event up to this ``seq`` was stored (``delivered``) or seen (``read``).

    Any value up to the head; they only grow. ``read`` raises ``delivered`` too.
    """

    room_id: RoomId
    delivered: Mark = 0
    read: Mark = 0


class Typing(_Request, frozen=True, tag="typing"):
    """The user is writing in this room; at most one per 3 s, shown for 5 s."""

    room_id: RoomId


class Sync(_Request, frozen=True, tag="sync"):
    """All events of a room after ``after_seq``, answered by ``sync.events``."""

    room_id: RoomId
    after_seq: Mark


class AccountSync(_Request, frozen=True, tag="account.sync"):
    """All events of one's own account after ``after_seq``, answered by ``account.events``."""

    after_seq: Mark


class History(_Request, frozen=True, tag="history"):
    """A page of messages in their present state, answered by ``history.page``.

    Exactly one of ``before``, ``after`` (both exclusive) and ``around`` (inclusive), a ``seq``;
    none: the newest page.
    """

    room_id: RoomId
    before: Seq | None = None
    after: Mark | None = None
    around: Seq | None = None
    limit: Annotated[int, msgspec.Meta(ge=1, le=limits.HISTORY_PAGE_MAX)] = 50


RoomCommand = MessageSend | MessageEdit | MessageDelete | ReactionAdd | ReactionRemove
"""What changes a room over the socket: ordered per room, committed in batches."""

Request = (
    Hello
    | SessionRenew
    | MessageSend
    | MessageEdit
    | MessageDelete
    | ReactionAdd
    | ReactionRemove
    | Receipt
    | Typing
    | Sync
    | AccountSync
    | History
)

__all__ = [
    "AccountSync",
    "Hello",
    "History",
    "Id",
    "MessageDelete",
    "MessageEdit",
    "MessageSend",
    "ReactionAdd",
    "ReactionRemove",
    "Receipt",
    "Request",
    "RequestId",
    "RoomCommand",
    "SessionRenew",
    "Sync",
    "Typing",
    "UserId",
]
