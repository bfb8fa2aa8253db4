"""Messages, their reactions and mentions, and the other events of a room's stream."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from common.ids import id_from_bytes, id_to_bytes
from common.protocol.pushes import MessageDeleted, MessageNew, RoomEvent, RoomJoined
from common.protocol.types import Mention, Message, Preview, Quote, Reaction, User
from common.text import excerpt
from server.chat.model import EVERYBODY, StoredMessage
from server.chat.repository.rooms import Key, ids
from server.kernel.database import Change, Row, Tx

MESSAGE: Final = (
    "x.room_id, x.seq, x.msg_no, x.rev, x.author_id, x.client_msg_id, x.body, x.sent_at_ms, x.edited_at_ms, "
    "x.deleted, x.mentions, q.seq, q.author_id, q.body, q.deleted"
)
_QUOTED: Final = "messages x LEFT JOIN messages q ON q.room_id = x.room_id AND q.seq = x.reply_to"
_NEW_MESSAGE: Final = (
    "INSERT INTO messages (room_id, seq, msg_no, rev, author_id, client_msg_id, request_hash, body, "
    "mentions, reply_to, sent_at_ms, edited_at_ms, deleted) "
    "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)"
)
_NEW_MENTION: Final = (
    "INSERT INTO mentions (user_id, room_id, seq) VALUES ($1, $2, $3) "
    "ON CONFLICT (user_id, room_id, seq) DO NOTHING"
)
_decode_event: Final = msgspec.json.Decoder(RoomEvent)
_decode_mentions: Final = msgspec.json.Decoder(list[Mention])
NewMessage = tuple[Message, bytes]
"""A message to store, and its request's hash."""


def quote_of(seq: int, author_id: str, body: str, *, deleted: bool) -> Quote:
    """What a reply shows of the message it answers."""
    return Quote(seq, author_id, "" if deleted else excerpt(body), deleted)


def _message(row: Row, reactions: list[Reaction]) -> Message:
    quote = None
    if row[11] is not None and not row[9]:
        quote = quote_of(row[11], id_from_bytes(row[12]), row[13], deleted=bool(row[14]))
    return Message(
        id_from_bytes(row[0]),
        row[1],
        row[2],
        row[3],
        id_from_bytes(row[4]),
        id_from_bytes(row[5]),
        row[6],
        row[7],
        row[8],
        bool(row[9]),
        quote,
        _decode_mentions.decode(row[10]),
        reactions,
    )


async def _messages(tx: Tx, rows: Sequence[Row]) -> list[Message]:
    """Rows of one room as messages."""
    if not rows:
        return []
    reactions = await _reactions(tx, rows[0][0], [row[1] for row in rows])
    return [_message(row, reactions.get(row[1], [])) for row in rows]


async def _reactions(tx: Tx, room: bytes, seqs: list[int]) -> dict[int, list[Reaction]]:
    rows = await tx.fetch(
        "SELECT seq, emoji, user_id FROM reactions WHERE room_id = $1 AND seq IN $2 ORDER BY at_seq",
        room,
        seqs,
    )
    found: defaultdict[int, dict[str, list[str]]] = defaultdict(dict)
    for seq, emoji, user in rows:
        found[seq].setdefault(emoji, []).append(id_from_bytes(user))
    return {seq: [Reaction(emoji, users) for emoji, users in by.items()] for seq, by in found.items()}


def new_messages(new: Iterable[NewMessage]) -> Change:
    return (
        _NEW_MESSAGE,
        [
            (
                id_to_bytes(m.room_id),
                m.seq,
                m.msg_no,
                m.rev,
                id_to_bytes(m.author_id),
                id_to_bytes(m.client_msg_id),
                request_hash,
                m.body,
                msgspec.json.encode(m.mentions).decode() if m.mentions else "[]",
                None if m.reply_to is None else m.reply_to.seq,
                m.sent_at_ms,
                None,
                0,
            )
            for m, request_hash in new
        ],
    )


def new_mentions(rows: Iterable[tuple[bytes, bytes, int]]) -> Change:
    """(user, room, seq) each; one that is there stays."""
    return _NEW_MENTION, list(rows)


async def done_before(tx: Tx, client_msg_ids: Iterable[str]) -> dict[Key, tuple[bytes, int]]:
    """Edits, deletions and reactions of these keys, with their request's hash and ``seq``."""
    rows = await tx.fetch(
        "SELECT room_id, actor_id, client_msg_id, request_hash, seq FROM events WHERE client_msg_id IN $1",
        ids(client_msg_ids),
    )
    return {tuple(id_from_bytes(part) for part in row[:3]): (row[3], row[4]) for row in rows}  # type: ignore[misc]  # three parts


async def stored(tx: Tx, room_id: str, seq: int) -> StoredMessage | None:
    row = await tx.fetch_one(
        "SELECT seq, author_id, body, deleted FROM messages WHERE room_id = $1 AND seq = $2",
        id_to_bytes(room_id),
        seq,
    )
    return None if row is None else StoredMessage(row[0], id_from_bytes(row[1]), row[2], bool(row[3]))


async def message(tx: Tx, room_id: str, seq: int) -> Message | None:
    """In its present state."""
    rows = await tx.fetch(
        f"SELECT {MESSAGE} FROM {_QUOTED} WHERE x.room_id = $1 AND x.seq = $2", id_to_bytes(room_id), seq
    )
    found = await _messages(tx, rows)
    return found[0] if found else None


async def messages_after(tx: Tx, room_id: str, *, after: int, visible_from: int, limit: int) -> list[Message]:
    """Oldest first."""
    rows = await tx.fetch(
        f"SELECT {MESSAGE} FROM {_QUOTED} WHERE x.room_id = $1 AND x.seq > $2 ORDER BY x.seq LIMIT $3",
        id_to_bytes(room_id),
        max(after, visible_from - 1),
        limit,
    )
    return await _messages(tx, rows)


async def messages_before(
    tx: Tx, room_id: str, *, before: int, visible_from: int, limit: int
) -> list[Message]:
    """The last ones, oldest first."""
    rows = await tx.fetch(
        f"SELECT {MESSAGE} FROM {_QUOTED} WHERE x.room_id = $1 AND x.seq < $2 AND x.seq >= $3 "
        "ORDER BY x.seq DESC LIMIT $4",
        id_to_bytes(room_id),
        before,
        visible_from,
        limit,
    )
    return await _messages(tx, rows[::-1])


async def edit(tx: Tx, room_id: str, seq: int, *, body: str, mentions: str, at_ms: int, rev: int) -> None:
    await tx.execute(
        "UPDATE messages SET body = $3, mentions = $4, edited_at_ms = $5, rev = $6 WHERE "
        "room_id = $1 AND seq = $2",
        id_to_bytes(room_id),
        seq,
        body,
        mentions,
        at_ms,
        rev,
    )


async def clear_mentions(tx: Tx, room_id: str, seq: int) -> None:
    await tx.execute("DELETE FROM mentions WHERE room_id = $1 AND seq = $2", id_to_bytes(room_id), seq)


async def erase(tx: Tx, room_id: str, seq: int, *, rev: int) -> None:
    """Body, mentions, quote and reactions.

    The events that carried any of them become ``message.deleted`` at their ``seq``: the stream stays
    dense, and a repeat of such a request still finds its key.
    """
    room = id_to_bytes(room_id)
    await tx.execute(
        "UPDATE messages SET body = '', mentions = '[]', reply_to = NULL, deleted = 1, rev = $3 "
        "WHERE room_id = $1 AND seq = $2",
        room,
        seq,
        rev,
    )
    await tx.execute("DELETE FROM reactions WHERE room_id = $1 AND seq = $2", room, seq)
    await tx.execute("DELETE FROM mentions WHERE room_id = $1 AND seq = $2", room, seq)
    earlier = await tx.fetch("SELECT seq, actor_id FROM events WHERE room_id = $1 AND target = $2", room, seq)
    await tx.execute_many(
        "UPDATE events SET payload = $3 WHERE room_id = $1 AND seq = $2",
        [
            (room, at, msgspec.json.encode(MessageDeleted(room_id, at, seq, id_from_bytes(actor))))
            for at, actor in earlier
        ],
    )


async def touch(tx: Tx, room_id: str, seq: int, *, rev: int) -> None:
    await tx.execute(
        "UPDATE messages SET rev = $3 WHERE room_id = $1 AND seq = $2", id_to_bytes(room_id), seq, rev
    )


async def emojis(tx: Tx, room_id: str, seq: int) -> dict[str, set[str]]:
    """Who reacted with what."""
    rows = await tx.fetch(
        "SELECT emoji, user_id FROM reactions WHERE room_id = $1 AND seq = $2", id_to_bytes(room_id), seq
    )
    found: defaultdict[str, set[str]] = defaultdict(set)
    for emoji, user in rows:
        found[emoji].add(id_from_bytes(user))
    return dict(found)


async def add_reaction(tx: Tx, room_id: str, seq: int, *, emoji: str, user_id: str, at_seq: int) -> None:
    await tx.execute(
        "INSERT INTO reactions (room_id, seq, emoji, user_id, at_seq) VALUES ($1, $2, $3, $4, $5)",
        id_to_bytes(room_id),
        seq,
        emoji,
        id_to_bytes(user_id),
        at_seq,
    )


async def remove_reaction(tx: Tx, room_id: str, seq: int, *, emoji: str, user_id: str) -> None:
    await tx.execute(
        "DELETE FROM reactions WHERE room_id = $1 AND seq = $2 AND emoji = $3 AND user_id = $4",
        id_to_bytes(room_id),
        seq,
        emoji,
        id_to_bytes(user_id),
    )


async def add_event(
    tx: Tx,
    event: RoomEvent,
    *,
    actor_id: str,
    target: int | None = None,
    client_msg_id: str | None = None,
    request_hash: bytes | None = None,
) -> None:
    """One event that is not a message."""
    await tx.execute(
        "INSERT INTO events (room_id, seq, target, actor_id, client_msg_id, request_hash, payload) "
        "VALUES ($1, $2, $3, $4, $5, $6, $7)",
        id_to_bytes(event.room_id),
        event.seq,
        target,
        id_to_bytes(actor_id),
        None if client_msg_id is None else id_to_bytes(client_msg_id),
        request_hash,
        msgspec.json.encode(event),
    )


async def rename_joined(tx: Tx, room_id: str, seq: int, user: User) -> None:
    """The notice of joining shows ``user`` from now on."""
    key = id_to_bytes(room_id)
    row = await tx.fetch_one("SELECT payload FROM events WHERE room_id = $1 AND seq = $2", key, seq)
    event = None if row is None else _decode_event.decode(row[0])
    if isinstance(event, RoomJoined):
        payload = msgspec.json.encode(msgspec.structs.replace(event, user=user))
        await tx.execute("UPDATE events SET payload = $3 WHERE room_id = $1 AND seq = $2", key, seq, payload)


async def events_after(
    tx: Tx, room_id: str, *, after: int, visible_from: int = 1, limit: int
) -> list[RoomEvent]:
    """Messages in their present state and all other events, in the order of ``seq``."""
    found: list[RoomEvent] = [
        MessageNew(m.room_id, m.seq, m)
        for m in await messages_after(tx, room_id, after=after, visible_from=visible_from, limit=limit)
    ]
    rows = await tx.fetch(
        "SELECT payload FROM events WHERE room_id = $1 AND seq > $2 ORDER BY seq LIMIT $3",
        id_to_bytes(room_id),
        max(after, visible_from - 1),
        limit,
    )
    found.extend(_decode_event.decode(row[0]) for row in rows)
    found.sort(key=lambda event: event.seq)
    return found[:limit]


async def previews(tx: Tx, room_ids: Sequence[str]) -> dict[str, Preview]:
    """The last message of each room; ``author_name`` is still empty."""
    rows = await tx.fetch(
        "SELECT x.room_id, x.seq, x.author_id, x.body, x.sent_at_ms, x.deleted FROM rooms r "
        "JOIN messages x ON x.room_id = r.id "
        "AND x.seq = (SELECT MAX(y.seq) FROM messages y WHERE y.room_id = r.id) WHERE r.id IN $1",
        ids(room_ids),
    )
    return {
        id_from_bytes(room): Preview(seq, id_from_bytes(author), "", excerpt(body), at_ms, bool(deleted))
        for room, seq, author, body, at_ms, deleted in rows
    }


async def unread_mentions(tx: Tx, user_id: str) -> dict[str, int]:
    """Messages above the read mark that mention the user or everybody, by room."""
    rows = await tx.fetch(
        "SELECT n.room_id, COUNT(DISTINCT n.seq) FROM members m JOIN mentions n ON n.room_id = m.room_id "
        "AND n.user_id IN $2 AND n.seq > m.read_seq WHERE m.user_id = $1 AND m.left_seq IS NULL "
        "GROUP BY n.room_id",
        id_to_bytes(user_id),
        [id_to_bytes(user_id), EVERYBODY],
    )
    return {id_from_bytes(row[0]): row[1] for row in rows}


async def mentions_after(tx: Tx, room_id: str, user_id: str, seq: int) -> int:
    """Messages of a room after ``seq`` that mention the user or everybody."""
    row = await tx.fetch_one(
        "SELECT COUNT(DISTINCT seq) FROM mentions WHERE user_id IN $1 AND room_id = $2 AND seq > $3",
        [id_to_bytes(user_id), EVERYBODY],
        id_to_bytes(room_id),
        seq,
    )
    return 0 if row is None else int(row[0])


async def msg_no_at(tx: Tx, room_id: str, seq: int) -> int:
    """The ``msg_no`` of the last message up to ``seq``, or 0."""
    row = await tx.fetch_one(
        "SELECT msg_no FROM messages WHERE room_id = $1 AND seq <= $2 ORDER BY seq DESC LIMIT 1",
        id_to_bytes(room_id),
        seq,
    )
    return 0 if row is None else int(row[0])
