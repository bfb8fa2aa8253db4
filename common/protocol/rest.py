"""Bodies of the REST interface (``/api/v1``). What a client sends is strict, answers are lenient.

An error is answered as ``Problem`` with the HTTP status of ``common.errors.HTTP_STATUS``.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import msgspec

from common import limits
from common.errors import Code
from common.ids import ClientMsgId, DeviceId, Id, Seq, ServerId, UserId
from common.protocol.types import (
    AvatarColour,
    Body,
    Count,
    Device,
    HistoryAccess,
    Mark,
    Member,
    Mention,
    Message,
    Millis,
    Role,
    Shape,
    Strict,
    User,
    Visibility,
)

Password = Annotated[str, msgspec.Meta(max_length=limits.PASSWORD_MAX_BYTES)]
Name = Annotated[str, msgspec.Meta(min_length=1, max_length=limits.NAME_MAX_CHARS)]
Username = Annotated[
    str, msgspec.Meta(min_length=limits.USERNAME_MIN_CHARS, max_length=limits.USERNAME_MAX_CHARS)
]
DeviceName = Annotated[str, msgspec.Meta(max_length=limits.DEVICE_NAME_MAX_CHARS)]
Title = Annotated[str, msgspec.Meta(min_length=1, max_length=limits.TITLE_MAX_CHARS)]
Topic = Annotated[str, msgspec.Meta(max_length=limits.TOPIC_MAX_CHARS)]
Secret = Annotated[str, msgspec.Meta(max_length=512)]


class Problem(Shape, frozen=True):
    """Every refusal of the REST interface."""

    code: Code
    message: str
    retry_after_ms: Millis | None = None


class Registration(StrEnum):
    """Who may make an account: anyone who reaches the server, or the holder of an invite."""

    OPEN = "open"
    INVITE = "invite"


class ServerInfo(Shape, frozen=True):
    """``GET /api/v1/server``, public: who this is and how to get in."""

    product: str
    server_id: ServerId
    name: str
    versions: list[int]
    registration: Registration
    capabilities: list[str] = []
    moved_to: str | None = None


# Auth.


class Register(Strict, frozen=True):
    """``POST /auth/register``. The first account of a server is its admin."""

    username: Username
    display_name: Name
    password: Password
    device_name: DeviceName = ""
    invite: Secret | None = None


class Login(Strict, frozen=True):
    """``POST /auth/login``: a new device."""

    username: Annotated[str, msgspec.Meta(max_length=limits.USERNAME_MAX_CHARS)]
    password: Password
    device_name: DeviceName = ""


class Refresh(Strict, frozen=True):
    """``POST /auth/refresh``."""

    refresh_token: Secret


class Tokens(Shape, frozen=True):
    """A signed-in device. ``expires_in_s`` counts from now, by the client's monotonic clock."""

    user: User
    device_id: DeviceId
    access_token: str
    expires_in_s: Count
    refresh_token: str


class Logout(Strict, frozen=True):
    """``POST /auth/logout``: this device, or all devices of the user."""

    all: bool = False


class PasswordChange(Strict, frozen=True):
    """``POST /auth/password``: every other device is signed out."""

    current: Password
    new: Password


class PasswordReset(Strict, frozen=True):
    """``POST /auth/reset``: with a code that an admin gave; every device is signed out."""

    username: Annotated[str, msgspec.Meta(max_length=limits.USERNAME_MAX_CHARS)]
    code: Secret
    new: Password
    device_name: DeviceName = ""


class ResetCode(Shape, frozen=True):
    """``POST /users/{id}/reset-code`` (admin): shown once, works once."""

    code: str
    expires_in_s: Count


class AccountDelete(Strict, frozen=True):
    """``POST /users/me/delete``: the account becomes "Deleted user"; messages stay."""

    password: Password


# Users, devices, invites.


class ProfileChange(Strict, frozen=True):
    """``PATCH /users/me``: absent fields stay as they are."""

    display_name: Name | None = None
    about: Annotated[str, msgspec.Meta(max_length=limits.ABOUT_MAX_CHARS)] | None = None
    avatar_colour: AvatarColour | None = None


class Users(Shape, frozen=True):
    """``GET /users?query=&after=&limit=`` (directory, by display name) or ``?ids=a,b`` (look-up)."""

    users: list[User]
    next_after: str | None = None


class Devices(Shape, frozen=True):
    """``GET /devices``."""

    devices: list[Device]


class InviteCreate(Strict, frozen=True):
    """``POST /invites`` (admin)."""

    max_uses: Annotated[int, msgspec.Meta(ge=1, le=10_000)] = 100
    expires_in_s: Annotated[int, msgspec.Meta(ge=60, le=365 * 24 * 3600)] = 7 * 24 * 3600


class Invite(Shape, frozen=True):
    """One invite to the server. ``code`` only in the answer to its creation."""

    id: Id
    created_at_ms: Millis
    expires_at_ms: Millis
    max_uses: Count
    uses: Count
    code: str | None = None


class Invites(Shape, frozen=True):
    """``GET /invites`` (admin)."""

    invites: list[Invite]


class ServerChange(Strict, frozen=True):
    """``PATCH /server`` (admin)."""

    name: Title | None = None
    registration: Registration | None = None


# Rooms.


class DirectCreate(Strict, frozen=True):
    """``POST /rooms/direct``: the one room with ``user_id``, made if new; oneself: notes."""

    user_id: UserId


class GroupCreate(Strict, frozen=True):
    """``POST /rooms``. ``client_msg_id`` makes a repeat give the same room."""

    client_msg_id: ClientMsgId
    title: Title
    topic: Topic = ""
    visibility: Visibility = Visibility.PRIVATE
    history: HistoryAccess = HistoryAccess.ALL
    member_ids: Annotated[list[UserId], msgspec.Meta(max_length=500)] = []


class RoomChange(Strict, frozen=True):
    """``PATCH /rooms/{id}`` (admin or owner of the room)."""

    client_msg_id: ClientMsgId
    title: Title | None = None
    topic: Topic | None = None
    visibility: Visibility | None = None
    history: HistoryAccess | None = None


class MembersAdd(Strict, frozen=True):
    """``POST /rooms/{id}/members``; those who are members already stay as they are."""

    client_msg_id: ClientMsgId
    user_ids: Annotated[list[UserId], msgspec.Meta(min_length=1, max_length=500)]


class MemberChange(Strict, frozen=True):
    """``PATCH /rooms/{id}/members/{user_id}``; giving ``owner`` away makes the giver an admin."""

    client_msg_id: ClientMsgId
    role: Role


class Members(Shape, frozen=True):
    """``GET /rooms/{id}/members?after=&limit=``, owners and admins first, then by name."""

    members: list[Member]
    next_after: str | None = None


class PublicRoom(Shape, frozen=True):
    """A room that anyone may join."""

    id: Id
    title: str
    topic: str
    member_count: Count
    joined: bool = False


class PublicRooms(Shape, frozen=True):
    """``GET /rooms/public?query=&after=&limit=``, by title."""

    rooms: list[PublicRoom]
    next_after: str | None = None


class MessagePost(Strict, frozen=True):
    """``POST /rooms/{id}/messages``, for bots: as ``message.send``."""

    client_msg_id: ClientMsgId
    body: Body
    reply_to: Seq | None = None
    mentions: Annotated[list[Mention], msgspec.Meta(max_length=limits.MENTIONS_MAX)] = []


class Messages(Shape, frozen=True):
    """``GET /rooms/{id}/messages?before=|after=|around=&limit=``: as ``history.page``."""

    messages: list[Message]
    from_seq: Mark
    to_seq: Mark
    at_start: bool
    at_end: bool
