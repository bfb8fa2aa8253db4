"""What an admin of the server does, as views see it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from desktop.services.state import InviteItem


class Administration(Protocol):
    """Refused for everybody else."""

    async def reset_code(self, user_id: str) -> str:
        """A one-time code for somebody who forgot their password."""
        ...

    async def invite_link(self, address: str = "") -> str:
        """A link that lets somebody in; to ``address``, or where this account reaches the server."""
        ...

    async def invites(self) -> Sequence[InviteItem]:
        """Those that still let somebody in."""
        ...

    async def revoke_invite(self, invite_id: str) -> None:
        """It lets nobody in any more."""
        ...

    async def set_registration(self, *, invite_only: bool) -> None:
        """Who may make an account."""
        ...
