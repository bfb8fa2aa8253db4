"""Rooms and members."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from functools import cache
from typing import Final

from common.ids import id_from_bytes, id_to_bytes
from common.protocol.types import HistoryAccess, Role, RoomKind, Visibility
from server.chat.model import Membership, Room
from server.kernel.database import Change, Row, Tx

ROOM: Final = (
    "r.id, r.kind, r.title, r.topic, r.visibility, r.history, r.seq, r.msg_no, r.created_at_ms, r.closed"
)
_ROOM_COLUMNS: Final = 10
MEMBER: Final = (
    "m.room_id, m.user_id, m.joined_seq, m.role, m.visible_from_seq, m.delivered_seq, "
    "m.read_seq, m.read_msg_no"
)
_MEMBER_COLUMNS: Final = 8
_OF_THESE: Final = "FROM members m WHERE m.room_id IN $1 AND m.user_id IN $2 AND m.left_seq IS NULL"
_MEMBERSHIPS: Final = f"SELECT {MEMBER} {_OF_THESE}"
_SENDERS: Final = (
    f"SELECT {MEMBER}, NULL, NULL {_OF_THESE} UNION ALL "
    "SELECT x.room_id, x.author_id, x.seq, NULL, NULL, NULL, NULL, NULL, x.client_msg_id, x.request_hash "
    "FROM messages x WHERE x.client_msg_id IN $3"
)
_NEW_HEAD: Final = "UPDATE rooms SET seq = $2, msg_no = $3 WHERE id = $1"
_NEW_MARKS: Final = (
    "UPDATE members SET delivered_seq = $3, read_seq = $4, read_msg_no = $5 "
    "WHERE room_id = $1 AND user_id = $2 AND left_seq IS NULL"
)
Place = tuple[str, str]
"""Room and user."""
Key = tuple[str, str, str]
"""Room, author and ``client_msg_id``."""

_ROOMS_AT_ONCE: Final = 16
_REPLACED_MAX: Final = 24
_ASCII_END: Final = 0x80
_CASED_END: Final = 0x20000
"""Unicode 17 has no capitals beyond."""


def room_of(row: Row) -> Room:
    return Room(
        id=id_from_bytes(row[0]),
        kind=RoomKind(row[1]),
        title=row[2],
        topic=row[3],
        visibility=Visibility(row[4]),
        history=HistoryAccess(row[5]),
        seq=row[6],
        msg_no=row[7],
        created_at_ms=row[8],
        closed=bool(row[9]),
    )


def member_of(row: Row) -> Membership:
    return Membership(
        room_id=id_from_bytes(row[0]),
        user_id=id_from_bytes(row[1]),
        joined_seq=row[2],
        role=Role(row[3]),
        visible_from_seq=row[4],
        delivered=row[5],
        read=row[6],
        read_msg_no=row[7],
    )


def ids(texts: Iterable[str]) -> list[bytes]:
    return [id_to_bytes(text) for text in texts]


async def rooms(tx: Tx, room_ids: Iterable[str]) -> dict[str, Room]:
    """Those that exist, locked until the end of the transaction, by id."""
    rows = await tx.fetch_locked(f"SELECT {ROOM} FROM rooms r WHERE r.id IN $1 ORDER BY r.id", ids(room_ids))
    return {room.id: room for room in map(room_of, rows)}


async def room_by_key(tx: Tx, unique_key: bytes) -> Room | None:
    row = await tx.fetch_one(f"SELECT {ROOM} FROM rooms r WHERE r.unique_key = $1", unique_key)
    return None if row is None else room_of(row)


async def add_room(tx: Tx, room: Room, unique_key: bytes) -> None:
    await tx.execute(
        "INSERT INTO rooms (id, kind, title, topic, visibility, history, seq, msg_no, "
        "created_at_ms, unique_key) "
        "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
        id_to_bytes(room.id),
        room.kind,
        room.title,
        room.topic,
        room.visibility,
        room.history,
        room.seq,
        room.msg_no,
        room.created_at_ms,
        unique_key,
    )


async def save_room(tx: Tx, room: Room) -> None:
    """Everything that can change."""
    await tx.execute(
        "UPDATE rooms SET title = $2, topic = $3, visibility = $4, history = $5, seq = $6, "
        "msg_no = $7 WHERE id = $1",
        id_to_bytes(room.id),
        room.title,
        room.topic,
        room.visibility,
        room.history,
        room.seq,
        room.msg_no,
    )


async def close_room(tx: Tx, room_id: str) -> None:
    await tx.execute("UPDATE rooms SET closed = 1 WHERE id = $1", id_to_bytes(room_id))


async def joins_of_user(tx: Tx, user_id: str) -> list[tuple[str, int]]:
    """Room and ``joined_seq`` of every stay, also of those that ended."""
    rows = await tx.fetch("SELECT room_id, joined_seq FROM members WHERE user_id = $1", id_to_bytes(user_id))
    return [(id_from_bytes(row[0]), row[1]) for row in rows]


def new_heads(changed: Iterable[Room]) -> Change:
    """Only ``seq`` and ``msg_no``, for many rooms."""
    return _NEW_HEAD, [(id_to_bytes(room.id), room.seq, room.msg_no) for room in changed]


async def membership(tx: Tx, room_id: str, user_id: str) -> Membership | None:
    row = await tx.fetch_one(
        f"SELECT {MEMBER} FROM members m WHERE m.room_id = $1 AND m.user_id = $2 AND m.left_seq IS NULL",
        id_to_bytes(room_id),
        id_to_bytes(user_id),
    )
    return None if row is None else member_of(row)


async def head_seqs(tx: Tx, room_ids: Sequence[str]) -> dict[str, int]:
    """Not locked: for who compares."""
    rows = await tx.fetch("SELECT id, seq FROM rooms WHERE id IN $1", ids(room_ids))
    return {id_from_bytes(row[0]): int(row[1]) for row in rows}


async def memberships(tx: Tx, places: Iterable[Place]) -> dict[Place, Membership]:
    """Today's memberships among the places."""
    wanted = set(places)
    found: dict[Place, Membership] = {}
    for room_ids, user_ids in _lots(wanted):
        found |= _among(wanted, await tx.fetch(_MEMBERSHIPS, room_ids, user_ids))
    return found


async def senders(
    tx: Tx, places: Iterable[Place], client_msg_ids: Iterable[str]
) -> tuple[dict[Place, Membership], dict[Key, tuple[bytes, int]]]:
    """Today's memberships among the places, and messages of these keys.

    A message's key (room, author, client_msg_id) is given with its request's hash and its ``seq``.
    """
    wanted = set(places)
    members: dict[Place, Membership] = {}
    sent: dict[Key, tuple[bytes, int]] = {}
    keys = ids(client_msg_ids)
    for room_ids, user_ids in _lots(wanted):
        rows = await tx.fetch(_SENDERS, room_ids, user_ids, keys)
        members |= _among(wanted, (row for row in rows if row[_MEMBER_COLUMNS] is None))
        for room, user, seq, *_, key, digest in rows:
            if key is not None:
                sent[id_from_bytes(room), id_from_bytes(user), id_from_bytes(key)] = (digest, seq)
        # They are looked up once.
        keys = []
    return members, sent


def _lots(places: Iterable[Place]) -> Iterable[tuple[list[bytes], list[bytes]]]:
    """Room and user ids of the places, some rooms at a time.

    The database looks up every room with every user: few rooms keep that near the places.
    """
    by_room = defaultdict[str, list[str]](list)
    for room_id, user_id in places:
        by_room[room_id].append(user_id)
    room_ids = list(by_room)
    for at in range(0, len(room_ids), _ROOMS_AT_ONCE):
        some = room_ids[at : at + _ROOMS_AT_ONCE]
        yield ids(some), ids({user_id for room_id in some for user_id in by_room[room_id]})


def _among(wanted: set[Place], rows: Iterable[Row]) -> dict[Place, Membership]:
    members = map(member_of, rows)
    return {place: member for member in members if (place := (member.room_id, member.user_id)) in wanted}


async def members_of(tx: Tx, room_id: str) -> list[Membership]:
    """Today's members, the longest stay first."""
    rows = await tx.fetch(
        f"SELECT {MEMBER} FROM members m WHERE m.room_id = $1 AND m.left_seq IS NULL ORDER BY m.joined_seq",
        id_to_bytes(room_id),
    )
    return [member_of(row) for row in rows]


async def rooms_of_user(tx: Tx, user_id: str) -> list[str]:
    rows = await tx.fetch(
        "SELECT room_id FROM members WHERE user_id = $1 AND left_seq IS NULL", id_to_bytes(user_id)
    )
    return [id_from_bytes(row[0]) for row in rows]


async def room_counts(tx: Tx, user_ids: Iterable[str]) -> dict[str, int]:
    """In how many rooms each is today; who is in none is left out."""
    rows = await tx.fetch(
        "SELECT user_id, COUNT(*) FROM members WHERE user_id IN $1 AND left_seq IS NULL GROUP BY user_id",
        ids(user_ids),
    )
    return {id_from_bytes(row[0]): int(row[1]) for row in rows}


async def add_member(tx: Tx, member: Membership) -> None:
    await tx.execute(
        "INSERT INTO members (room_id, user_id, joined_seq, left_seq, role, visible_from_seq, delivered_seq, "
        "read_seq, read_msg_no) VALUES ($1, $2, $3, NULL, $4, $5, $6, $7, $8)",
        id_to_bytes(member.room_id),
        id_to_bytes(member.user_id),
        member.joined_seq,
        member.role,
        member.visible_from_seq,
        member.delivered,
        member.read,
        member.read_msg_no,
    )


async def end_membership(tx: Tx, member: Membership, left_seq: int) -> None:
    await tx.execute(
        "UPDATE members SET left_seq = $3 WHERE room_id = $1 AND user_id = $2 AND left_seq IS NULL",
        id_to_bytes(member.room_id),
        id_to_bytes(member.user_id),
        left_seq,
    )


async def set_role(tx: Tx, member: Membership, role: Role) -> None:
    await tx.execute(
        "UPDATE members SET role = $3 WHERE room_id = $1 AND user_id = $2 AND left_seq IS NULL",
        id_to_bytes(member.room_id),
        id_to_bytes(member.user_id),
        role,
    )


def new_marks(changed: Iterable[Membership]) -> Change:
    """Marks of many members."""
    return (
        _NEW_MARKS,
        [
            (id_to_bytes(m.room_id), id_to_bytes(m.user_id), m.delivered, m.read, m.read_msg_no)
            for m in changed
        ],
    )


async def crowd(tx: Tx, room_ids: Iterable[str]) -> dict[str, tuple[int, int, int]]:
    """For each room: how many members, their lowest delivered and their lowest read mark."""
    rows = await tx.fetch(
        "SELECT room_id, COUNT(*), MIN(delivered_seq), MIN(read_seq) FROM members "
        "WHERE room_id IN $1 AND left_seq IS NULL GROUP BY room_id",
        ids(room_ids),
    )
    return {id_from_bytes(row[0]): (row[1], row[2], row[3]) for row in rows}


async def memberships_of_user(
    tx: Tx, user_id: str, room_ids: Sequence[str] | None = None
) -> list[tuple[Room, Membership]]:
    """The user's rooms, all or some, with the user's place in each."""
    sql = (
        f"SELECT {ROOM}, {MEMBER} FROM members m JOIN rooms r ON r.id = m.room_id "
        "WHERE m.user_id = $1 AND m.left_seq IS NULL"
    )
    if room_ids is None:
        rows = await tx.fetch(sql, id_to_bytes(user_id))
    else:
        rows = await tx.fetch(f"{sql} AND m.room_id IN $2", id_to_bytes(user_id), ids(room_ids))
    return [(room_of(row), member_of(row[_ROOM_COLUMNS:])) for row in rows]


async def others(tx: Tx, room_ids: Sequence[str], user_id: str) -> dict[str, str]:
    """For each direct room, who is in it besides the user; the notes room has nobody."""
    rows = await tx.fetch(
        "SELECT room_id, user_id FROM members WHERE room_id IN $1 AND user_id <> $2 AND left_seq IS NULL",
        ids(room_ids),
        id_to_bytes(user_id),
    )
    return {id_from_bytes(row[0]): id_from_bytes(row[1]) for row in rows}


async def public_rooms(
    tx: Tx, user_id: str, *, query: str, after: tuple[str, str] | None, limit: int
) -> list[tuple[str, str, str, int, bool]]:
    """Public groups by title and id, after those: id, title, topic, members, whether the user is one."""
    title, room_id = after or ("", "")
    lowered, pattern, replaced = _lowered(query, first=8)
    rows = await tx.fetch(
        "SELECT r.id, r.title, r.topic, "
        "(SELECT COUNT(*) FROM members m WHERE m.room_id = r.id AND m.left_seq IS NULL), "
        "(SELECT COUNT(*) FROM members m WHERE m.room_id = r.id AND m.user_id = $1 AND m.left_seq IS NULL) "
        "FROM rooms r WHERE r.kind = $2 AND r.visibility = $3 AND (r.title > $4 OR (r.title "
        "= $4 AND r.id > $5)) "
        f"AND {lowered} LIKE $6 ESCAPE '!' ORDER BY r.title, r.id LIMIT $7",
        id_to_bytes(user_id),
        RoomKind.GROUP,
        Visibility.PUBLIC,
        title,
        id_to_bytes(room_id) if room_id else bytes(16),
        f"%{pattern}%",
        limit,
        *replaced,
    )
    return [(id_from_bytes(row[0]), row[1], row[2], row[3], bool(row[4])) for row in rows]


def _lowered(query: str, *, first: int) -> tuple[str, str, list[str]]:
    """SQL for a title in the small letters of ``query``, the pattern it has to be like, and parameters.

    ``LOWER`` knows the letters of ASCII alone in SQLite, and in PostgreSQL what its locale says. All other
    capitals are replaced one by one, those that the query has: no other letter can decide. ``first`` is the
    number of the first parameter.
    """
    pattern = _like(query.lower())
    sql, parameters = "LOWER(r.title)", list[str]()
    for capital, small in _capitals():
        if small not in pattern:
            continue
        if len(parameters) >= 2 * _REPLACED_MAX:
            # SQLite reads no deeper. With so many letters the rest decides nothing: each stands for any.
            pattern = pattern.replace(small, "_")
            continue
        at = first + len(parameters)
        sql = f"REPLACE({sql}, ${at}, ${at + 1})"
        parameters += [capital, small]
    return sql, pattern, parameters


@cache
def _capitals() -> list[tuple[str, str]]:
    """Each letter beyond ASCII that has a small form, with that."""
    letters = (chr(code) for code in range(_ASCII_END, _CASED_END))
    return [(letter, small) for letter in letters if (small := letter.lower()) != letter]


def _like(text: str) -> str:
    return text.replace("!", "!!").replace("%", "!%").replace("_", "!_")
