"""The first look at a room: how much of it, and which part."""

from __future__ import annotations

from typing import Final

from desktop.storage.cache import Page, read_around, read_tail
from desktop.storage.worker import Connection

FIRST_PAGE: Final = 80
CONTEXT: Final = 30
"""Rows shown before the first unread message."""


def first_page(db: Connection, room_id: str, *, unread: int, read: int) -> Page | None:
    """Around the first unread message, else the newest; None where the cache has neither."""
    around = None
    if unread:
        around = read_around(db, room_id, max(1, read), before=CONTEXT, after=FIRST_PAGE - CONTEXT)
    return around or read_tail(db, room_id, FIRST_PAGE)
