"""Rows as text that is the same on every database: what is compared, stored and carried.

A row is a line: a JSON array of its columns in the order of the migrations, ids and bytes in base64. Lines
come in the order of the primary key, which both databases sort by bytes. So the SHA-256 of a table's
lines is its content, wherever it lies.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import GenericAlias
from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta

from server.infra import migrations
from server.infra.migrations.tables import Kind, Table, tables
from server.kernel.database import Row, Tx
from server.kernel.meta import is_local

BLOBS: Final = "blobs"
META: Final = "meta"
USERS: Final = "users"
_LEFT_OUT: Final = frozenset({"event_outbox"})
"""What was still to be told to those who were connected: they come anew, and catch up by seq."""

PAGE: Final = 1_000
BLOB_PAGE: Final = 16

_ID_BYTES: Final = 16
_INT_MAX: Final = 2**63 - 1
_NO_NUL_SINCE: Final = 7
"""This migration took out the NULs that SQLite had kept: PostgreSQL keeps no text with one."""
_TYPES: Final[dict[Kind, Any]] = {
    Kind.ID: Annotated[bytes, Meta(min_length=_ID_BYTES, max_length=_ID_BYTES)],
    Kind.INT: Annotated[int, Meta(ge=-(2**63), le=_INT_MAX)],
    Kind.AUTO_ID: Annotated[int, Meta(ge=0, le=_INT_MAX)],
    Kind.TEXT: Annotated[str, Meta(pattern=r"\A[^\x00]*\Z")],
    Kind.BYTES: bytes,
}


@dataclass(frozen=True, slots=True)
class Summary:
    """How many rows, and the SHA-256 of their lines in hex."""

    rows: int
    sha256: str


class Digest:
    """A summary in the making."""

    def __init__(self) -> None:
        self._hash = hashlib.sha256()
        self._rows = 0

    def add(self, lines: bytes, rows: int) -> None:
        """The next lines, whole."""
        self._hash.update(lines)
        self._rows += rows

    @property
    def summary(self) -> Summary:
        """Of all so far."""
        return Summary(self._rows, self._hash.hexdigest())


class Carried:
    """A table whose rows are carried: its statements, its lines. ``nul``: its texts may hold one."""

    def __init__(self, table: Table, *, nul: bool = False) -> None:
        self.name = table.name
        self.page_rows = BLOB_PAGE if table.name == BLOBS else PAGE
        self.columns = names = [column.name for column in table.columns]
        columns, key = ", ".join(names), ", ".join(table.key)
        marks = [f"${number}" for number in range(1, len(names) + 1)]
        after = ", ".join(marks[: len(table.key)])
        self.insert = f"INSERT INTO {table.name} ({columns}) VALUES ({', '.join(marks)})"
        self._first = f"SELECT {columns} FROM {table.name} ORDER BY {key} LIMIT $1"
        self._next = (
            f"SELECT {columns} FROM {table.name} WHERE ({key}) > ({after}) "
            f"ORDER BY {key} LIMIT ${len(table.key) + 1}"
        )
        self._key = [names.index(name) for name in table.key]
        types = _TYPES | {Kind.TEXT: str} if nul else _TYPES
        kinds = [
            types[column.kind] | None if column.nullable else types[column.kind] for column in table.columns
        ]
        self._encoder = msgspec.json.Encoder()
        self._decoder = msgspec.json.Decoder(GenericAlias(tuple, tuple(kinds)))

    def key_of(self, row: Row) -> tuple[Any, ...]:
        """What rows are ordered by."""
        return tuple(row[position] for position in self._key)

    def lines(self, rows: Sequence[Row]) -> bytes:
        """Each ends with a newline."""
        return self._encoder.encode_lines([tuple(row) for row in rows])

    def rows(self, lines: bytes) -> list[Row]:
        """What whole lines say.

        Raises:
            msgspec.DecodeError: they are no rows of this table.
        """
        return self._decoder.decode_lines(lines)

    def key_from(self, text: str) -> tuple[Any, ...]:
        """A key as ``key_text`` told it."""
        hint = self._decoder.type.__args__
        kinds = tuple(hint[position] for position in self._key)
        found: tuple[Any, ...] = msgspec.json.decode(text, type=GenericAlias(tuple, kinds))
        return found

    def key_text(self, key: tuple[Any, ...]) -> str:
        """A key as text."""
        return self._encoder.encode(key).decode()

    async def page(self, tx: Tx, after: tuple[Any, ...] | None) -> tuple[list[Row], tuple[Any, ...] | None]:
        """The next rows, and the key after which to go on; None at the end."""
        if after is None:
            found = await tx.fetch(self._first, self.page_rows)
        else:
            found = await tx.fetch(self._next, *after, self.page_rows)
        last = self.key_of(found[-1]) if len(found) == self.page_rows else None
        if self.name == META:
            found = [row for row in found if not is_local(row[0])]
        return found, last

    async def each_page(self, tx: Tx, use: Callable[[list[Row]], None]) -> None:
        """All rows, a page at a time."""
        after: tuple[Any, ...] | None = None
        while True:
            rows, after = await self.page(tx, after)
            if rows:
                use(rows)
            if after is None:
                return

    async def count(self, tx: Tx) -> int:
        """How many rows there are; for the progress, so rows that are not carried may be among them."""
        row = await tx.fetch_one(f"SELECT count(*) FROM {self.name}")
        return 0 if row is None else int(row[0])

    async def summary(self, tx: Tx, seen: Callable[[int], None] | None = None) -> Summary:
        """Of all rows in the database; ``seen`` is told how many came."""
        digest = Digest()

        def add(rows: list[Row]) -> None:
            digest.add(self.lines(rows), len(rows))
            if seen is not None:
                seen(len(rows))

        await self.each_page(tx, add)
        return digest.summary


def carried(schema: int | None = None) -> list[Carried]:
    """Those of a schema, by default today's, in an order in which they can be filled."""
    steps = migrations.load()[:schema]
    nul = len(steps) < _NO_NUL_SINCE
    return [Carried(table, nul=nul) for table in tables(steps) if table.name not in _LEFT_OUT]


async def empty(tx: Tx, all_tables: Sequence[Table] | None = None) -> None:
    """Delete every row of every table."""
    for table in reversed(all_tables or tables()):
        await tx.execute(f"DELETE FROM {table.name}")


async def any_rows(tx: Tx, known: Sequence[Table] | None = None) -> bool:
    """Whether there is anything at all, but for what is about this one copy of the data."""
    if any(not is_local(row[0]) for row in await tx.fetch("SELECT key FROM meta")):
        return True
    for table in known or tables():
        if table.name == META:
            continue
        if await tx.fetch_one(f"SELECT 1 FROM {table.name} LIMIT 1") is not None:
            return True
    return False
