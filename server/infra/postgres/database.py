"""``Database`` on PostgreSQL: a pool of connections, a transaction a body."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Sequence
from itertools import chain
from typing import Any, Concatenate, Final, ParamSpec, TypeVar

import asyncpg
import structlog

from server.infra.postgres.errors import AGAIN, port_error
from server.infra.postgres.schema import check, migrate
from server.infra.postgres.statements import joined, translated
from server.kernel.database import (
    Change,
    DatabaseUnavailableError,
    DatabaseUsage,
    Row,
    StorageFullError,
    Tx,
)
from server.kernel.tasks import TaskOwner
from server.kernel.telemetry import SILENCE, Dependency, Telemetry

P = ParamSpec("P")
T = TypeVar("T")

log: Final = structlog.get_logger(__name__)

_TRIES: Final = 5
_AGAIN_S: Final = 0.005
_FRESH_S: Final = 1.0
_CLOSE_TIMEOUT_S: Final = 30.0
_LOCKED: Final = " FOR UPDATE"
_INDEXED: Final = {"enable_seqscan": "off", "jit": "off"}
"""Of a prepared statement PostgreSQL keeps the plan that was best at first. On a new server that is to read
whole tables, which then grow; it thinks again when it has counted their rows, minutes later."""


class PostgresDatabase:
    """``url`` as libpq has it. At most ``connections`` bodies run, ``max_waiting`` wait for one.

    Writes are READ COMMITTED: what they decide by they lock (rooms) or change in one statement. Reads stand
    on one snapshot. ``prepared=False`` is for PgBouncer in transaction mode, where a statement that was
    prepared is gone in the next transaction. ``migrate=False`` refuses a database that lacks something
    instead of bringing it up to date; None takes any, for who only looks what it is.
    """

    def __init__(
        self,
        url: str,
        *,
        connections: int = 10,
        max_waiting: int = 1_024,
        acquire_timeout_s: float = 10.0,
        statement_timeout_s: float = 30.0,
        prepared: bool = True,
        migrate: bool | None = True,
        telemetry: Telemetry = SILENCE,
    ) -> None:
        self._url = url
        self._connections = connections
        self._max_waiting = max_waiting
        self._acquire_timeout_s = acquire_timeout_s
        self._statement_timeout_s = statement_timeout_s
        self._prepared = prepared
        self._migrate = migrate
        self._telemetry = telemetry
        self._pool: asyncpg.Pool[Any] | None = None
        self._open = False
        self._tasks = TaskOwner("postgres")
        self._active = 0
        self._written_at = 0.0
        self._idle = asyncio.Event()

    async def start(self) -> None:
        """Connect and migrate.

        Raises:
            DatabaseUnavailableError: not reachable, refused, or written by a newer Parley.
            SchemaBehindError: something is missing in it, and ``migrate`` is off.
        """
        try:
            self._pool = await asyncpg.create_pool(
                self._url,
                min_size=1,
                max_size=self._connections,
                command_timeout=self._statement_timeout_s,
                timeout=self._acquire_timeout_s,
                statement_cache_size=1_024 if self._prepared else 0,
                # PgBouncer takes no such settings, and what is not prepared is planned each time.
                server_settings=_INDEXED if self._prepared else None,
                init=_ids_as_bytes,
                reset=_nothing,
            )
            if self._migrate is not None:
                async with self._pool.acquire(timeout=self._acquire_timeout_s) as connection:
                    await (migrate if self._migrate else check)(connection)
        except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as problem:
            await self.stop()
            raise DatabaseUnavailableError(f"the database can't be reached: {problem}") from problem
        except (ValueError, OverflowError):
            await self.stop()
            # Of the URL: what is said of it may quote a part of the password.
            raise DatabaseUnavailableError(
                "database_url can't be read: postgresql://[USER[:PASSWORD]@]HOST[:PORT]/NAME; "
                "what is not a letter or digit of the password as %XX"
            ) from None
        except BaseException:
            await self.stop()
            raise
        self._open = True

    async def stop(self) -> None:
        """Finish what runs and waits, disconnect. Not started is fine."""
        self._open = False
        pool, self._pool = self._pool, None
        if pool is None:
            return
        try:
            async with asyncio.timeout(_CLOSE_TIMEOUT_S):
                while self._active:
                    self._idle.clear()
                    await self._idle.wait()
                await pool.close()
        except TimeoutError:
            pool.terminate()
        await self._tasks.close()

    async def write(
        self, body: Callable[Concatenate[Tx, P], Awaitable[T]], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Run ``body`` in a transaction, again where the database asks for it."""

        async def once(connection: Any) -> T:  # noqa: ANN401 - a pool's proxy
            async with connection.transaction():
                return await body(_Tx(connection), *args, **kwargs)

        written = await self._run(once)
        self._written_at = time.monotonic()
        return written

    async def read(
        self, body: Callable[Concatenate[Tx, P], Awaitable[T]], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Run ``body`` on one snapshot; what it changes is refused."""

        async def once(connection: Any) -> T:  # noqa: ANN401 - a pool's proxy
            async with connection.transaction(isolation="repeatable_read", readonly=True):
                return await body(_Tx(connection), *args, **kwargs)

        return await self._run(once)

    async def check(self) -> None:
        """Asks it, unless it committed within the last second: a pool that is all in use is no outage."""
        if self._open and time.monotonic() - self._written_at < _FRESH_S:
            return
        await self._run(_touch)

    def usage(self) -> DatabaseUsage:
        """What runs, and what waits for a connection of the pool."""
        pool = self._pool
        size, idle = (0, 0) if pool is None else (pool.get_size(), pool.get_idle_size())
        in_use = size - idle
        return DatabaseUsage(connections=size, in_use=in_use, waiting={"any": max(self._active - in_use, 0)})

    async def _run(self, once: Callable[[Any], Awaitable[T]]) -> T:
        pool = self._pool
        if not self._open or pool is None:
            raise DatabaseUnavailableError("the database is closed")
        if self._active >= self._connections + self._max_waiting:
            raise DatabaseUnavailableError("the server is overloaded")
        self._active += 1
        answer: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._tasks.spawn(self._into(answer, pool, once), name="transaction")
        return await answer

    async def _into(
        self, answer: asyncio.Future[T], pool: asyncpg.Pool[Any], once: Callable[[Any], Awaitable[T]]
    ) -> None:
        """Of its own: a caller who gives up leaves a whole transaction behind, or none."""

        async def told(connection: Any) -> None:  # noqa: ANN401 - a pool's proxy
            found = await once(connection)
            # Nobody waits until the connection is back in the pool.
            if not answer.done():
                answer.set_result(found)

        try:
            await self._tried(pool, told)
        except Exception as error:  # noqa: BLE001 - it is the caller's
            if not answer.done():
                answer.set_exception(error)
            elif not answer.cancelled():
                log.warning("connection_not_given_back", reason=repr(error))
        finally:
            self._active -= 1
            if not self._active:
                self._idle.set()

    async def _tried(self, pool: asyncpg.Pool[Any], once: Callable[[Any], Awaitable[None]]) -> None:
        try:
            for left in reversed(range(_TRIES)):
                try:
                    async with pool.acquire(timeout=self._acquire_timeout_s) as connection:
                        await once(connection)
                    return
                except AGAIN:
                    if not left:
                        raise
                    await asyncio.sleep(random.uniform(0, _AGAIN_S * (_TRIES - left)))  # noqa: S311 - jitter
        except Exception as error:
            mapped = port_error(error)
            if mapped is error:
                raise
            if isinstance(mapped, DatabaseUnavailableError | StorageFullError):
                self._telemetry.failed(Dependency.DATABASE)
            raise mapped from error


async def _touch(connection: Any) -> None:  # noqa: ANN401 - a pool's proxy
    """A standby answers too, and stores nothing."""
    if await connection.fetchval("SELECT pg_is_in_recovery()"):
        raise DatabaseUnavailableError("the database is read-only")


class _Tx:
    """Statements of one transaction."""

    __slots__ = ("_connection",)

    def __init__(self, connection: Any) -> None:  # noqa: ANN401 - a pool's proxy
        self._connection = connection

    async def execute(self, sql: str, *args: object) -> int:
        """How many rows it changed: the last word of the command's tag."""
        tag: str = await self._connection.execute(translated(sql), *args)
        count = tag.rpartition(" ")[2]
        return int(count) if count.isdecimal() else 0

    async def execute_many(self, sql: str, rows: Sequence[Sequence[object]]) -> None:
        """One round trip for all of them."""
        if rows:
            await self._connection.executemany(translated(sql), rows)

    async def execute_all(self, changes: Sequence[Change]) -> None:
        """Those of one row are one statement; each of the others is sent at once with all its rows."""
        for sql, rows in changes:
            if len(rows) > 1:
                await self.execute_many(sql, rows)
        lone = [(sql, rows[0]) for sql, rows in changes if len(rows) == 1]
        if lone:
            text = joined(tuple(sql for sql, _ in lone), tuple(len(row) for _, row in lone))
            await self._connection.execute(text, *chain.from_iterable(row for _, row in lone))

    async def fetch(self, sql: str, *args: object) -> list[Row]:
        """All rows."""
        found: list[Row] = await self._connection.fetch(translated(sql), *args)
        return found

    async def fetch_one(self, sql: str, *args: object) -> Row | None:
        """The first row, or None."""
        found: Row | None = await self._connection.fetchrow(translated(sql), *args)
        return found

    async def fetch_locked(self, sql: str, *args: object) -> list[Row]:
        """A row that had to be waited for is given as it is then."""
        found: list[Row] = await self._connection.fetch(translated(sql) + _LOCKED, *args)
        return found


async def _ids_as_bytes(connection: Any) -> None:  # noqa: ANN401 - asyncpg's
    """UUID columns take and give 16 bytes, as the port has it."""
    await connection.set_type_codec(
        "uuid", schema="pg_catalog", encoder=bytes, decoder=bytes, format="binary"
    )


async def _nothing(connection: Any) -> None:  # noqa: ANN401 - asyncpg's
    """Nobody sets what outlives a transaction: asyncpg's own reset costs a round trip before each answer."""
