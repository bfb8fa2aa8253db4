"""One thread that owns one SQLite connection and runs jobs on it, in order, in two lanes.

Results reach the event loop in the order in which jobs ran, also across lanes: who keeps a picture of the
data in memory applies them as they come and is never ahead of or behind the file.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import sqlite3
import threading
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, TypeVar

import msgspec

from desktop.storage.schema import prepare
from desktop.words import QT_TRANSLATE_NOOP, WordedError

T = TypeVar("T")
log: Final = logging.getLogger(__name__)

Connection = sqlite3.Connection
"""What a job is given; who writes jobs elsewhere names it by this, and knows no sqlite3."""

Job = Callable[[Connection], T]
WAITING_MAX: Final = 10_000
_DAMAGED: Final = QT_TRANSLATE_NOOP(
    "services", "The local copy of this account is damaged. Start Parley again to repair it."
)
_FULL: Final = QT_TRANSLATE_NOOP("services", "The disk is full. Free some space; nothing was lost.")
_NOT_WRITABLE: Final = QT_TRANSLATE_NOOP("services", "The profile folder can't be written. Check its rights.")


class StorageError(WordedError):
    """The file can't be read or written: disk full, no right, damaged. In words for the window."""


class DamagedError(StorageError):
    """The file is no database any more."""


class ClosedError(StorageError):
    """The account is closed: what still comes in on its way out is refetched next time."""


class _Task:
    __slots__ = ("done", "durable", "failed", "job", "write")

    def __init__(
        self,
        job: Job[Any],
        done: Callable[[Any], None],
        failed: Callable[[Exception], None],
        *,
        write: bool,
        durable: bool,
    ) -> None:
        self.job = job
        self.done = done
        self.failed = failed
        self.write = write
        self.durable = durable


class Worker:
    """The thread and connection of one file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._urgent: deque[_Task] = deque()
        self._normal: deque[_Task] = deque()
        self._wake = threading.Condition()
        self._closing = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._full_sync = False
        self.on_problem: Callable[[StorageError], None] = _nobody
        """Called on the loop with whatever keeps jobs from the file, before who asked is told."""

    async def open(self) -> None:
        """Open or make the file, check it, start the thread.

        Raises:
            DamagedError: it is no database.
            StorageError: it can't be opened.
        """
        self._loop = asyncio.get_running_loop()
        opened: asyncio.Future[None] = self._loop.create_future()
        self._thread = threading.Thread(target=self._main, args=(opened,), name="storage", daemon=True)
        self._thread.start()
        await opened

    def submit(
        self,
        job: Job[T],
        done: Callable[[T], None],
        failed: Callable[[Exception], None] | None = None,
        *,
        urgent: bool = False,
        write: bool = False,
        durable: bool = False,
    ) -> None:
        """Run ``job`` in the thread and ``done`` with its result on the loop.

        ``write`` makes it one transaction; ``durable`` ones are on the disk (fsync) when ``done`` is called.
        ``urgent`` jobs go first: what a person waits for.
        """
        task = _Task(job, done, failed or self._log, write=write or durable, durable=durable)
        with self._wake:
            full = len(self._normal) + len(self._urgent) >= WAITING_MAX
            if not full and not self._closing:
                (self._urgent if urgent else self._normal).append(task)
                self._wake.notify()
                return
        if full:
            self._fail(task, StorageError(QT_TRANSLATE_NOOP("services", "The disk does not keep up.")))
        else:
            task.failed(ClosedError(QT_TRANSLATE_NOOP("services", "The account is closed.")))

    async def run(
        self,
        job: Job[T],
        *,
        then: Callable[[T], object] | None = None,
        urgent: bool = False,
        write: bool = False,
        durable: bool = False,
    ) -> T:
        """Run ``job`` and wait for its result.

        ``then`` gets it in its turn among the results of other jobs; who waits goes on some turns later, when
        the file may have changed again.

        Raises:
            StorageError: the database refused.
        """
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()

        def done(result: T) -> None:
            if future.done():
                return
            try:
                if then is not None:
                    then(result)
            except Exception as problem:  # noqa: BLE001 - a bug belongs to who waits, who would wait for ever
                future.set_exception(problem)
            else:
                future.set_result(result)

        def failed(problem: Exception) -> None:
            if not future.done():
                future.set_exception(problem)

        self.submit(job, done, failed, urgent=urgent, write=write, durable=durable)
        return await future

    async def close(self) -> None:
        """Run what waits, then end the thread."""
        thread = self._thread
        if thread is None:
            return
        with self._wake:
            self._closing = True
            self._wake.notify()
        while thread.is_alive():  # noqa: ASYNC110 - a thread has no event to wait for on the loop
            await asyncio.sleep(0.002)
        thread.join()
        self._thread = None

    def _main(self, opened: asyncio.Future[None]) -> None:
        try:
            connection = sqlite3.connect(self._path, isolation_level=None, check_same_thread=False)
            try:
                prepare(connection)
            except BaseException:
                connection.close()
                raise
        except sqlite3.DatabaseError as problem:
            self._post(_set_exception, opened, _explain(problem))
            return
        except OSError as problem:
            self._post(_set_exception, opened, explain_os(problem))
            return
        self._post(_set_none, opened)
        try:
            while (task := self._next()) is not None:
                self._run(connection, task)
        finally:
            with contextlib.suppress(sqlite3.Error):
                connection.execute("PRAGMA optimize")
            connection.close()

    def _next(self) -> _Task | None:
        with self._wake:
            while True:
                if self._urgent:
                    return self._urgent.popleft()
                if self._normal:
                    return self._normal.popleft()
                if self._closing:
                    return None
                self._wake.wait()

    def _run(self, connection: sqlite3.Connection, task: _Task) -> None:
        try:
            if task.durable is not self._full_sync and task.write:
                # In WAL mode NORMAL loses the last commits at a power cut, FULL none.
                connection.execute(f"PRAGMA synchronous={'FULL' if task.durable else 'NORMAL'}")
                self._full_sync = task.durable
            result = _transact(connection, task.job) if task.write else task.job(connection)
        except (sqlite3.Error, msgspec.MsgspecError) as problem:
            explained = _explain(problem)
            if isinstance(explained, DamagedError):
                with contextlib.suppress(OSError):
                    damage_mark(self._path).touch()
            self._post(self._fail, task, explained)
        except Exception as problem:  # noqa: BLE001 - a bug in a job belongs to who asked, not to this thread
            self._post(task.failed, problem)
        else:
            self._post(task.done, result)

    def _post(self, call: Callable[..., None], *args: object) -> None:
        assert self._loop is not None  # noqa: S101 - open() has set it before the thread started
        # The loop is closed when a program ends without closing its accounts: nobody is left to tell.
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(call, *args)

    def _fail(self, task: _Task, problem: StorageError) -> None:
        self.on_problem(problem)
        task.failed(problem)

    def _log(self, problem: Exception) -> None:
        if isinstance(problem, ClosedError):
            log.debug("storage job after closing")
        else:
            log.error("storage job failed", exc_info=problem)


def _transact(connection: sqlite3.Connection, job: Job[T]) -> T:
    connection.execute("BEGIN IMMEDIATE")
    try:
        result = job(connection)
        connection.execute("COMMIT")
    except BaseException:
        # A full disk has rolled back already, in a job as in a commit; else nothing could begin any more.
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
    return result


def _nobody(problem: StorageError) -> None:
    """Before there is an account to tell."""
    del problem


def explain_os(problem: OSError) -> StorageError:
    """What the system refused, in words."""
    return StorageError(_FULL if problem.errno in {errno.ENOSPC, errno.EDQUOT} else _NOT_WRITABLE)


def damage_mark(path: Path) -> Path:
    """A file beside a database that was found damaged while it was open: the next start repairs it."""
    return path.with_name(f"{path.name}.damage-found")


def _explain(problem: sqlite3.Error | msgspec.MsgspecError) -> StorageError:
    if isinstance(problem, msgspec.MsgspecError):
        return DamagedError(_DAMAGED)
    code = getattr(problem, "sqlite_errorcode", 0) & 0xFF
    # Text that is no UTF-8 comes without a code.
    no_text = code == 0 and isinstance(problem, sqlite3.OperationalError)
    if code in {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB} or no_text:
        return DamagedError(_DAMAGED)
    if code == sqlite3.SQLITE_FULL:
        return StorageError(_FULL)
    if code in {sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM}:
        return StorageError(_NOT_WRITABLE)
    return StorageError(
        QT_TRANSLATE_NOOP("services", "The local copy of this account can't be used: {why}"), why=problem
    )


def _set_exception(future: asyncio.Future[None], problem: Exception) -> None:
    if not future.done():
        future.set_exception(problem)


def _set_none(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)
