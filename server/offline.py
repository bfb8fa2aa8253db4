"""What is done to a server's folder while no server runs on it: a part of the composition."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

from common.errors import Code, ParleyError
from common.protocol.rest import InviteCreate
from server.infra.crypto.identity import ServerIdentity
from server.infra.crypto.passwords import Argon2Hasher
from server.infra.crypto.tokenkeys import forget_token_keys
from server.infra.sqlite.database import SqliteDatabase
from server.kernel.clock import SystemClock
from server.settings import DATABASE_FILE, KEYS_FOLDER, TOKEN_KEYS_FOLDER
from server.users.admission import add_invite
from server.users.resets import set_password

_DAY_S: Final = 24 * 3_600


@contextlib.asynccontextmanager
async def _opened(data: Path) -> AsyncIterator[SqliteDatabase]:
    """The folder's database, locked: a running server refuses it."""
    _check(data / DATABASE_FILE)
    database = SqliteDatabase(data / DATABASE_FILE)
    await database.start()
    try:
        yield database
    finally:
        await database.stop()


def server_id_of_folder(data: Path) -> str:
    """The identity that clients pin.

    Raises:
        FileNotFoundError: no server was ever started on the folder.
    """
    _check(data / KEYS_FOLDER)
    return ServerIdentity(data / KEYS_FOLDER).server_id


async def reset_password(data: Path, username: str, new: str) -> None:
    """A new password; the next start of the server tells the devices.

    Raises:
        ParleyError: ``not_found``, ``password_too_weak``.
    """
    hasher = Argon2Hasher()
    try:
        async with _opened(data) as database:
            await set_password(database, SystemClock(), hasher, username, new)
    finally:
        hasher.close()


async def rotate_keys(data: Path) -> int:
    """No access token of before is good any more; devices get new ones by themselves. Keys removed."""
    async with _opened(data):
        return forget_token_keys(data / KEYS_FOLDER / TOKEN_KEYS_FOLDER)


async def make_invite(data: Path, *, uses: int, days: int) -> str:
    """A code. Raises ``ParleyError`` for numbers out of range."""
    try:
        request = _request(uses, days)
    except ValueError as problem:
        raise ParleyError(Code.BAD_FIELD, str(problem)) from None
    async with _opened(data) as database:
        invite = await database.write(add_invite, request, SystemClock().now_ms(), None)
    return invite.code or ""


def _request(uses: int, days: int) -> InviteCreate:
    most, longest = 10_000, 365
    if not 1 <= uses <= most:
        raise ValueError(f"uses must be from 1 to {most}")
    if not 1 <= days <= longest:
        raise ValueError(f"days must be from 1 to {longest}")
    return InviteCreate(max_uses=uses, expires_in_s=days * _DAY_S)


def _check(path: Path) -> None:
    if not path.exists():
        raise FileNotFoundError(f"there is no server in {path.parent}")
