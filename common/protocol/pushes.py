"""What the server sends on the WebSocket: one JSON object a line, told apart by ``type``.

A client ignores types and fields it does not know. Room events (``RoomEvent``) carry ``room_id`` and
``seq``; applied in the order of ``seq`` they give the state that a fresh fetch gives.
"""

from __future__ import annotations

from common.errors import Code
from common.ids import ClientMsgId, DeviceId, RoomId, Seq, ServerId, UserId
from common.limits import Limits
from common.protocol.requests import RequestId
from common.protocol.types import (
    Count,
    Head,
    HistoryAccess,
    Mark,
    Mention,
    Message,
    Millis,
    Role,
    Shape,
    User,
    Visibility,
)


class _Push(Shape, frozen=True, tag_field="type"):
    pass


# Answers.


class Ok(_Push, frozen=True, tag="ok"):
    """The request ``id`` is done. ``seq``: of the event it made, where it made one."""

    id: RequestId
    seq: Seq | None = None


class Error(_Push, frozen=True, tag="error"):
    """The request ``id`` is refused; -1 where the line had no readable ``id``."""

    id: int
    code: Code
    message: str
    client_msg_id: ClientMsgId | None = None
    retry_after_ms: Millis | None = None


class Welcome(_Push, frozen=True, tag="welcome"):
    """Answer to ``hello``. On a new ``history_epoch`` the client drops its cache, not its outbox."""

    id: RequestId
    server_id: ServerId
    version: int
    user: User
    device_id: DeviceId
    limits: Limits
    history_epoch: str
    account_seq: Mark
    server_time_ms: Millis
    capabilities: list[str] = []


class Heads(_Push, frozen=True, tag="heads"):
    """Up to 100 of the user's rooms; all of them come between ``welcome`` and ``ready``."""

    rooms: list[Head]


class Ready(_Push, frozen=True, tag="ready"):
    """All heads are out; what follows is live."""


class SyncEvents(_Push, frozen=True, tag="sync.events"):
    """Answer to ``sync``: events in the order of ``seq``, each with its own ``type``.

    As many as a frame holds: where the last of them is below ``head``, ask again after it.

    ``truncated``: more than 1,000 are missing; there are no events, reload the tail by ``history``.
    ``head`` is the room's last ``seq`` at that time.
    """

    id: RequestId
    room_id: RoomId
    head: Mark
    events: list[RoomEvent]
    truncated: bool = False


class AccountEvents(_Push, frozen=True, tag="account.events"):
    """Answer to ``account.sync``; ``truncated``: too many, fetch heads and profile afresh."""

    id: RequestId
    head: Mark
    events: list[AccountEvent]
    truncated: bool = False


class HistoryPage(_Push, frozen=True, tag="history.page"):
    """Answer to ``history``: messages in the order of ``seq``.

    ``from_seq`` and ``to_seq`` bound, both inclusive, the stretch of the room's stream that the
    page covers without a gap; ``at_start``/``at_end``: nothing visible lies beyond.
    """

    id: RequestId
    room_id: RoomId
    messages: list[Message]
    from_seq: Mark
    to_seq: Mark
    at_start: bool
    at_end: bool


# Events of a room's stream.


class MessageNew(_Push, frozen=True, tag="message.new"):
    """A message, in its present state."""

    room_id: RoomId
    seq: Seq
    message: Message


class MessageEdited(_Push, frozen=True, tag="message.edited"):
    """Message ``target`` has a new body."""

    room_id: RoomId
    seq: Seq
    target: Seq
    body: str
    edited_at_ms: Millis
    mentions: list[Mention] = []


class MessageDeleted(_Push, frozen=True, tag="message.deleted"):
    """Message ``target`` was erased by ``actor_id``: body, mentions, quote and reactions."""

    room_id: RoomId
    seq: Seq
    target: Seq
    actor_id: UserId


class ReactionAdded(_Push, frozen=True, tag="reaction.added"):
    """``user_id`` put ``emoji`` under message ``target``."""

    room_id: RoomId
    seq: Seq
    target: Seq
    user_id: UserId
    emoji: str


class ReactionRemoved(_Push, frozen=True, tag="reaction.removed"):
    """``user_id`` took ``emoji`` from message ``target``."""

    room_id: RoomId
    seq: Seq
    target: Seq
    user_id: UserId
    emoji: str


class RoomCreated(_Push, frozen=True, tag="room.created"):
    """The first event of every room; its members follow as ``room.joined``."""

    room_id: RoomId
    seq: Seq
    actor_id: UserId
    at_ms: Millis


class RoomJoined(_Push, frozen=True, tag="room.joined"):
    """``user`` is a member from here; ``actor_id`` differs where somebody added them."""

    room_id: RoomId
    seq: Seq
    actor_id: UserId
    user: User
    role: Role
    at_ms: Millis


class RoomLeft(_Push, frozen=True, tag="room.left"):
    """``user_id`` left."""

    room_id: RoomId
    seq: Seq
    user_id: UserId
    at_ms: Millis


class RoomRemoved(_Push, frozen=True, tag="room.removed"):
    """``user_id`` was removed by ``actor_id``. Nothing later reaches them."""

    room_id: RoomId
    seq: Seq
    actor_id: UserId
    user_id: UserId
    at_ms: Millis


class RoomRole(_Push, frozen=True, tag="room.role"):
    """``user_id`` has a new role."""

    room_id: RoomId
    seq: Seq
    actor_id: UserId
    user_id: UserId
    role: Role
    at_ms: Millis


class RoomChanged(_Push, frozen=True, tag="room.changed"):
    """Title, topic, visibility or history access changed; absent ones did not."""

    room_id: RoomId
    seq: Seq
    actor_id: UserId
    at_ms: Millis
    title: str | None = None
    topic: str | None = None
    visibility: Visibility | None = None
    history: HistoryAccess | None = None


RoomEvent = (
    MessageNew
    | MessageEdited
    | MessageDeleted
    | ReactionAdded
    | ReactionRemoved
    | RoomCreated
    | RoomJoined
    | RoomLeft
    | RoomRemoved
    | RoomRole
    | RoomChanged
)

# Watermarks (state, not events: they have no seq of their own and are in every head).


class Marks(_Push, frozen=True, tag="marks"):
    """A member's marks grew; in rooms of at most 50 members, and one's own in every room."""

    room_id: RoomId
    user_id: UserId
    delivered: Mark
    read: Mark


class MinMarks(_Push, frozen=True, tag="marks.min"):
    """The lowest marks of a room grew; in rooms of more than 50 members all that is told of others."""

    room_id: RoomId
    min_delivered: Mark
    min_read: Mark


# Events of the user's own account stream.


class AccountRoomAdded(_Push, frozen=True, tag="account.room_added"):
    """The user is in a room from here; ``head`` as in ``heads``."""

    account_seq: Seq
    head: Head


class AccountRoomRemoved(_Push, frozen=True, tag="account.room_removed"):
    """The user left or was removed: drop the room and its cache."""

    account_seq: Seq
    room_id: RoomId


class AccountProfile(_Push, frozen=True, tag="account.profile"):
    """One's own profile changed, on this or another device."""

    account_seq: Seq
    user: User


class AccountRead(_Push, frozen=True, tag="account.read"):
    """One's own marks of a room grew, on this or another device; counts as of then."""

    account_seq: Seq
    room_id: RoomId
    delivered: Mark
    read: Mark
    unread: Count
    mentions: Count


AccountEvent = AccountRoomAdded | AccountRoomRemoved | AccountProfile | AccountRead

# Not stored.


class UserChanged(_Push, frozen=True, tag="user.changed"):
    """Somebody who shares a room with the user changed their profile or deleted their account."""

    user: User


class TypingShown(_Push, frozen=True, tag="typing"):
    """``user_id`` is writing in a room; forget it after 5 s or at their next message."""

    room_id: RoomId
    user_id: UserId


class ServerClosing(_Push, frozen=True, tag="server.closing"):
    """The server closes this connection (1012) in a moment; come back after ``retry_after_ms``."""

    retry_after_ms: Millis


Push = (
    Ok
    | Error
    | Welcome
    | Heads
    | Ready
    | SyncEvents
    | AccountEvents
    | HistoryPage
    | RoomEvent
    | Marks
    | MinMarks
    | AccountEvent
    | UserChanged
    | TypingShown
    | ServerClosing
)
