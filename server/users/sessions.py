"""Devices: how one is made, and how several are signed out."""

from __future__ import annotations

import hashlib
import secrets

from common.ids import new_id
from common.limits import Limits
from common.protocol import rest
from common.protocol.types import User
from server.kernel.clock import Clock
from server.kernel.database import Tx
from server.kernel.identity import Identity
from server.kernel.outbox import add_event
from server.users import repository
from server.users.event import SESSION_REVOKED, SessionsRevoked
from server.users.model import DeviceRecord
from server.users.ports import AccessTokens


def hash_token(secret: str) -> bytes:
    """What is kept of a refresh token: it is long and random, so a fast hash will do."""
    return hashlib.sha256(secret.encode()).digest()


class Sessions:
    """Makes devices and their tokens."""

    def __init__(self, *, clock: Clock, tokens: AccessTokens, limits: Limits) -> None:
        self._clock = clock
        self._tokens = tokens
        self._limits = limits

    def new_device(self, user_id: str, name: str) -> tuple[str, DeviceRecord]:
        """Its first refresh token, and the row."""
        device_id, family, now = new_id(), secrets.token_urlsafe(12), self._clock.now_ms()
        refresh_token = f"{device_id}.{family}.{secrets.token_urlsafe(24)}"
        return refresh_token, DeviceRecord(
            id=device_id,
            user_id=user_id,
            name=name,
            created_at_ms=now,
            last_seen_at_ms=now,
            family_hash=hash_token(family),
            current_hash=hash_token(refresh_token),
        )

    async def verify(self, token: str) -> Identity:
        """See ``AccessTokens``."""
        return await self._tokens.verify(token)

    def signed_in(self, user: User, device_id: str, refresh_token: str) -> rest.Tokens:
        """The answer to whoever signed in."""
        lifetime_ms = self._limits.access_token_ms
        token = self._tokens.issue(user_id=user.id, device_id=device_id, lifetime_ms=lifetime_ms)
        return rest.Tokens(user, device_id, token, lifetime_ms // 1_000, refresh_token)


async def revoke(tx: Tx, clock: Clock, user_id: str, device_ids: list[str]) -> None:
    """Sign devices out; their sockets are closed when the event is handled."""
    if device_ids:
        await repository.revoke_devices(tx, device_ids, clock.now_ms())
        await add_event(tx, SESSION_REVOKED, user_id, SessionsRevoked(user_id, device_ids))
