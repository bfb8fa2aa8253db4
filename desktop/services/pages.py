"""The first look at a room: how much of it, and which part."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from desktop.storage.cache import Page, Row, read_around, read_tail
from desktop.storage.worker import Connection

FIRST_PAGE: Final = 40
CONTEXT: Final = 10
"""Rows shown before the first unread message."""
JUMP: Final = 100
"""Rows on each side of where a jump leads."""


def around(room_id: str, seq: int) -> Callable[[Connection], Page | None]:
    """Reads what a jump to ``seq`` shows."""
    return lambda db: read_around(db, room_id, seq, before=JUMP, after=JUMP)


def first_page(db: Connection, room_id: str, *, unread: int, read: int) -> Page | None:
    """Around the first unread message, else the newest; None where the cache has neither."""
    page = None
    if unread:
        page = read_around(db, room_id, max(1, read), before=CONTEXT, after=FIRST_PAGE - CONTEXT)
    return page or read_tail(db, room_id, FIRST_PAGE)


def seq_of(row: Row) -> int:
    """What rows are ordered by."""
    return row.seq
