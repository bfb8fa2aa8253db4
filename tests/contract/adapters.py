"""The adapters of each port. A new one (PostgreSQL, Kafka, Redis) is a line here and passes all suites."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Final, Protocol

from server.infra.folder_blobs import FolderBlobs
from server.infra.memory.bus import MemoryBus
from server.infra.memory.limiter import MemoryLimiter
from server.infra.memory.presence import MemoryPresence
from server.infra.sqlite.database import SqliteDatabase
from server.kernel.blobs import BlobStore
from server.kernel.bus import EventBus
from server.kernel.clock import Clock
from server.kernel.database import Database
from server.kernel.limiter import RateLimiter
from server.kernel.presence import Presence

DatabaseOpener = Callable[[Path], AbstractAsyncContextManager[Database]]


class BusOpener(Protocol):
    """Opens a bus that is not started yet, with these bounds."""

    def __call__(
        self, *, capacity: int = 10_000, publish_timeout_s: float = 5.0, drain_timeout_s: float = 5.0
    ) -> EventBus: ...


@asynccontextmanager
async def _sqlite(folder: Path) -> AsyncIterator[Database]:
    database = SqliteDatabase(folder / "parley.db")
    await database.start()
    try:
        yield database
    finally:
        await database.stop()


def _memory_bus(
    *, capacity: int = 10_000, publish_timeout_s: float = 5.0, drain_timeout_s: float = 5.0
) -> EventBus:
    return MemoryBus(
        capacity=capacity,
        publish_timeout_s=publish_timeout_s,
        drain_timeout_s=drain_timeout_s,
        back_off_s=0.001,
    )


DATABASES: Final[Mapping[str, DatabaseOpener]] = {"sqlite": _sqlite}
"""Each opens the same database again when called twice with one folder."""
BUSES: Final[Mapping[str, BusOpener]] = {"memory": _memory_bus}
PRESENCES: Final[Mapping[str, Callable[[], Presence]]] = {"memory": MemoryPresence}
LIMITERS: Final[Mapping[str, Callable[[Clock], RateLimiter]]] = {"memory": MemoryLimiter}
BLOB_STORES: Final[Mapping[str, Callable[[Path], BlobStore]]] = {"folder": FolderBlobs}
