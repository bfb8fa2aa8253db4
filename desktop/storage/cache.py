"""The local copy of rooms, people and messages: functions over a connection, run in the worker.

A room's rows lie in ranges: stretches of its stream that are known without a gap. The last range is the
tail; live events extend it, pages of history grow and join ranges.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

import msgspec

from common.protocol import pushes
from common.protocol.pushes import HistoryPage, RoomEvent
from common.protocol.types import Head, Message, User
from desktop.storage.fold import MessageChange, fold, fold_quote
from desktop.storage.schema import clear_cache

NoticeEvent = (
    pushes.RoomCreated
    | pushes.RoomJoined
    | pushes.RoomLeft
    | pushes.RoomRemoved
    | pushes.RoomRole
    | pushes.RoomChanged
)
Row = Message | NoticeEvent
NOTICES: Final = (
    pushes.RoomCreated,
    pushes.RoomJoined,
    pushes.RoomLeft,
    pushes.RoomRemoved,
    pushes.RoomRole,
    pushes.RoomChanged,
)

_encode: Final = msgspec.msgpack.Encoder().encode
_decode_message: Final = msgspec.msgpack.Decoder(Message).decode
_decode_notice: Final = msgspec.msgpack.Decoder(NoticeEvent).decode
_decode_head: Final = msgspec.msgpack.Decoder(Head).decode
_decode_user: Final = msgspec.msgpack.Decoder(User).decode

START: Final = 0
"""``from_seq`` of a range before which nothing visible lies."""


@dataclass(slots=True)
class Applied:
    """What events or a page did to one room's rows."""

    room_id: str
    rows: list[Row] = field(default_factory=list)
    """New or changed, in the order of ``seq``, each once."""
    sent: list[str] = field(default_factory=list)
    """``client_msg_id`` of own messages that left the outbox."""
    tail: tuple[int, int] | None = None
    """The last range now."""
    gap: bool = False
    """Events before these are missing: ask for a sync after ``tail``."""


@dataclass(frozen=True, slots=True)
class Page:
    """Rows of one range, oldest first, and how far that range goes."""

    rows: list[Row]
    from_seq: int
    to_seq: int
    is_tail: bool
    starts: bool = False
    """Nothing visible lies before the first row."""
    ends: bool = False
    """The range holds nothing after the last row."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """What the window is filled with before the network answers."""

    heads: list[Head]
    tails: dict[str, tuple[int, int]]
    users: list[User]
    epoch: str
    drafts: dict[str, str]


def load(db: sqlite3.Connection) -> Loaded:
    """Everything but messages."""
    heads: list[Head] = []
    ids: dict[int, str] = {}
    for room, room_id, blob in db.execute("SELECT room, room_id, head FROM rooms"):
        ids[room] = room_id
        if blob is not None:
            heads.append(_decode_head(blob))
    tails = {
        ids[room]: (from_seq, to_seq)
        for room, from_seq, to_seq in db.execute("SELECT room, from_seq, to_seq FROM ranges ORDER BY to_seq")
        if room in ids
    }
    users = [_decode_user(blob) for (blob,) in db.execute("SELECT data FROM users")]
    drafts = dict(db.execute("SELECT room_id, text FROM drafts").fetchall())
    return Loaded(heads, tails, users, get_meta(db, "epoch"), drafts)


def get_meta(db: sqlite3.Connection, name: str) -> str:
    """A word kept beside the cache; empty where there is none."""
    row = db.execute("SELECT value FROM meta WHERE name=:name", {"name": name}).fetchone()
    return "" if row is None else str(row[0])


def set_meta(db: sqlite3.Connection, name: str, value: str) -> None:
    """Keep a word."""
    db.execute(
        "INSERT INTO meta VALUES (:name, :value) ON CONFLICT (name) DO UPDATE SET value = :value",
        {"name": name, "value": value},
    )


def start_epoch(db: sqlite3.Connection, epoch: str) -> None:
    """The server's history is another one: forget the copy, keep outbox and drafts."""
    clear_cache(db)
    set_meta(db, "epoch", epoch)


def save_heads(db: sqlite3.Connection, heads: Iterable[Head]) -> None:
    """Keep where rooms stand."""
    for head in heads:
        db.execute("UPDATE rooms SET head=? WHERE room=?", (_encode(head), _room(db, head.room_id)))


def save_users(db: sqlite3.Connection, users: Iterable[User]) -> None:
    """Keep people."""
    db.executemany(
        "INSERT INTO users VALUES (?, ?) ON CONFLICT (id) DO UPDATE SET data = excluded.data",
        [(user.id, _encode(user)) for user in users],
    )


def forget_room(db: sqlite3.Connection, room_id: str) -> None:
    """One is no member any more: nothing of it stays but drafts and the outbox."""
    key = {"room": _room(db, room_id)}
    for table in ("items", "ranges", "rooms"):
        db.execute(f"DELETE FROM {table} WHERE room=:room", key)  # noqa: S608 - names of our own tables


def forget_rows(db: sqlite3.Connection, room_id: str) -> None:
    """The room's stream is another one than the copy: forget the copy."""
    key = {"room": _room(db, room_id)}
    for table in ("items", "ranges"):
        db.execute(f"DELETE FROM {table} WHERE room=:room", key)  # noqa: S608 - names of our own tables


def apply_events(db: sqlite3.Connection, room_id: str, events: Sequence[RoomEvent], me: str) -> Applied:
    """Extend the tail by events in the order of ``seq`` and fold them into the rows.

    An event that the tail holds already is left out, but a message sent again still leaves the outbox.
    Events behind a gap are not taken (``gap``). Without a tail the first event starts one.
    """
    room = _room(db, room_id)
    result = Applied(room_id)
    touched: dict[int, Row] = {}
    tail = _tail(db, room)
    start = tail
    for event in events:
        if tail is None:
            tail = (event.seq, event.seq)
        elif event.seq == tail[1] + 1:
            tail = (tail[0], event.seq)
        elif event.seq > tail[1]:
            result.gap = True
            break
        elif isinstance(event, pushes.MessageNew):
            _leave_outbox(db, event.message, me, result)
            # As it is known here: the event is as old as the message, its quote may have changed since.
            for known in _rows(db, "seq = :seq", {"room": room, "seq": event.seq}):
                touched[event.seq] = known
            continue
        else:
            continue
        _apply_one(db, room, event, touched)
        if isinstance(event, pushes.MessageNew):
            _leave_outbox(db, event.message, me, result)
    if tail is not None and tail != start:
        _add_range(db, room, tail)
    result.tail = tail
    result.rows = [touched[seq] for seq in sorted(touched)]
    return result


def merge_page(
    db: sqlite3.Connection, page: HistoryPage, me: str, recent: Sequence[MessageChange] = ()
) -> Applied:
    """Put a page of history into the cache and join the ranges it touches.

    Every cached row has in it all events up to the end of the tail, which only ``apply_events`` moves: what a
    page says beyond is left to come as events. Without a tail only the newest page may start one.
    ``recent``: changes applied lately, which a page read by the server before them lacks.
    """
    room = _room(db, page.room_id)
    result = Applied(page.room_id)
    touched: dict[int, Row] = {}
    tail = _tail(db, room)
    if tail is not None or page.at_end:
        end = page.to_seq if tail is None else min(page.to_seq, tail[1])
        for message in page.messages:
            if message.seq <= end:
                present = message
                for event in recent:
                    if event.target == message.seq:
                        present = fold(present, event)
                _put_message(db, room, present, touched)
                _leave_outbox(db, message, me, result)
        if end >= page.from_seq:
            _add_range(db, room, (START if page.at_start else page.from_seq, end))
    result.tail = _tail(db, room)
    result.rows = [touched[seq] for seq in sorted(touched)]
    return result


def read_before(db: sqlite3.Connection, room_id: str, seq: int, limit: int) -> Page | None:
    """Up to ``limit`` rows before ``seq``, from the range that holds ``seq - 1`` or ``seq``."""
    room = _room(db, room_id)
    found = _range_of(db, room, seq) or _range_of(db, room, seq - 1)
    if found is None:
        return None
    rows = _rows(
        db,
        "seq < :seq AND seq >= :bound ORDER BY seq DESC LIMIT :limit",
        {"room": room, "seq": seq, "bound": found[0], "limit": limit},
    )
    return Page(
        rows[::-1],
        *found,
        is_tail=found == _tail(db, room),
        starts=found[0] == START and len(rows) < limit,
        ends=seq > found[1],
    )


def read_after(db: sqlite3.Connection, room_id: str, seq: int, limit: int) -> Page | None:
    """Up to ``limit`` rows after ``seq``, from the range that holds ``seq`` or ``seq + 1``."""
    room = _room(db, room_id)
    found = _range_of(db, room, seq) or _range_of(db, room, seq + 1)
    if found is None:
        return None
    rows = _rows(
        db,
        "seq > :seq AND seq <= :bound ORDER BY seq LIMIT :limit",
        {"room": room, "seq": seq, "bound": found[1], "limit": limit},
    )
    return Page(rows, *found, is_tail=found == _tail(db, room), ends=len(rows) < limit)


def read_tail(db: sqlite3.Connection, room_id: str, limit: int) -> Page | None:
    """The newest ``limit`` rows."""
    tail = _tail(db, _room(db, room_id))
    return None if tail is None else read_before(db, room_id, tail[1] + 1, limit)


def read_around(db: sqlite3.Connection, room_id: str, seq: int, *, before: int, after: int) -> Page | None:
    """Rows on both sides of ``seq``, itself included, of the range that holds it."""
    older = read_before(db, room_id, seq + 1, before)
    if older is None or not older.from_seq <= seq <= older.to_seq:
        return None
    newer = read_after(db, room_id, seq, after)
    return Page(
        older.rows + ([] if newer is None else newer.rows),
        older.from_seq,
        older.to_seq,
        older.is_tail,
        starts=older.starts,
        ends=newer is None or newer.ends,
    )


def read_message(db: sqlite3.Connection, room_id: str, seq: int) -> Message | None:
    """One message, where it is cached."""
    rows = _rows(db, "seq = :seq", {"room": _room(db, room_id), "seq": seq})
    return rows[0] if rows and isinstance(rows[0], Message) else None


def _apply_one(db: sqlite3.Connection, room: int, event: RoomEvent, touched: dict[int, Row]) -> None:
    match event:
        case pushes.MessageNew():
            _put_message(db, room, event.message, touched)
        case (
            pushes.MessageEdited()
            | pushes.MessageDeleted()
            | pushes.ReactionAdded()
            | pushes.ReactionRemoved()
        ):
            rows = _rows(db, "seq = :seq AND kind = 0", {"room": room, "seq": event.target})
            if rows and isinstance(rows[0], Message):
                _put_message(db, room, fold(rows[0], event), touched)
            if isinstance(event, pushes.MessageEdited | pushes.MessageDeleted):
                _fold_quotes(db, room, event, touched)
        case _:
            _put(db, room, event)
            touched[event.seq] = event


def _fold_quotes(
    db: sqlite3.Connection,
    room: int,
    event: pushes.MessageEdited | pushes.MessageDeleted,
    touched: dict[int, Row],
) -> None:
    for reply in _rows(db, "reply_to = :target", {"room": room, "target": event.target}):
        if isinstance(reply, Message) and reply.reply_to is not None:
            quoted = msgspec.structs.replace(reply, reply_to=fold_quote(reply.reply_to, event))
            _put(db, room, quoted)
            touched[reply.seq] = quoted


def _put_message(db: sqlite3.Connection, room: int, message: Message, touched: dict[int, Row]) -> None:
    known = db.execute(
        "SELECT rev FROM items WHERE room=:room AND seq=:seq", {"room": room, "seq": message.seq}
    ).fetchone()
    # A page may be older than what live events have made of the row meanwhile.
    if known is not None and known[0] > message.rev:
        return
    _put(db, room, message)
    touched[message.seq] = message


def _put(db: sqlite3.Connection, room: int, row: Row) -> None:
    is_message = isinstance(row, Message)
    rev = row.rev if isinstance(row, Message) else row.seq
    reply_to = row.reply_to.seq if isinstance(row, Message) and row.reply_to is not None else None
    db.execute(
        "INSERT OR REPLACE INTO items VALUES (?, ?, ?, ?, ?, ?)",
        (room, row.seq, 0 if is_message else 1, rev, reply_to, _encode(row)),
    )


def _leave_outbox(db: sqlite3.Connection, message: Message, me: str, result: Applied) -> None:
    if message.author_id == me:
        gone = db.execute(
            "DELETE FROM outbox WHERE client_msg_id=:id RETURNING 1", {"id": message.client_msg_id}
        ).fetchone()
        if gone is not None:
            result.sent.append(message.client_msg_id)


def _rows(db: sqlite3.Connection, where: str, values: dict[str, int]) -> list[Row]:
    found = db.execute(f"SELECT kind, data FROM items WHERE room = :room AND {where}", values)  # noqa: S608 - constant clauses
    return [_decode_notice(data) if kind else _decode_message(data) for kind, data in found]


def _room(db: sqlite3.Connection, room_id: str) -> int:
    row = db.execute("SELECT room FROM rooms WHERE room_id=:id", {"id": room_id}).fetchone()
    if row is None:
        row = db.execute(
            "INSERT INTO rooms (room_id) VALUES (:id) RETURNING room", {"id": room_id}
        ).fetchone()
    return int(row[0])


def _tail(db: sqlite3.Connection, room: int) -> tuple[int, int] | None:
    row = db.execute(
        "SELECT from_seq, to_seq FROM ranges WHERE room=:room ORDER BY from_seq DESC LIMIT 1", {"room": room}
    ).fetchone()
    return None if row is None else (int(row[0]), int(row[1]))


def _range_of(db: sqlite3.Connection, room: int, seq: int) -> tuple[int, int] | None:
    row = db.execute(
        "SELECT from_seq, to_seq FROM ranges WHERE room=:room AND from_seq <= :seq AND to_seq >= :seq",
        {"room": room, "seq": seq},
    ).fetchone()
    return None if row is None else (int(row[0]), int(row[1]))


def _add_range(db: sqlite3.Connection, room: int, new: tuple[int, int]) -> None:
    """Insert a range and join all that it overlaps or touches."""
    from_seq, to_seq = new
    key = {"room": room, "from": from_seq - 1, "to": to_seq + 1}
    where = "room=:room AND from_seq <= :to AND to_seq >= :from"
    row = db.execute(f"SELECT min(from_seq), max(to_seq) FROM ranges WHERE {where}", key).fetchone()  # noqa: S608 - a constant clause
    if row[0] is not None:
        from_seq, to_seq = min(from_seq, row[0]), max(to_seq, row[1])
        db.execute(f"DELETE FROM ranges WHERE {where}", key)  # noqa: S608 - a constant clause
    db.execute("INSERT INTO ranges VALUES (?, ?, ?)", (room, from_seq, to_seq))
