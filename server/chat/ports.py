"""What the chat context needs of others; bootstrap passes it in."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

from common.protocol.pushes import AccountEvent
from common.protocol.types import User
from server.kernel.database import Tx
from server.kernel.delivery import Delivery


class People(Protocol):
    """Who users are; implemented by the users context."""

    async def __call__(self, tx: Tx, user_ids: Sequence[str], /) -> dict[str, User]:
        """Those that exist, by id."""
        ...


class AccountStream(Protocol):
    """The account streams; implemented by the users context."""

    async def append(self, tx: Tx, user_id: str, make: Callable[[int], AccountEvent]) -> AccountEvent:
        """The event that ``make`` builds for its ``account_seq``, stored."""
        ...

    async def heads(self, tx: Tx, user_ids: Sequence[str]) -> dict[str, int]:
        """The last ``account_seq`` of each user that exists."""
        ...


Deliver = Callable[[Sequence[Delivery]], Awaitable[None]]
"""Hands deliveries to the gateways concerned, in their order, after commit."""
