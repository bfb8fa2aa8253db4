"""The blob store port: named byte strings beside the database (pictures, later files)."""

from __future__ import annotations

from typing import Protocol


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
