"""Making an account, by whoever may: who signs up, who starts a server, whoever sits at it."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import msgspec

from common.errors import Code
from common.ids import new_id
from common.protocol import rest
from common.protocol.types import User
from server.kernel import meta
from server.kernel.clock import Clock
from server.kernel.database import Tx
from server.users import names, repository
from server.users.model import AccountRecord
from server.users.ports import PasswordHasher, Residence
from server.users.profiles import tell
from server.users.refusals import UsersError, check_password, taken

_FIRST: Final = "first_account"


async def new(request: rest.Register, *, hasher: PasswordHasher, clock: Clock) -> AccountRecord:
    """Not stored yet.

    Raises:
        ParleyError: ``name_not_allowed``, ``password_too_weak``.
    """
    username, display = names.clean_username(request.username), names.clean(request.display_name)
    check_password(request.password)
    return AccountRecord(
        user=User(new_id(), username, display),
        username_key=names.key(username),
        display_key=names.key(display),
        password_hash=await hasher.hash(request.password),
        created_at_ms=clock.now_ms(),
    )


async def add(tx: Tx, account: AccountRecord, residence: Residence, *, admin: bool = False) -> User:
    """Stored, and in "Everyone". The first of a server is its admin; others where it is said.

    Raises:
        UsersError: ``name_taken``, ``name_not_allowed``.
    """
    await _check_free(tx, account.user, account)
    first = not await repository.any_account(tx)
    if first:
        # Of several that come at once to an empty server the first to hold this fact is its admin.
        await meta.set_fact(tx, _FIRST, account.user.id)
        first = not await repository.any_account(tx)
    user = msgspec.structs.replace(account.user, admin=first or admin)
    await repository.add_account(tx, replace(account, user=user))
    await residence.welcome(tx, user)
    return user


async def promote(tx: Tx, username: str, residence: Residence) -> User:
    """An account becomes an admin of the server, and others are told; again is fine.

    Raises:
        UsersError: ``not_found``.
    """
    account = await repository.account_by_username(tx, names.key(username))
    if account is None:
        raise UsersError(Code.NOT_FOUND, f"there is no account {username}")
    if account.user.admin:
        return account.user
    user = msgspec.structs.replace(account.user, admin=True)
    await repository.make_admin(tx, user.id)
    await tell(tx, residence, user)
    return user


async def _check_free(tx: Tx, user: User, account: AccountRecord) -> None:
    known = await repository.account_by_username(tx, account.username_key)
    if known is not None:
        raise taken(user.username, known.user.username)
    known = await repository.account_by_display_name(tx, account.display_key)
    if known is not None:
        raise taken(user.display_name, known.user.display_name)
