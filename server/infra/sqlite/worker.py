"""The threads that run transaction bodies, and group commit."""

from __future__ import annotations

import asyncio
import queue
import sqlite3
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Final

import structlog

from server.infra.sqlite.connection import BUSY_MS, SqliteTx
from server.infra.sqlite.errors import port_error
from server.kernel.database import Tx

log: Final = structlog.get_logger(__name__)

MAX_GROUP: Final = 64
_WAL_CHECK_EVERY: Final = 64
_CHECKPOINT_WAIT_MS: Final = 100

Body = Callable[..., Awaitable[Any]]


class Job:
    """A body on its way through a thread; ``future`` belongs to the event loop."""

    __slots__ = ("args", "body", "error", "future", "kwargs", "result")

    def __init__(
        self, body: Body, args: tuple[Any, ...], kwargs: dict[str, Any], future: asyncio.Future[Any]
    ) -> None:
        self.body = body
        self.args = args
        self.kwargs = kwargs
        self.future = future
        self.result: Any = None
        self.error: BaseException | None = None

    def run(self, tx: Tx) -> bool:
        """Drive the body to its end; whether it came there without an error."""
        self.result, self.error = None, None
        try:
            steps = self.body(tx, *self.args, **self.kwargs).__await__()
            try:
                next(steps)
            except StopIteration as end:
                self.result = end.value
                return True
            self.error = RuntimeError(
                f"the transaction body {self.body!r} awaited something other than its Tx"
            )
        except BaseException as error:  # noqa: BLE001 - whatever it is belongs to the caller, not to this thread
            self.error = error
        return False

    def settle(self) -> None:
        """In the event loop: hand the outcome over, unless the caller went away."""
        if self.future.done():
            return
        if self.error is not None:
            self.future.set_exception(self.error)
        else:
            self.future.set_result(self.result)


class Worker:
    """A thread with one connection and a queue; several workers may share a queue.

    ``opened`` is done when the thread has its connection, or carries why it has none.
    """

    def __init__(
        self, name: str, jobs: queue.SimpleQueue[Job | None], open_: Callable[[], sqlite3.Connection]
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._jobs = jobs
        self._open = open_
        self.opened: asyncio.Future[None] = self._loop.create_future()
        self.closed: asyncio.Future[None] = self._loop.create_future()
        # A daemon: a process that ends without ``stop`` must not hang, and a commit is atomic anyway.
        self._thread = threading.Thread(target=self._main, name=name, daemon=True)

    def start(self) -> None:
        """Begin to open."""
        self._thread.start()

    def _main(self) -> None:
        try:
            connection = self._open()
        except BaseException as error:  # noqa: BLE001 - goes to whoever awaits ``opened``
            self._tell(_fail, self.opened, error)
            self._tell(_done, self.closed)
            return
        self._tell(_done, self.opened)
        try:
            self._work(connection)
        finally:
            connection.close()
            self._tell(_done, self.closed)

    def _work(self, connection: sqlite3.Connection) -> None:
        """Until None comes."""
        tx = SqliteTx(connection)
        while (job := self._jobs.get()) is not None:
            if not job.future.cancelled():
                _read(connection, tx, job)
                self._tell(_settle, (job,))

    def _tell(self, call: Callable[..., None], *args: Any) -> None:  # noqa: ANN401 - passed through to call
        try:
            self._loop.call_soon_threadsafe(call, *args)
        except RuntimeError:
            # The loop is closed: nobody is left to be told.
            log.warning("database_outcome_unheard", thread=self._thread.name)


class WriteWorker(Worker):
    """The one that writes. What waits together is committed together.

    An fsync costs more than most bodies, so all jobs in the queue go into one transaction, each within a
    savepoint of its own: one that raises takes back its own changes only. None is told its outcome
    before the commit; if that fails, each is tried alone, which a body must bear anyway.
    """

    def __init__(
        self,
        name: str,
        jobs: queue.SimpleQueue[Job | None],
        open_: Callable[[], sqlite3.Connection],
        *,
        wal: Path,
        wal_max_bytes: int,
    ) -> None:
        super().__init__(name, jobs, open_)
        self._wal = wal
        self._wal_max_bytes = wal_max_bytes
        self._commits = 0

    def _work(self, connection: sqlite3.Connection) -> None:
        tx = SqliteTx(connection)
        closing = False
        while not closing and (first := self._jobs.get()) is not None:
            group = [first]
            while len(group) < MAX_GROUP and not self._jobs.empty():
                job = self._jobs.get()
                if job is None:
                    closing = True
                    break
                group.append(job)
            group = [job for job in group if not job.future.cancelled()]
            _write_group(connection, tx, group)
            self._tell(_settle, group)
            self._bound_wal(connection)

    def _bound_wal(self, connection: sqlite3.Connection) -> None:
        """SQLite checkpoints by itself, but starts the log anew only if no reader is in the way.

        With overlapping readers one always is: then writers wait for them, for a moment, now and then.
        """
        self._commits += 1
        if self._commits % _WAL_CHECK_EVERY:
            return
        try:
            if self._wal.stat().st_size > self._wal_max_bytes:
                connection.execute(f"PRAGMA busy_timeout = {_CHECKPOINT_WAIT_MS}")
                connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
                connection.execute(f"PRAGMA busy_timeout = {BUSY_MS}")
        except (OSError, sqlite3.Error) as problem:
            log.warning("checkpoint_failed", reason=str(problem))


def _write_group(connection: sqlite3.Connection, tx: Tx, group: list[Job]) -> None:
    if len(group) > 1 and _write_together(connection, tx, group):
        return
    for job in group:
        _write_alone(connection, tx, job)


def _write_together(connection: sqlite3.Connection, tx: Tx, group: list[Job]) -> bool:
    """Whether the group was committed; if not, nothing of it was kept."""
    execute = connection.execute
    try:
        execute("BEGIN IMMEDIATE")
        for job in group:
            execute("SAVEPOINT body")
            if not job.run(tx):
                # A full disk or an I/O error may have rolled everything back already.
                if not connection.in_transaction:
                    return False
                execute("ROLLBACK TO body")
            execute("RELEASE body")
        execute("COMMIT")
    except sqlite3.Error as error:
        log.warning("group_commit_failed", bodies=len(group), reason=str(error))
        _roll_back(connection)
        return False
    return True


def _write_alone(connection: sqlite3.Connection, tx: Tx, job: Job) -> None:
    try:
        connection.execute("BEGIN IMMEDIATE")
        if job.run(tx):
            connection.execute("COMMIT")
        else:
            _roll_back(connection)
    except sqlite3.Error as error:
        job.error = port_error(error)
        _roll_back(connection)


def _read(connection: sqlite3.Connection, tx: Tx, job: Job) -> None:
    try:
        connection.execute("BEGIN")
        job.run(tx)
        connection.execute("ROLLBACK")
    except sqlite3.Error as error:
        job.error = port_error(error)
        _roll_back(connection)


def _roll_back(connection: sqlite3.Connection) -> None:
    if connection.in_transaction:
        try:
            connection.execute("ROLLBACK")
        except sqlite3.Error:
            log.exception("rollback_failed")


def _settle(jobs: list[Job]) -> None:
    for job in jobs:
        job.settle()


def _done(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)


def _fail(future: asyncio.Future[None], error: BaseException) -> None:
    if not future.done():
        future.set_exception(error)
