"""The blob store in the database: for a server of several processes, which share no folder."""

from __future__ import annotations

from server.kernel.blobs import check_key
from server.kernel.database import Database, Tx


class DatabaseBlobs:
    """Blobs are rows. For small ones: each is read and written whole."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def start(self) -> None:
        """The database is open."""

    async def stop(self) -> None:
        """It is closed by whoever opened it."""

    async def put(self, key: str, data: bytes) -> None:
        """Store durably.

        Raises:
            StorageFullError: no space; what was there stays.
            ValueError: not a key; a bug of the caller.
        """
        await self._database.write(_put, check_key(key), data)

    async def get(self, key: str) -> bytes | None:
        """The bytes, or None."""
        return await self._database.read(_get, check_key(key))

    async def delete(self, key: str) -> None:
        """Remove; a missing one is fine."""
        await self._database.write(_delete, check_key(key))

    async def keys(self) -> list[str]:
        """All of them, sorted."""
        return await self._database.read(_keys)


async def _put(tx: Tx, key: str, data: bytes) -> None:
    await tx.execute(
        "INSERT INTO blobs (key, data) VALUES ($1, $2) ON CONFLICT (key) DO UPDATE SET data = $2", key, data
    )


async def _get(tx: Tx, key: str) -> bytes | None:
    row = await tx.fetch_one("SELECT data FROM blobs WHERE key = $1", key)
    return None if row is None else bytes(row[0])


async def _delete(tx: Tx, key: str) -> None:
    await tx.execute("DELETE FROM blobs WHERE key = $1", key)


async def _keys(tx: Tx) -> list[str]:
    return [str(row[0]) for row in await tx.fetch("SELECT key FROM blobs ORDER BY key")]
