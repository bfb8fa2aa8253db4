"""What the gateway needs from the contexts; bootstrap passes the implementations in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from common.protocol.pushes import RoomEvent
from common.protocol.types import Head, User


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """A user as ``welcome`` shows them, with the last ``seq`` of their account stream."""

    user: User
    account_seq: int


class Accounts(Protocol):
    """Implemented by the users context."""

    async def account(self, user_id: str) -> Account:
        """One consistent look at the user and their account stream.

        Raises:
            ParleyError: ``unauthenticated`` where there is no such user any more.
        """
        ...


class Rooms(Protocol):
    """Implemented by the chat context."""

    async def room_ids(self, user_id: str) -> Sequence[str]:
        """The rooms the user is a member of, in any order."""
        ...

    async def heads(self, user_id: str) -> Sequence[Head]:
        """All heads of the user, the room with the latest message first."""
        ...

    async def room_events(self, room_id: str, *, after_seq: int, before_seq: int) -> Sequence[RoomEvent]:
        """The committed events with ``after_seq < seq < before_seq``, in order, at most 1,000.

        For the gateway itself, so without a check of membership or ``visible_from_seq``.
        """
        ...
