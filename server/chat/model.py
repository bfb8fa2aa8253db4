"""Rooms and memberships as the database holds them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from common.errors import Code, ParleyError
from common.protocol.types import HistoryAccess, Role, RoomKind, Visibility
from common.text import text_problem

EVERYONE_KEY: Final = b"everyone"
EVERYONE_TITLE: Final = "Everyone"
EVERYBODY: Final = bytes(16)
"""Whom ``@room`` mentions, in a row of ``mentions``: one row, however many the members."""


class ChatError(ParleyError):
    """A refusal of the chat context."""


class NoSuchRoomError(ChatError):
    """There is no such room, or the one who asks is no member: the answer is the same."""

    def __init__(self) -> None:
        super().__init__(Code.NOT_FOUND, "there is no such room")


class IdReusedError(ChatError):
    """The key of one request on another."""

    def __init__(self) -> None:
        super().__init__(Code.ID_REUSED, "this client_msg_id was used for another request")


def check_text(*texts: str | None) -> None:
    """What is stored, or looked for among what is stored; None is fine.

    Raises:
        ChatError: ``bad_text``.
    """
    for text in texts:
        if text is not None and (problem := text_problem(text)) is not None:
            raise ChatError(Code.BAD_TEXT, problem)


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """A row of ``rooms``; ``seq`` and ``msg_no`` are its heads."""

    id: str
    kind: RoomKind
    title: str = ""
    topic: str = ""
    visibility: Visibility = Visibility.PRIVATE
    history: HistoryAccess = HistoryAccess.ALL
    seq: int = 0
    msg_no: int = 0
    created_at_ms: int = 0
    closed: bool = False
    """Direct, and the other account was deleted: nothing is sent to it any more."""

    def next(self) -> Room:
        """After one more event."""
        return replace(self, seq=self.seq + 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Membership:
    """One person's stay in a room; marks are ``seq``s, ``read_msg_no`` is the ``msg_no`` at ``read``."""

    room_id: str
    user_id: str
    joined_seq: int
    role: Role
    visible_from_seq: int
    delivered: int
    read: int
    read_msg_no: int

    @property
    def administers(self) -> bool:
        """May change the room and its members, and erase messages of others."""
        return self.role is not Role.MEMBER


@dataclass(frozen=True, slots=True)
class StoredMessage:
    """What a command on a message needs to know of it."""

    seq: int
    author_id: str
    body: str
    deleted: bool
