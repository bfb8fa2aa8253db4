"""What the users context needs of others; bootstrap passes it in."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from common.protocol.types import User
from server.kernel.database import Tx
from server.kernel.identity import Identity


class PasswordHasher(Protocol):
    """A slow hash, off the event loop."""

    async def hash(self, password: str) -> str:
        """A salted hash that tells its own parameters."""
        ...

    async def verify(self, password_hash: str | None, password: str) -> bool:
        """Whether it fits; None (no such account) costs the same time and is False."""
        ...

    def outdated(self, password_hash: str) -> bool:
        """Whether it was made with other parameters than are used now."""
        ...


class Admission(Protocol):
    """Who may make an account."""

    async def admit(self, tx: Tx, code: str | None) -> None:
        """Count the invite; a ``ParleyError`` says why not."""
        ...


class AccessTokens(Protocol):
    """Signed access tokens of this server."""

    def issue(self, *, user_id: str, device_id: str, lifetime_ms: int) -> str:
        """A token that is good from now on."""
        ...

    async def verify(self, token: str) -> Identity:
        """Its facts.

        Raises:
            ParleyError: ``unauthenticated``, or ``token_expired`` for an otherwise good one.
        """
        ...


class Residence(Protocol):
    """The rooms of a user; implemented by the chat context."""

    async def welcome(self, tx: Tx, user: User) -> None:
        """Make a newcomer a member of "Everyone", which the first account brings about."""
        ...

    async def rooms_of(self, tx: Tx, user_id: str) -> Sequence[str]:
        """The rooms in which others see the user's name."""
        ...

    async def leave_all(self, tx: Tx, gone: User) -> None:
        """Out of every group; direct rooms stay with whoever is left, and are closed.

        ``gone`` is how the user is shown from now on, in the notices of joining too.
        """
        ...


class PictureScaler(Protocol):
    """Makes pictures of people small and harmless."""

    async def square(self, data: bytes) -> bytes:
        """A small square PNG or JPEG without any of what came along in the file.

        Raises:
            ParleyError: ``bad_field``, it is no picture that can be read.
        """
        ...
