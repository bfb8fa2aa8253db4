"""Codes that are told from person to person: invites and password resets. Kept hashed."""

from __future__ import annotations

import base64
import hashlib
import secrets
from typing import Final

_RESET_BYTES: Final = 10
"""80 bits: five tries and a day are all that a guesser has."""
_INVITE_BYTES: Final = 16
_GROUP: Final = 4


def new_invite_code() -> str:
    """128 bits, fit for a link."""
    return secrets.token_urlsafe(_INVITE_BYTES)


def new_reset_code() -> str:
    """``ABCD-EFGH-IJKL-MNOP``: to be read out on the telephone."""
    text = base64.b32encode(secrets.token_bytes(_RESET_BYTES)).decode()
    return "-".join(text[start : start + _GROUP] for start in range(0, len(text), _GROUP))


def hash_invite(code: str) -> bytes:
    """What is kept of it."""
    return hashlib.sha256(code.strip().encode()).digest()


def hash_reset(code: str) -> bytes:
    """What is kept of it; however it was typed."""
    return hashlib.sha256("".join(code.split()).replace("-", "").upper().encode()).digest()
