"""Who asks: the verified facts of an access token."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """A user on a device, until ``expires_at_s`` (seconds since 1970)."""

    user_id: str
    device_id: str
    expires_at_s: int


class Authenticator(Protocol):
    """Verifies access tokens; implemented by the users context."""

    async def authenticate(self, token: str) -> Identity:
        """The identity of a token of this server whose device is not revoked.

        Raises:
            ParleyError: ``unauthenticated``, or ``token_expired`` for an otherwise good one.
        """
        ...
