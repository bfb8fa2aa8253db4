"""The tables of an account's file. A cache of another version is dropped, the outbox is migrated."""

from __future__ import annotations

import sqlite3
from typing import Final

CACHE_VERSION: Final = 1

CACHE_TABLES: Final = ("rooms", "users", "items", "ranges")

_OUTBOX: Final = """
CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS outbox (
  position INTEGER PRIMARY KEY AUTOINCREMENT,
  room_id TEXT NOT NULL,
  client_msg_id TEXT NOT NULL UNIQUE,
  body TEXT NOT NULL,
  reply_to INTEGER,
  mentions BLOB NOT NULL,
  created_at_ms INTEGER NOT NULL,
  error TEXT
) STRICT;
CREATE TABLE IF NOT EXISTS drafts (room_id TEXT PRIMARY KEY, text TEXT NOT NULL) STRICT;
"""

# ``room`` is a small integer for the room: 100,000 rows with a 36-character id each would be twice the file.
# kind 0: a message, 1: an event shown as a line. data: msgpack of the struct.
_CACHE: Final = """
CREATE TABLE IF NOT EXISTS rooms (room INTEGER PRIMARY KEY, room_id TEXT NOT NULL UNIQUE, head BLOB) STRICT;
CREATE TABLE IF NOT EXISTS users (id TEXT PRIMARY KEY, data BLOB NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS items (
  room INTEGER NOT NULL,
  seq INTEGER NOT NULL,
  kind INTEGER NOT NULL,
  rev INTEGER NOT NULL,
  reply_to INTEGER,
  data BLOB NOT NULL,
  PRIMARY KEY (room, seq)
) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS items_reply ON items (room, reply_to) WHERE reply_to IS NOT NULL;
CREATE TABLE IF NOT EXISTS ranges (
  room INTEGER NOT NULL,
  from_seq INTEGER NOT NULL,
  to_seq INTEGER NOT NULL,
  PRIMARY KEY (room, from_seq)
) STRICT, WITHOUT ROWID;
"""


def prepare(connection: sqlite3.Connection) -> None:
    """Pragmas and tables of a connection.

    Raises:
        sqlite3.DatabaseError: the file is damaged or no database.
    """
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=NORMAL")
    connection.execute("PRAGMA busy_timeout=5000")
    # 4 MiB of pages: enough for the tails of many rooms, far below the memory budget of the window.
    connection.execute("PRAGMA cache_size=-4096")
    connection.executescript(_OUTBOX)
    row = connection.execute("SELECT value FROM meta WHERE name='cache_version'").fetchone()
    if row is not None and row[0] != str(CACHE_VERSION):
        drop_cache(connection)
    connection.executescript(_CACHE)
    connection.execute(
        "INSERT INTO meta VALUES ('cache_version', :v) ON CONFLICT (name) DO UPDATE SET value = :v",
        {"v": str(CACHE_VERSION)},
    )


def drop_cache(connection: sqlite3.Connection) -> None:
    """Forget what the server can tell again; outbox and drafts stay."""
    for table in CACHE_TABLES:
        connection.execute(f"DROP TABLE IF EXISTS {table}")


def clear_cache(connection: sqlite3.Connection) -> None:
    """As ``drop_cache``, with empty tables afterwards; inside a transaction."""
    for table in CACHE_TABLES:
        connection.execute(f"DELETE FROM {table}")  # noqa: S608 - names of our own tables
