"""What an account and a device are."""

from __future__ import annotations

from dataclasses import dataclass

from common.protocol.types import User


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountRecord:
    """A row of ``users``: what others see, and what only sign-in needs."""

    user: User
    username_key: str
    display_key: str
    password_hash: str
    account_seq: int = 0
    created_at_ms: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceRecord:
    """A row of ``devices``: one login and its family of refresh tokens, hashed."""

    id: str
    user_id: str
    name: str
    created_at_ms: int
    last_seen_at_ms: int
    family_hash: bytes
    current_hash: bytes
    previous_hash: bytes | None = None
    revoked_at_ms: int | None = None
