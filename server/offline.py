"""What is done to a server's data beside it: a part of the composition.

On embedded storage no server may run on the folder, which is locked; on PostgreSQL it may.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Final

from common.errors import Code, ParleyError
from common.protocol.rest import InviteCreate, Register
from server.chat.service.reads import ReadService
from server.chat.service.rooms import RoomService
from server.infra.crypto.identity import ServerIdentity
from server.infra.crypto.passwords import Argon2Hasher
from server.infra.crypto.tokenkeys import forget_token_keys
from server.infra.memory.limiter import MemoryLimiter
from server.kernel.clock import SystemClock
from server.kernel.database import Database, SchemaBehindError
from server.settings import DATABASE_FILE, Settings
from server.stores import choose_database
from server.users import accounts
from server.users import repository as user_rows
from server.users.admission import add_invite
from server.users.resets import set_password

_DAY_S: Final = 24 * 3_600


@contextlib.asynccontextmanager
async def opened(
    settings: Settings, *, migrate: bool | None = None, create: bool = False
) -> AsyncIterator[Database]:
    """The server's database; ``migrate`` in place of the setting ``migrate_at_start``.

    Raises:
        FileNotFoundError: embedded, no server was ever started on the folder, and not to ``create``.
        DatabaseUnavailableError: it can't be reached, or a running server holds the folder.
    """
    if not settings.standalone and not create:
        _check(settings.data / DATABASE_FILE)
    database = choose_database(settings, migrate=migrate)
    await database.start()
    try:
        yield database
    finally:
        await database.stop()


async def missing_migrations(settings: Settings) -> list[str]:
    """What the database lacks; nothing is changed.

    Raises:
        DatabaseUnavailableError: also where a newer Parley wrote it.
    """
    try:
        async with opened(settings, migrate=False):
            return []
    except SchemaBehindError as behind:
        return behind.missing


async def migrate(settings: Settings) -> list[str]:
    """Bring the database up to date; what it lacked. Two that do it at once wait for each other."""
    try:
        async with opened(settings, migrate=False, create=True):
            return []
    except SchemaBehindError as behind:
        async with opened(settings, migrate=True, create=True):
            return behind.missing


def server_id(settings: Settings) -> str:
    """The identity that clients pin.

    Raises:
        FileNotFoundError: there is no key yet.
    """
    _check(settings.identity_path)
    return ServerIdentity(settings.identity_path).server_id


def certificate(settings: Settings, hosts: Sequence[str]) -> tuple[bytes, bytes]:
    """A certificate for ``hosts``, signed by the server's identity, and its key: both PEM.

    Raises:
        FileNotFoundError: there is no identity yet.
    """
    _check(settings.identity_path)
    return ServerIdentity(settings.identity_path).leaf(hosts)


async def reset_password(settings: Settings, username: str, new: str) -> None:
    """A new password; a server that runs, or its next start, tells the devices.

    Raises:
        ParleyError: ``not_found``, ``password_too_weak``.
    """
    hasher = Argon2Hasher()
    try:
        async with opened(settings) as database:
            await set_password(database, SystemClock(), hasher, username, new)
    finally:
        hasher.close()


async def rotate_keys(settings: Settings) -> int:
    """No access token of before is good any more; devices get new ones by themselves. Keys removed."""
    async with opened(settings) as database:
        return await database.write(forget_token_keys)


async def create_admin(settings: Settings, request: Register) -> None:
    """A new account that is an admin; also on a database that no server was started on yet.

    Raises:
        ParleyError: ``name_taken``, ``name_not_allowed``, ``password_too_weak``.
    """
    hasher, clock = Argon2Hasher(), SystemClock()
    try:
        account = await accounts.new(request, hasher=hasher, clock=clock)
        async with opened(settings, create=True) as database:
            await database.write(accounts.add, account, _rooms(settings, database), admin=True)
    finally:
        hasher.close()


async def promote_to_admin(settings: Settings, username: str) -> None:
    """An account becomes an admin; a server that runs tells the others within seconds.

    Raises:
        ParleyError: ``not_found``.
    """
    async with opened(settings) as database:
        await database.write(accounts.promote, username, _rooms(settings, database))


def _rooms(settings: Settings, database: Database) -> RoomService:
    """What it has to tell is in the outbox: whichever process relays finds it."""
    clock = SystemClock()
    return RoomService(
        database=database,
        clock=clock,
        people=user_rows.users_by_id,
        accounts=user_rows.AccountStream(),
        reads=ReadService(database=database, people=user_rows.users_by_id),
        limiter=MemoryLimiter(clock),
        kick=lambda: None,
        limits=settings.limits,
    )


async def make_invite(settings: Settings, *, uses: int, days: int) -> str:
    """A code. Raises ``ParleyError`` for numbers out of range."""
    try:
        request = _request(uses, days)
    except ValueError as problem:
        raise ParleyError(Code.BAD_FIELD, str(problem)) from None
    async with opened(settings) as database:
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
