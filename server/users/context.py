"""The users context, put together from what bootstrap hands in."""

from __future__ import annotations

from dataclasses import dataclass

from common.protocol.rest import Registration
from server.kernel.blobs import BlobStore
from server.users.admission import AdmissionService
from server.users.deletion import DeletionService
from server.users.means import Means
from server.users.ports import AccessTokens, PasswordHasher, PictureScaler, Residence
from server.users.profiles import ProfileService
from server.users.resets import ResetService
from server.users.service import UsersService
from server.users.sessions import Sessions


@dataclass(frozen=True, slots=True, kw_only=True)
class UsersPorts:
    """What others implement for this context."""

    hasher: PasswordHasher
    tokens: AccessTokens
    residence: Residence
    blobs: BlobStore
    pictures: PictureScaler


class UsersContext:
    """Its services; ``start`` reads what they have to know before the first request."""

    def __init__(self, *, means: Means, ports: UsersPorts, name: str, registration: Registration) -> None:
        hasher, residence = ports.hasher, ports.residence
        sessions = Sessions(clock=means.clock, tokens=ports.tokens, limits=means.limits)
        self.admission = AdmissionService(means=means, name=name, registration=registration)
        self.users = UsersService(
            means=means, hasher=hasher, sessions=sessions, admission=self.admission, residence=residence
        )
        self.resets = ResetService(means=means, hasher=hasher, sessions=sessions)
        self.profiles = ProfileService(
            means=means, residence=residence, blobs=ports.blobs, pictures=ports.pictures
        )
        self.deletion = DeletionService(means=means, hasher=hasher, residence=residence, blobs=ports.blobs)

    async def start(self) -> None:
        """Read which devices were signed out lately; once their revocations are heard."""
        await self.users.start()

    @property
    def services(self) -> dict[str, object]:
        """By the names that handlers ask for."""
        return {
            "users": self.users,
            "admission": self.admission,
            "resets": self.resets,
            "profiles": self.profiles,
            "deletion": self.deletion,
        }
