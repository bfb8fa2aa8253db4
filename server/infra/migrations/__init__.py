"""Numbered migrations: one portable SQL text a step, in the files ``NNNN_name.sql`` beside this one.

Dialect tokens stand for types and table endings: ``$ID`` (16 bytes), ``$INT`` (64 bits), ``$TEXT``,
``$BYTES``, ``$AUTO_ID`` (a growing integer primary key), ``$TABLE_END``, and ``$TABLE_END_CLUSTERED``
for a table that is stored in the order of its primary key where the database can. A statement ends
with a semicolon at the end of a line. A file that was released is never edited: its checksum is kept.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from importlib import resources
from importlib.resources.abc import Traversable
from typing import Final

_FILE_NAME: Final = re.compile(r"(\d{4})_([a-z0-9_]+)\.sql")
_TOKEN: Final = re.compile(r"\$[A-Z_]+")
_COMMENT: Final = re.compile(r"--[^\n]*")

Dialect = dict[str, str]
"""What each token stands for."""

SQLITE: Final[Dialect] = {
    "$ID": "BLOB",
    "$INT": "INTEGER",
    "$TEXT": "TEXT",
    "$BYTES": "BLOB",
    "$AUTO_ID": "INTEGER PRIMARY KEY",
    "$TABLE_END": "STRICT",
    "$TABLE_END_CLUSTERED": "STRICT, WITHOUT ROWID",
}

LEDGER: Final = """
CREATE TABLE IF NOT EXISTS schema_migrations (
    number $INT NOT NULL PRIMARY KEY,
    name $TEXT NOT NULL,
    checksum $TEXT NOT NULL,
    applied_at_ms $INT NOT NULL
) $TABLE_END
"""
"""The table in which a database remembers what was applied to it."""


class MigrationError(Exception):
    """The migrations in this program don't fit each other or those a database remembers."""


@dataclass(frozen=True, slots=True)
class Migration:
    """One step of the schema."""

    number: int
    name: str
    text: str

    @property
    def label(self) -> str:
        """As its file is named."""
        return f"{self.number:04}_{self.name}"

    @property
    def checksum(self) -> str:
        """SHA-256 of the text with its tokens, in hex."""
        return hashlib.sha256(self.text.encode()).hexdigest()

    def statements(self, dialect: Dialect) -> list[str]:
        """The SQL of a database, one statement an item.

        Raises:
            MigrationError: a token is unknown.
        """
        text = translate(_COMMENT.sub("", self.text), dialect)
        return [statement.strip() for statement in re.split(r";\s*(?:\n|\Z)", text) if statement.strip()]


def translate(text: str, dialect: Dialect) -> str:
    """``text`` with its tokens replaced.

    Raises:
        MigrationError: a token is unknown.
    """

    def value_of(match: re.Match[str]) -> str:
        try:
            return dialect[match[0]]
        except KeyError:
            raise MigrationError(f"unknown token {match[0]}") from None

    return _TOKEN.sub(value_of, text)


def load(folder: Traversable | None = None) -> list[Migration]:
    """All migrations in order; by default those of this package.

    Raises:
        MigrationError: numbers are not 1, 2, 3...
    """
    found = []
    for entry in (folder or resources.files(__name__)).iterdir():
        match = _FILE_NAME.fullmatch(entry.name)
        if match is not None:
            # A checkout on Windows may have CRLF; the checksum must be the same.
            text = entry.read_bytes().decode().replace("\r\n", "\n")
            found.append(Migration(int(match[1]), match[2], text))
    found.sort(key=lambda migration: migration.number)
    if [migration.number for migration in found] != list(range(1, len(found) + 1)):
        raise MigrationError(f"not numbered 1, 2, 3...: {[migration.number for migration in found]}")
    return found


def pending(known: list[Migration], applied: dict[int, str]) -> list[Migration]:
    """What is still to be applied to a database that remembers ``applied`` (number: checksum).

    Raises:
        MigrationError: it remembers a number unknown here, or another text for a known one.
    """
    newest = max(applied, default=0)
    if newest > len(known):
        raise MigrationError(
            f"it was written by a newer Parley (schema {newest}; this one knows {len(known)}): "
            "install the newer version"
        )
    for migration in known:
        if applied.get(migration.number, migration.checksum) != migration.checksum:
            raise MigrationError(f"migration {migration.number} is not the one that was applied to it")
    return [migration for migration in known if migration.number not in applied]
