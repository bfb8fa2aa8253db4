"""What contexts hand to gateways on ``chat.message_delivered``: pushes and whom they are for."""

from __future__ import annotations

from typing import Final

import msgspec

from common.protocol.pushes import AccountEvent, Marks, MinMarks, Push, RoomEvent, UserChanged
from server.kernel.bus import Topic


class Origin(msgspec.Struct, frozen=True):
    """The connection that a request came from, for the way back. ``gateway`` is an ordinal."""

    gateway: int
    session: int


class RoomDelivery(msgspec.Struct, frozen=True, tag=True, omit_defaults=True):
    """Committed events of one room, in the order of ``seq``, for all its members.

    A gateway keeps the last ``seq`` per room: it drops what it had, and loads a gap from the
    database before it goes on, so that a removed member's subscription ends before later frames.
    """

    room_id: str
    events: list[RoomEvent]
    at: float = 0.0
    traces: list[str] = []
    """When it was published, and what of it is traced: see telemetry."""


class MarksDelivery(msgspec.Struct, frozen=True, tag=True):
    """Watermarks of a room for the sessions of its members."""

    room_id: str
    marks: list[Marks | MinMarks]


class Answers(msgspec.Struct, frozen=True, tag=True):
    """Answers for one connection: ``ok``, ``error``, or a repeated ``message.new``."""

    origin: Origin
    pushes: list[Push]


class UserDelivery(msgspec.Struct, frozen=True, tag=True):
    """Account events for every session of one user.

    A gateway subscribes these sessions to the room of an ``account.room_added`` and ends the
    subscription on ``account.room_removed``.
    """

    user_id: str
    events: list[AccountEvent]


class ProfileDelivery(msgspec.Struct, frozen=True, tag=True):
    """A changed profile for all sessions that share a room with the user (``room_ids``)."""

    push: UserChanged
    room_ids: list[str]


class TypingDelivery(msgspec.Struct, frozen=True, tag=True):
    """``user_id`` is writing in the room: for the sessions of its other members, never stored."""

    room_id: str
    user_id: str


Delivery = RoomDelivery | MarksDelivery | Answers | UserDelivery | ProfileDelivery | TypingDelivery

DELIVERED: Final[Topic[Delivery]] = Topic("chat.message_delivered", Delivery)  # type: ignore[arg-type]  # a union is no type[T] to mypy
