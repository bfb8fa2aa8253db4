"""What the migrations make: tables and columns, read from their text, so that nobody writes them twice.

For those who handle whole tables without knowing what is in them. What a migration may say is narrow
(see the package), and what is not understood here is an error, not passed over.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from server.infra.migrations import Migration, MigrationError, load

_STATEMENT: Final = re.compile(r";\s*(?:\n|\Z)")
_COMMENT: Final = re.compile(r"--[^\n]*")
_CREATE: Final = re.compile(r"CREATE TABLE (\w+) \((.*)\) \$TABLE_END(?:_CLUSTERED)?", re.DOTALL)
_ADD: Final = re.compile(r"ALTER TABLE (\w+) ADD COLUMN (.*)", re.DOTALL)
_KEY: Final = re.compile(r"PRIMARY KEY \(([^)]*)\)")
_COLUMN: Final = re.compile(r"(\w+) (\$[A-Z_]+)(.*)", re.DOTALL)
_BETWEEN: Final = re.compile(r",(?![^()]*\))")
"""A comma outside of brackets."""


class Kind(StrEnum):
    """What a column holds."""

    ID = "$ID"
    INT = "$INT"
    TEXT = "$TEXT"
    BYTES = "$BYTES"
    AUTO_ID = "$AUTO_ID"
    """Given by the database: another one gives another."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column; ``nullable``: it may be NULL."""

    name: str
    kind: Kind
    nullable: bool


@dataclass(frozen=True, slots=True)
class Table:
    """``key`` names the columns of the primary key, in its order."""

    name: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]


def tables(migrations: Iterable[Migration] | None = None) -> list[Table]:
    """In an order in which each refers to earlier ones only: as they are made.

    Raises:
        MigrationError: a statement on a table is of a kind unknown here.
    """
    found: dict[str, Table] = {}
    for migration in load() if migrations is None else migrations:
        for text in _STATEMENT.split(_COMMENT.sub("", migration.text)):
            _read(text.strip(), found)
    return list(found.values())


def _read(statement: str, found: dict[str, Table]) -> None:
    if (made := _CREATE.fullmatch(statement)) is not None:
        found[made[1]] = _table(made[1], made[2])
    elif (added := _ADD.fullmatch(statement)) is not None:
        before = found[added[1]]
        column, _ = _column(added[2])
        found[before.name] = Table(before.name, (*before.columns, column), before.key)
    elif re.search(r"\b(?:CREATE|ALTER|DROP)\s+TABLE\b", statement):
        raise MigrationError(f"not understood: {statement}")


def _table(name: str, body: str) -> Table:
    columns, key = [], tuple[str, ...]()
    for part in _BETWEEN.split(body):
        if (whole := _KEY.fullmatch(part.strip())) is not None:
            key = tuple(each.strip() for each in whole[1].split(","))
            continue
        column, alone = _column(part.strip())
        columns.append(column)
        key = (column.name,) if alone else key
    if not key:
        raise MigrationError(f"the table {name} has no primary key")
    return Table(name, tuple(columns), key)


def _column(text: str) -> tuple[Column, bool]:
    """And whether it alone is the primary key."""
    match = _COLUMN.fullmatch(text)
    if match is None:
        raise MigrationError(f"not understood: {text}")
    kind = Kind(match[2])
    alone = kind is Kind.AUTO_ID or "PRIMARY KEY" in match[3]
    return Column(match[1], kind, nullable=not alone and "NOT NULL" not in match[3]), alone
