"""``Database`` on SQLite: WAL, every commit synced, one writer thread, two readers."""

from __future__ import annotations

import asyncio
import queue
import sys
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Concatenate, Final, ParamSpec, TypeVar

from server.infra.folder_lock import FolderLock
from server.infra.sqlite.connection import open_reader, open_writer
from server.infra.sqlite.worker import Job, Worker, WriteWorker
from server.kernel.database import DatabaseUnavailableError, DatabaseUsage, Tx

P = ParamSpec("P")
T = TypeVar("T")

BUILT: Final = ".restoring"
"""Behind the name of a file: one that is being filled from a backup, and takes the name when it is whole."""
_READERS: Final = 2
_CLOSE_TIMEOUT_S: Final = 30.0
_SWITCH_INTERVAL_S: Final = 0.0001
"""How long a thread waits for the interpreter lock before it insists.

An event loop that is never idle lets go of the lock in every ``select`` and takes it back before the
writer has woken up; at Python's 5 ms the writer never gets to insist: one commit beside such a loop
took 4 to 14 s, at 0.1 ms 2 to 6 ms (13 at worst), and the loop kept 82 % of its time or more.
"""


class SqliteDatabase:
    """The file ``path``; its folder is locked against a second server while this one runs.

    ``check`` runs ``PRAGMA quick_check`` at start: 0.05 to 0.2 s for 100,000 messages (41 MB), warm.
    ``migrate=False`` refuses a file that lacks something instead of bringing it up to date; ``up_to`` ends
    with that migration. ``lock=False``: whoever made this holds the folder's lock.
    ``max_waiting`` bounds each of the two queues of bodies, ``wal_max_bytes`` about the log beside it.
    """

    def __init__(
        self,
        path: Path,
        *,
        check: bool = True,
        migrate: bool = True,
        up_to: int | None = None,
        lock: bool = True,
        max_waiting: int = 1_024,
        wal_max_bytes: int = 64 * 1024 * 1024,
    ) -> None:
        self._path = path
        self._check = check
        self._migrate = migrate
        self._up_to = up_to
        self._max_waiting = max_waiting
        self._wal_max_bytes = wal_max_bytes
        self._lock = FolderLock(path.parent) if lock else None
        self._writes: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._reads: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._writer: WriteWorker | None = None
        self._readers: list[Worker] = []
        self._open = False

    async def start(self) -> None:
        """Lock the folder, open, check and migrate.

        Raises:
            DamagedDatabaseError: names the file, and the copy that was made of it.
            DatabaseUnavailableError: in words for people: folder in use (``FolderInUseError``) or not
                writable (``FolderNotWritableError``), a file that can't be opened or is newer, a restore
                that has not ended.
            SchemaBehindError: something is missing in it, and ``migrate`` is off.
        """
        if self._lock is not None:
            self._lock.acquire()
        sys.setswitchinterval(min(sys.getswitchinterval(), _SWITCH_INTERVAL_S))
        self._writes, self._reads = queue.SimpleQueue(), queue.SimpleQueue()
        try:
            self._refuse_half()
            wal = self._path.with_name(f"{self._path.name}-wal")
            writer = WriteWorker(
                "sqlite-writer",
                self._writes,
                partial(open_writer, self._path, check=self._check, migrate=self._migrate, up_to=self._up_to),
                wal=wal,
                wal_max_bytes=self._wal_max_bytes,
            )
            self._writer = writer
            await _started(writer)
            for number in range(_READERS):
                reader = Worker(f"sqlite-reader-{number}", self._reads, partial(open_reader, self._path))
                self._readers.append(reader)
                await _started(reader)
        except BaseException:
            await self._close()
            raise
        self._open = True

    def _refuse_half(self) -> None:
        """Or a restore that was cut off would look like a new and empty server."""
        if not self._path.exists() and self._path.with_name(self._path.name + BUILT).exists():
            raise DatabaseUnavailableError(
                f"a restore into {self._path.parent} has not ended: run parley-server restore again"
            )

    async def stop(self) -> None:
        """Finish what waits, close. Not started is fine."""
        self._open = False
        await self._close()

    async def write(
        self, body: Callable[Concatenate[Tx, P], Awaitable[T]], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Run ``body`` in a transaction; several that wait share one commit."""
        return await self._run(self._writes, body, *args, **kwargs)

    async def read(
        self, body: Callable[Concatenate[Tx, P], Awaitable[T]], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Run ``body`` on one snapshot; what it changes is refused."""
        return await self._run(self._reads, body, *args, **kwargs)

    async def check(self) -> None:
        """Reads a row."""
        await self.read(_touch)

    def usage(self) -> DatabaseUsage:
        """Bodies in the two queues."""
        return DatabaseUsage(
            connections=len(self._readers) + (self._writer is not None),
            in_use=None,
            waiting={"write": self._writes.qsize(), "read": self._reads.qsize()},
        )

    async def _run(
        self,
        jobs: queue.SimpleQueue[Job | None],
        body: Callable[Concatenate[Tx, P], Awaitable[T]],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> T:
        if not self._open:
            raise DatabaseUnavailableError("the database is closed")
        if jobs.qsize() >= self._max_waiting:
            raise DatabaseUnavailableError("the server is overloaded")
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        jobs.put(Job(body, args, kwargs, future))
        return await future

    async def _close(self) -> None:
        """The writer last: it is then alone with the file, and folds the log into it."""
        readers, self._readers = self._readers, []
        for _ in readers:
            self._reads.put(None)
        writer, self._writer = self._writer, None
        try:
            async with asyncio.timeout(_CLOSE_TIMEOUT_S):
                for reader in readers:
                    await reader.closed
                if writer is not None:
                    self._writes.put(None)
                    await writer.closed
        finally:
            if self._lock is not None:
                self._lock.release()


async def _touch(tx: Tx) -> None:
    await tx.fetch_one("SELECT COUNT(*) FROM schema_migrations")


async def _started(worker: Worker) -> None:
    worker.start()
    await worker.opened
