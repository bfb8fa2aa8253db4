"""What the gateway needs from the contexts; bootstrap passes the implementations in."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from common.protocol.pushes import AccountEvent, RoomEvent
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

    async def account_seqs(self, user_ids: Sequence[str]) -> Mapping[str, int]:
        """The last ``seq`` of each account stream; users that are gone are left out."""
        ...

    async def account_events(self, user_id: str, *, after_seq: int) -> Sequence[AccountEvent]:
        """What is kept of an account stream after ``after_seq``, in order, at most 1,000."""
        ...

    async def signed_out(self) -> Collection[str]:
        """The devices that were signed out while their last token may still be good."""
        ...


class Rooms(Protocol):
    """Implemented by the chat context."""

    async def room_ids(self, user_id: str) -> Sequence[str]:
        """The rooms the user is a member of, in any order."""
        ...

    async def heads(self, user_id: str) -> Sequence[Head]:
        """All heads of the user, the room with the latest message first."""
        ...

    async def head_seqs(self, room_ids: Sequence[str]) -> Mapping[str, int]:
        """The last ``seq`` of each room."""
        ...

    async def room_events(self, room_id: str, *, after_seq: int, before_seq: int) -> Sequence[RoomEvent]:
        """The committed events with ``after_seq < seq < before_seq``, in order, at most 1,000.

        For the gateway itself, so without a check of membership or ``visible_from_seq``.
        """
        ...
