"""The database port: one portable SQL text over SQLite and PostgreSQL.

The portable subset: integers for times (ms) and booleans, ids as 16 ``bytes`` (``common.ids``), JSON
as text, stored normalised keys instead of collations, ``RETURNING`` without relying on order,
``ON CONFLICT`` with a named target, parameters ``$1``... that may repeat and come in any order. A
parameter used as ``IN $n`` takes a list; an empty list matches nothing. No ``FOR UPDATE``, arrays,
``unnest`` or dialect functions: what differs is a verb of ``Tx``.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar

from common.errors import Code, ParleyError
from server.kernel.failures import OperatorError

Row = Sequence[Any]
"""Columns by position, in the order of the SELECT."""
Change = tuple[str, Sequence[Sequence[object]]]
"""A statement, and the rows of parameters that it runs with."""

P = ParamSpec("P")
T = TypeVar("T")


class DatabaseUnavailableError(ParleyError):
    """The database can't be reached or is closing; nothing of the transaction was kept."""

    def __init__(self, message: str = "the server can't reach its database") -> None:
        super().__init__(Code.UNAVAILABLE, message, retry_after_ms=1_000)


class SchemaBehindError(DatabaseUnavailableError):
    """The database lacks migrations, named in order, and may not be changed; nothing was."""

    def __init__(self, missing: Sequence[str]) -> None:
        super().__init__(f"the database is behind (missing: {', '.join(missing)}): run parley-server migrate")
        self.missing = list(missing)


class StorageFullError(ParleyError):
    """The disk is full; nothing of the transaction was kept, reads still work."""

    def __init__(self, message: str = "the server's disk is full") -> None:
        super().__init__(Code.STORAGE_FULL, message, retry_after_ms=30_000)


class UnstorableTextError(ParleyError):
    """A text that not every database keeps: PostgreSQL none with a NUL. Nothing of it was kept."""

    def __init__(self) -> None:
        super().__init__(Code.BAD_TEXT, "the text contains characters that can't be stored")


class DamagedDatabaseError(OperatorError):
    """The integrity check at start failed. The operator restores a backup; nothing was changed."""


class IntegrityError(Exception):
    """A constraint refused a row: a repository either expects it (a race) or has a bug."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DatabaseUsage:
    """How busy it is: connections, those in a transaction (None: not known), bodies that wait, by kind."""

    connections: int
    in_use: int | None
    waiting: Mapping[str, int]


class Tx(Protocol):
    """Statements inside one transaction. All errors are those of this module."""

    async def execute(self, sql: str, *args: object) -> int:
        """Run a statement; returns the number of rows it changed."""
        ...

    async def execute_many(self, sql: str, rows: Sequence[Sequence[object]]) -> None:
        """Run one statement for each row of parameters, in one round trip."""
        ...

    async def execute_all(self, changes: Sequence[Change]) -> None:
        """``execute_many`` for each; all those of one row in one round trip.

        Each is of a table of its own, and reads no other's: in what order they happen is open.
        """
        ...

    async def fetch(self, sql: str, *args: object) -> list[Row]:
        """All rows."""
        ...

    async def fetch_one(self, sql: str, *args: object) -> Row | None:
        """The first row, or None."""
        ...

    async def fetch_locked(self, sql: str, *args: object) -> list[Row]:
        """As ``fetch``; the rows are locked in the order of the statement, until the transaction ends.

        ``sql`` is of one table, with an ORDER BY: who locks in one order never waits in a circle.
        """
        ...


class Database(Protocol):
    """Runs transaction bodies. A body awaits nothing but the ``Tx`` it is given.

    That rule lets SQLite run a whole body in its one writer thread (one thread switch per
    transaction instead of one per statement) and keeps locks short on PostgreSQL. A body may run
    again after a serialisation failure: it changes nothing outside the transaction.
    """

    async def start(self) -> None:
        """Open, check and migrate.

        Raises:
            DamagedDatabaseError: the integrity check failed.
            DatabaseUnavailableError: it can't be opened or reached, or a newer Parley wrote it.
            SchemaBehindError: it was made so that it does not migrate, and there is something to migrate.
        """
        ...

    async def stop(self) -> None:
        """Finish what runs, close. Bodies started later get ``DatabaseUnavailableError``."""
        ...

    async def write(
        self, body: Callable[Concatenate[Tx, P], Awaitable[T]], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Run ``body(tx, ...)`` in a transaction; return after commit, durable.

        Raises:
            StorageFullError: no space; rolled back.
            DatabaseUnavailableError: not reachable, or the queue of waiting writers is full.
            IntegrityError: a constraint refused; rolled back.
            Exception: whatever the body raised; rolled back.
        """
        ...

    async def read(
        self, body: Callable[Concatenate[Tx, P], Awaitable[T]], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Run ``body(tx, ...)`` on one consistent snapshot that sees every finished ``write``."""
        ...

    async def check(self) -> None:
        """Whether it answers now.

        Raises:
            DatabaseUnavailableError: it does not.
        """
        ...

    def usage(self) -> DatabaseUsage:
        """At this moment."""
        ...
