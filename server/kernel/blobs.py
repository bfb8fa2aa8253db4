"""The blob store port: named byte strings beside the database (pictures, later files)."""

from __future__ import annotations

import re
from typing import Final, Protocol

_KEY: Final = re.compile(r"[a-z0-9_-]+(?:/[a-z0-9_-]+)*")
_RESERVED: Final = re.compile(r"(?:.*/)?(?:con|prn|aux|nul|com[0-9]|lpt[0-9])(?:/.*)?")
"""Device names of Windows, with any suffix; refused everywhere, so that a folder can be moved."""
_KEY_MAX_CHARS: Final = 200


def check_key(key: str) -> str:
    """The key, which every adapter takes or none.

    Raises:
        ValueError: not a key; a bug of the caller.
    """
    if len(key) > _KEY_MAX_CHARS or not _KEY.fullmatch(key) or _RESERVED.fullmatch(key):
        raise ValueError(f"not a key of a blob: {key!r}")
    return key


class BlobStore(Protocol):
    """Small blobs, whole. Keys are ``[a-z0-9/_-]+``, chosen by the server, never by a client."""

    async def start(self) -> None:
        """Open; makes the folder or checks the bucket."""
        ...

    async def stop(self) -> None:
        """Close."""
        ...

    async def put(self, key: str, data: bytes) -> None:
        """Store durably, replacing what was there.

        Raises:
            StorageFullError: no space; what was there stays.
        """
        ...

    async def get(self, key: str) -> bytes | None:
        """The bytes, or None."""
        ...

    async def delete(self, key: str) -> None:
        """Remove; a missing one is fine."""
        ...

    async def keys(self) -> list[str]:
        """All of them, sorted."""
        ...
