"""Messages on their way out: rows that are on the disk before a send leaves, and what to send next.

First in, first out per room and one at a time: a refusal that may pass (``rate_limited``) or a lost answer
holds back what follows in that room, so that the order of writing is the order of reading. A definite
refusal is "failed" and holds nothing back. A retry keeps its ``client_msg_id``: stored at most once.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

import msgspec

from common.errors import RETRYABLE, Code, ParleyError
from common.protocol.types import Mention

RETRY_S: Final = 1.0
RETRY_MAX_S: Final = 30.0
_TOLD: Final = frozenset({Code.STORAGE_FULL, Code.UNAVAILABLE})
"""A person may have to do something; the other reasons to wait pass by themselves."""
_mentions: Final = msgspec.json.Decoder(list[Mention])


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """One message in the outbox. ``error`` is set when it failed for good.

    ``hindrance``: why it waits though one is online; not stored, the next try may find it gone.
    """

    room_id: str
    client_msg_id: str
    body: str
    created_at_ms: int
    reply_to: int | None = None
    mentions: tuple[Mention, ...] = ()
    error: str | None = None
    hindrance: str | None = None


def load_outbox(db: sqlite3.Connection) -> list[Draft]:
    """All rows, oldest first."""
    rows = db.execute(
        "SELECT room_id, client_msg_id, body, created_at_ms, reply_to, mentions, error "
        "FROM outbox ORDER BY position"
    )
    return [
        Draft(
            room_id=room_id,
            client_msg_id=key,
            body=body,
            created_at_ms=created,
            reply_to=reply_to,
            mentions=tuple(_mentions.decode(mentions)),
            error=error,
        )
        for room_id, key, body, created, reply_to, mentions, error in rows
    ]


def add_draft(db: sqlite3.Connection, draft: Draft) -> None:
    """Keep a draft; once per ``client_msg_id``."""
    db.execute(
        "INSERT OR IGNORE INTO outbox "
        "(room_id, client_msg_id, body, reply_to, mentions, created_at_ms, error) "
        "VALUES (?, ?, ?, ?, ?, ?, ?)",
        (
            draft.room_id,
            draft.client_msg_id,
            draft.body,
            draft.reply_to,
            msgspec.json.encode(draft.mentions),
            draft.created_at_ms,
            draft.error,
        ),
    )


def set_error(db: sqlite3.Connection, client_msg_id: str, error: str | None) -> None:
    """Failed for good, or with None: waiting again."""
    db.execute("UPDATE outbox SET error=? WHERE client_msg_id=?", (error, client_msg_id))


def remove_draft(db: sqlite3.Connection, client_msg_id: str) -> None:
    """Thrown away by its author."""
    db.execute("DELETE FROM outbox WHERE client_msg_id=?", (client_msg_id,))


def set_text(db: sqlite3.Connection, room_id: str, text: str) -> None:
    """Keep the unsent text of a composer."""
    if text:
        db.execute("INSERT OR REPLACE INTO drafts VALUES (?, ?)", (room_id, text))
    else:
        db.execute("DELETE FROM drafts WHERE room_id=?", (room_id,))


@dataclass(slots=True)
class _Entry:
    draft: Draft
    stored: bool
    sent: bool = False
    acked_seq: int | None = None


class Outbox:
    """Sans-I/O: what waits, what may leave now, and what an answer means."""

    def __init__(self) -> None:
        self._rooms: dict[str, dict[str, _Entry]] = {}
        self._hold: dict[str, float] = {}
        self._refusals: dict[str, int] = {}

    def __len__(self) -> int:
        """Messages that wait or failed."""
        return sum(len(room) for room in self._rooms.values())

    def add(self, draft: Draft, *, stored: bool) -> None:
        """A new message. It leaves only after ``mark_stored``."""
        self._rooms.setdefault(draft.room_id, {})[draft.client_msg_id] = _Entry(draft, stored)

    def mark_stored(self, room_id: str, key: str) -> None:
        """It is on the disk."""
        if (entry := self._entry(room_id, key)) is not None:
            entry.stored = True

    def is_stored(self, room_id: str, key: str) -> bool:
        """Whether it was ever on the disk."""
        entry = self._entry(room_id, key)
        return entry is not None and entry.stored

    def drafts(self, room_id: str) -> list[Draft]:
        """Of one room, oldest first."""
        return [entry.draft for entry in self._rooms.get(room_id, {}).values()]

    def rooms(self) -> set[str]:
        """Those with messages in it."""
        return set(self._rooms)

    def on_its_way(self, room_id: str) -> bool:
        """Whether one of a room's has left and is not answered."""
        return any(e.sent and e.acked_seq is None for e in self._rooms.get(room_id, {}).values())

    def waiting(self) -> int:
        """Messages that are neither acknowledged nor failed."""
        entries = (entry for room in self._rooms.values() for entry in room.values())
        return sum(1 for entry in entries if entry.draft.error is None and entry.acked_seq is None)

    def next_sends(self, now: float) -> Iterator[Draft]:
        """At most one message per room, which count as sent from now on."""
        for room_id, room in self._rooms.items():
            if self._hold.get(room_id, 0.0) > now:
                continue
            first = next((e for e in room.values() if e.draft.error is None and e.acked_seq is None), None)
            if first is not None and first.stored and not first.sent:
                first.sent = True
                yield first.draft

    def next_time(self) -> float | None:
        """When a held room may go on."""
        return min((self._hold[room_id] for room_id in self._hold if room_id in self._rooms), default=None)

    def acked(self, room_id: str, key: str, seq: int) -> None:
        """The server has it; the row goes when the message is in the cache (``remove``)."""
        if (entry := self._entry(room_id, key)) is not None:
            entry.acked_seq = seq
        self._release(room_id)

    def overtaken(self, room_id: str, seq: int) -> list[str]:
        """Acknowledged ones that a reloaded cache no longer shows, though it reaches beyond them."""
        room = self._rooms.get(room_id, {})
        return [key for key, e in room.items() if e.acked_seq is not None and e.acked_seq <= seq]

    def remove(self, room_id: str, key: str) -> Draft | None:
        """It left the outbox: stored as a message, or thrown away."""
        room = self._rooms.get(room_id, {})
        entry = room.pop(key, None)
        if not room:
            self._rooms.pop(room_id, None)
            self._release(room_id)
        return None if entry is None else entry.draft

    def refused(self, room_id: str, key: str, refusal: ParleyError, now: float) -> Draft | None:
        """What an ``error`` means: the failed draft to show and store, or None when it waits on."""
        entry = self._entry(room_id, key)
        if entry is None:
            return None
        entry.sent = False
        if refusal.code in RETRYABLE:
            tries = self._refusals[room_id] = self._refusals.get(room_id, 0) + 1
            wait = min(RETRY_MAX_S, RETRY_S * float(1 << min(tries - 1, 6)))
            if refusal.retry_after_ms is not None:
                wait = refusal.retry_after_ms / 1000
            self._hold[room_id] = now + wait
            if refusal.code in _TOLD:
                entry.draft = replace(entry.draft, hindrance=refusal.message)
            return None
        self._release(room_id)
        entry.draft = replace(entry.draft, error=refusal.message)
        return entry.draft

    def retry(self, room_id: str, key: str) -> Draft | None:
        """Send a failed one again, in its old place."""
        entry = self._entry(room_id, key)
        if entry is None or entry.draft.error is None:
            return None
        entry.draft, entry.sent = replace(entry.draft, error=None), False
        return entry.draft

    def disconnected(self) -> None:
        """Answers will not come: everything not acknowledged leaves again, in order, with its old id."""
        for room in self._rooms.values():
            for entry in room.values():
                entry.sent = False
                entry.draft = replace(entry.draft, hindrance=None)
        self._hold.clear()
        self._refusals.clear()

    def _entry(self, room_id: str, key: str) -> _Entry | None:
        return self._rooms.get(room_id, {}).get(key)

    def _release(self, room_id: str) -> None:
        self._hold.pop(room_id, None)
        self._refusals.pop(room_id, None)
