"""What the users context publishes."""

from __future__ import annotations

from typing import Final

import msgspec

from server.kernel.bus import Topic


class SessionsRevoked(msgspec.Struct, frozen=True):
    """These devices are signed out: their tokens are refused and their sockets closed."""

    user_id: str
    device_ids: list[str]


SESSION_REVOKED: Final = Topic("users.session_revoked", SessionsRevoked)
