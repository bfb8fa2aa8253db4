"""Identifiers: UUIDv7 (RFC 9562), lower-case canonical text on the wire, 16 bytes at the database.

Messages are the exception: a message is identified by its room and its ``seq`` there (see
``docs/adr/0003``); before it has one, by the sender's ``client_msg_id``.
"""

from __future__ import annotations

import hashlib
import re
from typing import Annotated, Final

import msgspec
import uuid_utils

ID_PATTERN: Final = r"\A[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}\Z"
_matches_id: Final = re.compile(ID_PATTERN).match

type_id_meta: Final = msgspec.Meta(pattern=ID_PATTERN, description="UUIDv7, canonical lower case")

Id = Annotated[str, type_id_meta]
UserId = Id
RoomId = Id
DeviceId = Id
"""One login is one device is one ``sid``: the id of a device is the session id of its tokens."""
ClientMsgId = Id
"""Idempotency key chosen by the client, unique for ever per (room, sender)."""

Seq = Annotated[int, msgspec.Meta(ge=1, le=2**53 - 1)]
"""Position of an event in its room's stream, dense from 1, given at commit; exact in every language."""

ServerId = Annotated[str, msgspec.Meta(pattern=r"\A[0-9a-f]{64}\Z")]
"""SHA-256 of the server's Ed25519 identity key (32 raw bytes), in hex."""

SHORT_KEY_BITS: Final = 80


def new_id() -> str:
    """A fresh UUIDv7 in canonical text."""
    return str(uuid_utils.uuid7())


def is_id(text: str) -> bool:
    """Whether ``text`` is a canonical UUIDv7."""
    return _matches_id(text) is not None


def id_to_bytes(text: str) -> bytes:
    """The 16 bytes of a canonical id, as every database port takes them.

    Raises:
        ValueError: ``text`` is not hexadecimal.
    """
    return bytes.fromhex(text.replace("-", ""))


def id_from_bytes(raw: bytes) -> str:
    """The canonical text of 16 bytes that a database returned."""
    h = raw.hex()
    return f"{h[:8]}-{h[8:12]}-{h[12:16]}-{h[16:20]}-{h[20:]}"


def server_id_of(identity_public_key: bytes) -> str:
    """The server id that belongs to a raw Ed25519 public key of 32 bytes."""
    return hashlib.sha256(identity_public_key).hexdigest()


def short_key(server_id: str) -> str:
    """The first 80 bits of a server id for people to compare: ``7F3A 91C2 04D1 88B6 5E0F``."""
    digits = server_id[: SHORT_KEY_BITS // 4].upper()
    return " ".join(digits[i : i + 4] for i in range(0, len(digits), 4))
