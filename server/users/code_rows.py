"""All SQL of invites and reset codes. Runs in the transaction it is given."""

from __future__ import annotations

from common.ids import id_from_bytes, id_to_bytes
from common.protocol.rest import Invite
from server.kernel.database import Tx


async def add_invite(tx: Tx, invite: Invite, *, code_hash: bytes, created_by: str | None) -> None:
    await tx.execute(
        "INSERT INTO invites (id, code_hash, created_by, created_at_ms, expires_at_ms, max_uses, uses) "
        "VALUES ($1, $2, $3, $4, $5, $6, $7)",
        id_to_bytes(invite.id),
        code_hash,
        None if created_by is None else id_to_bytes(created_by),
        invite.created_at_ms,
        invite.expires_at_ms,
        invite.max_uses,
        invite.uses,
    )


async def invites(tx: Tx, *, now_ms: int) -> list[Invite]:
    """Those that still let somebody in, the latest first."""
    rows = await tx.fetch(
        "SELECT id, created_at_ms, expires_at_ms, max_uses, uses FROM invites "
        "WHERE expires_at_ms > $1 AND uses < max_uses ORDER BY id DESC",
        now_ms,
    )
    return [Invite(id_from_bytes(row[0]), row[1], row[2], row[3], row[4]) for row in rows]


async def use_invite(tx: Tx, code_hash: bytes, *, now_ms: int) -> bool:
    """Count one use; False where it lets nobody in any more."""
    row = await tx.fetch_one(
        "UPDATE invites SET uses = uses + 1 WHERE code_hash = $1 AND expires_at_ms > $2 AND uses < max_uses "
        "RETURNING id",
        code_hash,
        now_ms,
    )
    return row is not None


async def remove_invite(tx: Tx, invite_id: str) -> bool:
    row = await tx.fetch_one("DELETE FROM invites WHERE id = $1 RETURNING id", id_to_bytes(invite_id))
    return row is not None


async def remove_ended_invites(tx: Tx, *, now_ms: int) -> None:
    await tx.execute("DELETE FROM invites WHERE expires_at_ms <= $1 OR uses >= max_uses", now_ms)


async def set_reset_code(tx: Tx, user_id: str, code_hash: bytes, *, expires_at_ms: int, tries: int) -> None:
    await remove_reset_code(tx, user_id)
    await tx.execute(
        "INSERT INTO reset_codes (user_id, code_hash, expires_at_ms, tries_left) VALUES ($1, $2, $3, $4)",
        id_to_bytes(user_id),
        code_hash,
        expires_at_ms,
        tries,
    )


async def try_reset_code(tx: Tx, user_id: str, *, now_ms: int) -> bytes | None:
    """The hash to compare with, one try less; None where there is no code, or no try left."""
    row = await tx.fetch_one(
        "UPDATE reset_codes SET tries_left = tries_left - 1 WHERE user_id = $1 AND expires_at_ms > $2 "
        "AND tries_left > 0 RETURNING code_hash",
        id_to_bytes(user_id),
        now_ms,
    )
    return None if row is None else bytes(row[0])


async def remove_reset_code(tx: Tx, user_id: str) -> None:
    await tx.execute("DELETE FROM reset_codes WHERE user_id = $1", id_to_bytes(user_id))
