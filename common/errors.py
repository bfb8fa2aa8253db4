"""Every error code of the protocol, and the exception that carries one.

A code is part of the protocol: it is never renamed, and a client decides by it alone. The message
is for people and logs; it never holds a stack trace, SQL or a path of the server.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final


class Code(StrEnum):
    """Answers to what a client sent. ``RETRYABLE`` says which a client may send again as they are."""

    # What was sent can't be read.
    BAD_JSON = "bad_json"
    BAD_FIELD = "bad_field"
    BAD_TEXT = "bad_text"
    UNSUPPORTED = "unsupported"
    TOO_LARGE = "too_large"
    # Who asks.
    UNAUTHENTICATED = "unauthenticated"
    TOKEN_EXPIRED = "token_expired"  # noqa: S105 - the name of a code, not a secret
    WRONG_CREDENTIALS = "wrong_credentials"
    FORBIDDEN = "forbidden"
    REGISTRATION_CLOSED = "registration_closed"
    INVITE_INVALID = "invite_invalid"
    # What it is about.
    NOT_FOUND = "not_found"
    GONE = "gone"
    CONFLICT = "conflict"
    ID_REUSED = "id_reused"
    NAME_TAKEN = "name_taken"
    NAME_NOT_ALLOWED = "name_not_allowed"
    PASSWORD_TOO_WEAK = "password_too_weak"  # noqa: S105 - the name of a code, not a secret
    RECIPIENT_UNAVAILABLE = "recipient_unavailable"
    LIMIT_REACHED = "limit_reached"
    MOVED = "moved"
    # Not now.
    RATE_LIMITED = "rate_limited"
    UNAVAILABLE = "unavailable"
    STORAGE_FULL = "storage_full"
    TIMEOUT = "timeout"
    INTERNAL = "internal"

    @classmethod
    def _missing_(cls, value: object) -> Code | None:
        """A code of a newer server is handled as ``internal``."""
        return cls.INTERNAL if isinstance(value, str) else None


RETRYABLE: Final = frozenset(
    {Code.RATE_LIMITED, Code.UNAVAILABLE, Code.STORAGE_FULL, Code.TIMEOUT, Code.TOKEN_EXPIRED}
)
"""A send refused with one of these waits in the outbox; with any other it has failed."""

HTTP_STATUS: Final[dict[Code, int]] = {
    Code.BAD_JSON: 400,
    Code.BAD_FIELD: 400,
    Code.BAD_TEXT: 400,
    Code.UNSUPPORTED: 400,
    Code.TOO_LARGE: 413,
    Code.UNAUTHENTICATED: 401,
    Code.TOKEN_EXPIRED: 401,
    Code.WRONG_CREDENTIALS: 401,
    Code.FORBIDDEN: 403,
    Code.REGISTRATION_CLOSED: 403,
    Code.INVITE_INVALID: 403,
    Code.NOT_FOUND: 404,
    Code.GONE: 410,
    Code.CONFLICT: 409,
    Code.ID_REUSED: 409,
    Code.NAME_TAKEN: 409,
    Code.NAME_NOT_ALLOWED: 400,
    Code.PASSWORD_TOO_WEAK: 400,
    Code.RECIPIENT_UNAVAILABLE: 403,
    Code.LIMIT_REACHED: 409,
    Code.MOVED: 421,
    Code.RATE_LIMITED: 429,
    Code.UNAVAILABLE: 503,
    Code.STORAGE_FULL: 507,
    Code.TIMEOUT: 504,
    Code.INTERNAL: 500,
}


class CloseCode:
    """WebSocket close codes that Parley gives (RFC 6455 section 7.4, and its own from 4400)."""

    NORMAL: Final = 1000
    POLICY: Final = 1008
    TOO_BIG: Final = 1009
    RESTART: Final = 1012
    UNAUTHENTICATED: Final = 4401
    """No or a bad ``hello`` within its time, an expired token, a session that was revoked."""
    VERSION: Final = 4406
    """No common protocol version."""
    SLOW_CONSUMER: Final = 4408
    REPLACED: Final = 4409
    """A second socket of the same device was opened."""
    MOVED: Final = 4410
    """The server is at another address now: ``GET /api/v1/server`` says where."""


class ParleyError(Exception):
    """An answer to the client: a code, words for people, and when to try again.

    Environment errors and refusals are of this type; anything else that escapes is a bug.
    """

    def __init__(self, code: Code, message: str, *, retry_after_ms: int | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.retry_after_ms = retry_after_ms

    def __repr__(self) -> str:
        """Code and message, as logs want them."""
        return f"{type(self).__name__}({self.code.value!r}, {self.message!r})"
