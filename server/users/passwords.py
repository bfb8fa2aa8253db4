"""A user's own password, asked for again before something that can't be taken back."""

from __future__ import annotations

from common.errors import Code
from server.kernel.database import Tx
from server.users import repository
from server.users.means import Means
from server.users.model import AccountRecord
from server.users.ports import PasswordHasher
from server.users.refusals import UsersError, limit


class OwnPassword:
    """Counts tries, or whoever borrows an open window could try passwords without end."""

    def __init__(self, *, means: Means, hasher: PasswordHasher) -> None:
        self._database = means.database
        self._limiter = means.limiter
        self._limits = means.limits
        self._hasher = hasher

    async def check(self, user_id: str, password: str) -> str:
        """Its hash, if it is right: for ``still`` when it is acted upon.

        Raises:
            UsersError: ``wrong_credentials``, ``rate_limited``.
        """
        tries = f"password:{user_id}"
        await limit(self._limiter, tries, self._limits.login_failures, self._limits.login_window_ms)
        account = await self._database.read(repository.account_by_id, user_id)
        known_hash = None if account is None or account.user.deleted else account.password_hash
        if known_hash is None or not await self._hasher.verify(known_hash, password):
            raise UsersError(Code.WRONG_CREDENTIALS, "the current password is wrong")
        await self._limiter.reset(tries)
        return known_hash


async def still(tx: Tx, user_id: str, password_hash: str) -> AccountRecord | None:
    """The account, locked, if its password is still the one that was checked: the hash takes its time.

    None where it was changed or reset since, which was to sign everyone out, or the account is gone.
    """
    await repository.lock_user(tx, user_id)
    account = await repository.account_by_id(tx, user_id)
    if account is None or account.user.deleted or account.password_hash != password_hash:
        return None
    return account


async def must_be_still(tx: Tx, user_id: str, password_hash: str) -> None:
    """As ``still``.

    Raises:
        UsersError: ``wrong_credentials``.
    """
    if await still(tx, user_id, password_hash) is None:
        raise UsersError(Code.WRONG_CREDENTIALS, "the current password is wrong")
