"""What SQLite says, in the words of the database port."""

from __future__ import annotations

import sqlite3
from typing import Final

from server.kernel.database import (
    DamagedDatabaseError,
    DatabaseUnavailableError,
    IntegrityError,
    StorageFullError,
)

_PRIMARY: Final = 0xFF
_NO_SPACE: Final = frozenset(
    {
        sqlite3.SQLITE_FULL,
        # A quota or a file-size limit: SQLite reports FULL for ENOSPC alone.
        sqlite3.SQLITE_IOERR_WRITE,
        sqlite3.SQLITE_IOERR_SHMSIZE,
    }
)
_DAMAGED: Final = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})
_AWAY: Final = frozenset(
    {
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_PERM,
        sqlite3.SQLITE_INTERRUPT,
        sqlite3.SQLITE_NOMEM,
    }
)


def port_error(error: sqlite3.Error) -> Exception:
    """The port's error for ``error``; a mistake in the SQL stays what it is, a bug."""
    code: int | None = getattr(error, "sqlite_errorcode", None)
    if code is None:
        return error
    primary = code & _PRIMARY
    if code in _NO_SPACE or primary in _NO_SPACE:
        return StorageFullError()
    if primary == sqlite3.SQLITE_CONSTRAINT:
        return IntegrityError(str(error))
    if primary in _DAMAGED:
        return DamagedDatabaseError(str(error))
    if primary in _AWAY:
        return DatabaseUnavailableError()
    return error
