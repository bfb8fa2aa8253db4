"""What a damaged account file still tells of what a person wrote: each row on its own, up to the bad page."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import msgspec

from common.protocol.types import Mention
from desktop.storage.outbox import Draft, add_draft, set_text

_mentions: Final = msgspec.json.Decoder(tuple[Mention, ...])


@dataclass(slots=True)
class Salvaged:
    """Messages that waited to be sent, oldest first, and unsent texts by room."""

    drafts: list[Draft] = field(default_factory=list)
    texts: dict[str, str] = field(default_factory=dict)
    whole: bool = True
    """Nothing of either was unreadable."""


def salvage(path: Path) -> Salvaged:
    """Read what can be read; blocks as long as the disk does."""
    found = Salvaged()
    try:
        with contextlib.closing(sqlite3.connect(path)) as connection:
            connection.text_factory = lambda raw: raw.decode(errors="replace")
            for row in _rows(
                connection,
                "SELECT room_id, client_msg_id, body, created_at_ms, reply_to, mentions, error "
                "FROM outbox ORDER BY position",
                found,
            ):
                found.drafts.append(_draft(row))
            found.texts.update(_rows(connection, "SELECT room_id, text FROM drafts", found))
    except sqlite3.Error:
        found.whole = False
    return found


def put_back(db: sqlite3.Connection, saved: Salvaged) -> None:
    """Into a new file; inside a transaction."""
    for draft in saved.drafts:
        add_draft(db, draft)
    for room_id, text in saved.texts.items():
        set_text(db, room_id, text)


def _rows(connection: sqlite3.Connection, query: str, found: Salvaged) -> Iterator[Any]:
    """Up to the first page that can't be read."""
    try:
        yield from connection.execute(query)
    except sqlite3.Error:
        found.whole = False


def _draft(row: tuple[Any, ...]) -> Draft:
    room_id, key, body, created, reply_to, mentions, error = row
    named: tuple[Mention, ...] = ()
    with contextlib.suppress(msgspec.MsgspecError):  # the words matter, not whose names are coloured in them
        named = _mentions.decode(mentions)
    return Draft(
        room_id=room_id,
        client_msg_id=key,
        body=body,
        created_at_ms=created,
        reply_to=reply_to,
        mentions=named,
        error=error,
    )
