"""Reads a SQLite file beside whoever writes it: no lock on the folder, no migration, no write."""

from __future__ import annotations

import asyncio
import queue
import sqlite3
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Concatenate, NoReturn, ParamSpec, TypeVar

from server.infra.migrations import MigrationError
from server.infra.sqlite.connection import missing_in, open_reader
from server.infra.sqlite.errors import port_error
from server.infra.sqlite.worker import Job, Worker
from server.kernel.database import DatabaseUnavailableError, DatabaseUsage, SchemaBehindError, Tx

P = ParamSpec("P")
T = TypeVar("T")


class SqliteSnapshots:
    """``Database`` for reading alone, also while a server in another process writes the file.

    In WAL mode a reader stands on the snapshot of its first statement and is in nobody's way; the log of the
    writer grows for as long as it reads.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._jobs: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._worker: Worker | None = None

    async def start(self) -> None:
        """Open, and check the schema.

        Raises:
            FileNotFoundError: there is no such file.
            SchemaBehindError: it lacks migrations.
            DatabaseUnavailableError: it can't be opened, or a newer Parley wrote it.
        """
        if not self._path.exists():
            raise FileNotFoundError(f"there is no server in {self._path.parent}")
        worker = Worker("sqlite-snapshots", self._jobs, partial(_open, self._path))
        worker.start()
        await worker.opened
        self._worker = worker

    async def stop(self) -> None:
        """Not started is fine."""
        worker, self._worker = self._worker, None
        if worker is not None:
            self._jobs.put(None)
            await worker.closed

    async def write(
        self,
        body: Callable[Concatenate[Tx, P], Awaitable[T]],  # noqa: ARG002 - the port's
        *args: P.args,  # noqa: ARG002 - the port's
        **kwargs: P.kwargs,  # noqa: ARG002 - the port's
    ) -> NoReturn:
        """Refused, always."""
        raise DatabaseUnavailableError("these data are open for reading only")

    async def check(self) -> None:
        """Reads a row."""
        await self.read(_touch)

    def usage(self) -> DatabaseUsage:
        """Its one connection."""
        return DatabaseUsage(
            connections=int(self._worker is not None), in_use=None, waiting={"read": self._jobs.qsize()}
        )

    async def read(
        self, body: Callable[Concatenate[Tx, P], Awaitable[T]], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Run ``body`` on one snapshot."""
        if self._worker is None:
            raise DatabaseUnavailableError("the database is closed")
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._jobs.put(Job(body, args, kwargs, future))
        return await future


async def _touch(tx: Tx) -> None:
    await tx.fetch_one("SELECT 1")


def _open(path: Path) -> sqlite3.Connection:
    connection = open_reader(path)
    try:
        missing = missing_in(connection)
    except MigrationError as problem:
        connection.close()
        raise DatabaseUnavailableError(f"the database {path} can't be used: {problem}") from problem
    except sqlite3.Error as problem:
        connection.close()
        raise port_error(problem) from problem
    if missing:
        connection.close()
        raise SchemaBehindError(missing)
    return connection
