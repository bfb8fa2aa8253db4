"""Shapes that requests, pushes and REST bodies share.

Times are integers in milliseconds since 1970 UTC, in fields named ``*_at_ms``. Absent optional
fields are left out of the JSON.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import msgspec

from common import limits
from common.ids import ClientMsgId, Id, RoomId, Seq, UserId

Millis = Annotated[int, msgspec.Meta(ge=0)]
Count = Annotated[int, msgspec.Meta(ge=0)]
Mark = Annotated[int, msgspec.Meta(ge=0, le=limits.INT_MAX)]
"""A watermark: every event up to this ``seq``; 0 is none."""
Body = Annotated[str, msgspec.Meta(min_length=1, max_length=limits.BODY_MAX_CHARS)]
Emoji = Annotated[str, msgspec.Meta(min_length=1, max_length=limits.EMOJI_MAX_BYTES)]
AvatarColour = Annotated[int, msgspec.Meta(ge=0, le=11)]
"""Index into the palette of ``desktop/ui/tokens.py``; absent: derived from the user id."""


class RoomKind(StrEnum):
    """``direct``: one per pair of people, and one with oneself (notes); ``group``: any members."""

    DIRECT = "direct"
    GROUP = "group"


class Visibility(StrEnum):
    """Who may find and join a group room."""

    PRIVATE = "private"
    PUBLIC = "public"


class HistoryAccess(StrEnum):
    """What a new member sees of the time before joining."""

    ALL = "all"
    SINCE_JOIN = "since_join"


class Role(StrEnum):
    """Of a member in a group room. Both members of a direct room are plain members."""

    OWNER = "owner"
    ADMIN = "admin"
    MEMBER = "member"


class Shape(msgspec.Struct, frozen=True, omit_defaults=True):
    """Base of what the server sends: a client ignores unknown fields."""


class Strict(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """Base of what a client sends: an unknown field is ``bad_field``."""


class Mention(Strict, frozen=True):
    """A stretch of the body that names a member, or everyone when ``user_id`` is absent (@room).

    ``start`` and ``len`` count Unicode code points of the body.
    """

    start: Annotated[int, msgspec.Meta(ge=0)]
    len: Annotated[int, msgspec.Meta(ge=1)]
    user_id: UserId | None = None


class User(Shape, frozen=True):
    """A person as others see them. A deleted account has ``deleted`` and empty names."""

    id: UserId
    username: str
    display_name: str
    about: str = ""
    avatar_colour: AvatarColour | None = None
    avatar: str | None = None
    """Version of the picture: ``GET /api/v1/users/{id}/avatar?v=...``; absent: initials."""
    admin: bool = False
    deleted: bool = False


class Quote(Shape, frozen=True):
    """What a reply answers, as it was when the reply was read. ``excerpt`` is empty once erased."""

    seq: Seq
    author_id: UserId
    excerpt: str
    deleted: bool = False


class Reaction(Shape, frozen=True):
    """One emoji under a message and who gave it, in the order they did."""

    emoji: str
    user_ids: list[UserId]


class Message(Shape, frozen=True):
    """A message in its present state. ``(room_id, seq)`` identifies it for ever.

    A deleted one keeps author and times; body, mentions, quote and reactions are gone.
    """

    room_id: RoomId
    seq: Seq
    msg_no: Seq
    """Dense among the room's messages, from 1."""
    rev: Seq
    """``seq`` of the last event that changed it; equal to ``seq`` while unchanged."""
    author_id: UserId
    client_msg_id: ClientMsgId
    body: str
    sent_at_ms: Millis
    edited_at_ms: Millis | None = None
    deleted: bool = False
    reply_to: Quote | None = None
    mentions: list[Mention] = []
    reactions: list[Reaction] = []


class Preview(Shape, frozen=True):
    """The last message of a room, for the room list."""

    seq: Seq
    author_id: UserId
    author_name: str
    excerpt: str
    sent_at_ms: Millis
    deleted: bool = False


class Head(Shape, frozen=True):
    """Where a room stands for one user: enough to draw the room list and to know what to sync."""

    room_id: RoomId
    kind: RoomKind
    title: str
    """Of a group; empty for a direct room (see ``peer``)."""
    topic: str
    visibility: Visibility
    history: HistoryAccess
    role: Role
    member_count: Count
    seq: Mark
    msg_no: Count
    delivered: Mark
    read: Mark
    unread: Count
    mentions: Count
    visible_from_seq: Seq
    min_delivered: Mark
    """The lowest mark among today's members; a member joins with marks at the head."""
    min_read: Mark
    created_at_ms: Millis
    peer: User | None = None
    """Of a direct room: the other person; oneself in the notes room."""
    preview: Preview | None = None


class Member(Shape, frozen=True):
    """One person in a room. Marks are left out in rooms of more than 50 members."""

    user: User
    role: Role
    joined_seq: Seq
    delivered: Mark | None = None
    read: Mark | None = None


class Device(Shape, frozen=True):
    """One login. ``current`` marks the one that asks."""

    id: Id
    name: str
    created_at_ms: Millis
    last_seen_at_ms: Millis
    current: bool = False
