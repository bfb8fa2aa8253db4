"""All SQL of the users context. Every function runs in the transaction it is given."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

import msgspec

from common.ids import id_from_bytes, id_to_bytes
from common.protocol.pushes import AccountEvent
from common.protocol.types import User
from server.kernel.database import Row, Tx
from server.users.model import AccountRecord, DeviceRecord

_USER: Final = "id, username, display_name, about, avatar_colour, admin, avatar, deleted_at_ms"
_ACCOUNT: Final = f"{_USER}, username_key, display_key, password_hash, account_seq, created_at_ms"
_DEVICE: Final = (
    "id, user_id, name, created_at_ms, last_seen_at_ms, revoked_at_ms, family_hash, "
    "current_hash, previous_hash"
)


def _user(row: Row) -> User:
    return User(
        id_from_bytes(row[0]),
        row[1],
        row[2],
        row[3],
        row[4],
        row[6],
        admin=bool(row[5]),
        deleted=row[7] is not None,
    )


def _account(row: Row) -> AccountRecord:
    return AccountRecord(
        user=_user(row),
        username_key=row[8],
        display_key=row[9],
        password_hash=row[10],
        account_seq=row[11],
        created_at_ms=row[12],
    )


def _device(row: Row) -> DeviceRecord:
    return DeviceRecord(
        id=id_from_bytes(row[0]),
        user_id=id_from_bytes(row[1]),
        name=row[2],
        created_at_ms=row[3],
        last_seen_at_ms=row[4],
        revoked_at_ms=row[5],
        family_hash=row[6],
        current_hash=row[7],
        previous_hash=row[8],
    )


async def any_account(tx: Tx) -> bool:
    return await tx.fetch_one("SELECT 1 FROM users LIMIT 1") is not None


async def lock_user(tx: Tx, user_id: str) -> None:
    """Until the end: what is read of the user from here on is what is changed."""
    # A change of nothing locks a row on either database; the portable subset has no FOR UPDATE.
    await tx.execute("UPDATE users SET admin = admin WHERE id = $1", id_to_bytes(user_id))


async def add_account(tx: Tx, account: AccountRecord) -> None:
    user = account.user
    await tx.execute(
        "INSERT INTO users (id, username, display_name, about, avatar_colour, admin, "
        "username_key, display_key, "
        "password_hash, account_seq, created_at_ms) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
        id_to_bytes(user.id),
        user.username,
        user.display_name,
        user.about,
        user.avatar_colour,
        int(user.admin),
        account.username_key,
        account.display_key,
        account.password_hash,
        account.account_seq,
        account.created_at_ms,
    )


async def account_by_id(tx: Tx, user_id: str) -> AccountRecord | None:
    row = await tx.fetch_one(f"SELECT {_ACCOUNT} FROM users WHERE id = $1", id_to_bytes(user_id))
    return None if row is None else _account(row)


async def account_by_username(tx: Tx, username_key: str) -> AccountRecord | None:
    row = await tx.fetch_one(f"SELECT {_ACCOUNT} FROM users WHERE username_key = $1", username_key)
    return None if row is None else _account(row)


async def account_by_display_name(tx: Tx, display_key: str) -> AccountRecord | None:
    row = await tx.fetch_one(f"SELECT {_ACCOUNT} FROM users WHERE display_key = $1", display_key)
    return None if row is None else _account(row)


async def users_by_id(tx: Tx, user_ids: Sequence[str]) -> dict[str, User]:
    """Those that exist, by id."""
    rows = await tx.fetch(f"SELECT {_USER} FROM users WHERE id IN $1", [id_to_bytes(i) for i in user_ids])
    return {user.id: user for user in map(_user, rows)}


async def search_users(tx: Tx, query_key: str, *, after: str, limit: int) -> list[tuple[str, User]]:
    """Users whose user name or display name holds ``query_key``, by display key; with that key."""
    rows = await tx.fetch(
        f"SELECT {_USER}, display_key FROM users WHERE deleted_at_ms IS NULL AND display_key > $1 AND "
        "(display_key LIKE $2 ESCAPE '!' OR username_key LIKE $2 ESCAPE '!') ORDER BY display_key LIMIT $3",
        after,
        f"%{_like(query_key)}%",
        limit,
    )
    return [(row[8], _user(row)) for row in rows]


def _like(text: str) -> str:
    return text.replace("!", "!!").replace("%", "!%").replace("_", "!_")


async def change_profile(tx: Tx, user: User, display_key: str) -> None:
    await tx.execute(
        "UPDATE users SET display_name = $2, display_key = $3, about = $4, avatar_colour = $5 WHERE id = $1",
        id_to_bytes(user.id),
        user.display_name,
        display_key,
        user.about,
        user.avatar_colour,
    )


async def set_avatar(tx: Tx, user_id: str, version: str | None) -> None:
    await tx.execute("UPDATE users SET avatar = $2 WHERE id = $1", id_to_bytes(user_id), version)


async def make_admin(tx: Tx, user_id: str) -> None:
    await tx.execute("UPDATE users SET admin = 1 WHERE id = $1", id_to_bytes(user_id))


async def heir(tx: Tx) -> User | None:
    """Who is there longest: ids grow with time. An admin goes before all others."""
    row = await tx.fetch_one(
        f"SELECT {_USER} FROM users WHERE deleted_at_ms IS NULL ORDER BY admin DESC, id LIMIT 1"
    )
    return None if row is None else _user(row)


async def erase_account(tx: Tx, user_id: str, at_ms: int) -> None:
    """Names, profile, password and the names of devices; the names may be taken again."""
    key = id_to_bytes(user_id)
    # No name of a person has a control character: these keys are in nobody's way.
    await tx.execute(
        "UPDATE users SET username = '', display_name = '', about = '', avatar_colour = NULL, avatar = NULL, "
        "admin = 0, username_key = $2, display_key = $2, password_hash = '', deleted_at_ms = $3 "
        "WHERE id = $1",
        key,
        f"\x01{user_id}",
        at_ms,
    )
    await tx.execute("UPDATE devices SET name = '' WHERE user_id = $1", key)
    await tx.execute("DELETE FROM account_events WHERE user_id = $1", key)


async def change_password(tx: Tx, user_id: str, password_hash: str) -> None:
    await tx.execute("UPDATE users SET password_hash = $2 WHERE id = $1", id_to_bytes(user_id), password_hash)


async def add_device(tx: Tx, device: DeviceRecord) -> None:
    await tx.execute(
        f"INSERT INTO devices ({_DEVICE}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        id_to_bytes(device.id),
        id_to_bytes(device.user_id),
        device.name,
        device.created_at_ms,
        device.last_seen_at_ms,
        device.revoked_at_ms,
        device.family_hash,
        device.current_hash,
        device.previous_hash,
    )


async def device_by_id(tx: Tx, device_id: str) -> DeviceRecord | None:
    row = await tx.fetch_one(f"SELECT {_DEVICE} FROM devices WHERE id = $1", id_to_bytes(device_id))
    return None if row is None else _device(row)


async def devices_of(tx: Tx, user_id: str) -> list[DeviceRecord]:
    """Those that are signed in, the latest login first."""
    rows = await tx.fetch(
        f"SELECT {_DEVICE} FROM devices WHERE user_id = $1 AND revoked_at_ms IS NULL ORDER BY "
        "created_at_ms DESC",
        id_to_bytes(user_id),
    )
    return [_device(row) for row in rows]


async def rotate(tx: Tx, device_id: str, *, current: bytes, previous: bytes, now_ms: int) -> None:
    await tx.execute(
        "UPDATE devices SET current_hash = $2, previous_hash = $3, last_seen_at_ms = $4 WHERE id = $1",
        id_to_bytes(device_id),
        current,
        previous,
        now_ms,
    )


async def revoke_devices(tx: Tx, device_ids: Sequence[str], now_ms: int) -> None:
    await tx.execute(
        "UPDATE devices SET revoked_at_ms = $2 WHERE id IN $1 AND revoked_at_ms IS NULL",
        [id_to_bytes(device_id) for device_id in device_ids],
        now_ms,
    )


async def revoked_since(tx: Tx, at_ms: int) -> list[str]:
    """Devices that were signed out since then, while their last access token may still be good."""
    rows = await tx.fetch("SELECT id FROM devices WHERE revoked_at_ms >= $1", at_ms)
    return [id_from_bytes(row[0]) for row in rows]


class AccountStream:
    """The events of accounts: gives each its ``seq`` and keeps it. Implements chat's port."""

    async def append(self, tx: Tx, user_id: str, make: Callable[[int], AccountEvent]) -> AccountEvent:
        """The event that ``make`` builds for its ``seq``, stored."""
        key = id_to_bytes(user_id)
        row = await tx.fetch_one(
            "UPDATE users SET account_seq = account_seq + 1 WHERE id = $1 RETURNING account_seq", key
        )
        if row is None:
            raise LookupError(f"no user {user_id}")
        event = make(row[0])
        await tx.execute(
            "INSERT INTO account_events (user_id, seq, payload) VALUES ($1, $2, $3)",
            key,
            row[0],
            msgspec.json.encode(event),
        )
        return event

    async def heads(self, tx: Tx, user_ids: Sequence[str]) -> dict[str, int]:
        """The last ``seq`` of each user that exists."""
        rows = await tx.fetch(
            "SELECT id, account_seq FROM users WHERE id IN $1", [id_to_bytes(i) for i in user_ids]
        )
        return {id_from_bytes(row[0]): row[1] for row in rows}

    async def after(self, tx: Tx, user_id: str, seq: int, limit: int) -> tuple[int, list[AccountEvent]]:
        """The stream's head, and the events after ``seq``."""
        key = id_to_bytes(user_id)
        head = await tx.fetch_one("SELECT account_seq FROM users WHERE id = $1", key)
        rows = await tx.fetch(
            "SELECT payload FROM account_events WHERE user_id = $1 AND seq > $2 ORDER BY seq LIMIT $3",
            key,
            seq,
            limit,
        )
        decoded = [msgspec.json.decode(row[0], type=AccountEvent) for row in rows]
        return (0 if head is None else int(head[0])), decoded
