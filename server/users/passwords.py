"""A user's own password, asked for again before something that can't be taken back."""

from __future__ import annotations

from common.errors import Code
from server.users import repository
from server.users.means import Means
from server.users.ports import PasswordHasher
from server.users.refusals import UsersError, limit


class OwnPassword:
    """Counts tries, or whoever borrows an open window could try passwords without end."""

    def __init__(self, *, means: Means, hasher: PasswordHasher) -> None:
        self._database = means.database
        self._limiter = means.limiter
        self._limits = means.limits
        self._hasher = hasher

    async def check(self, user_id: str, password: str) -> None:
        """Nothing, if it is right.

        Raises:
            UsersError: ``wrong_credentials``, ``rate_limited``.
        """
        tries = f"password:{user_id}"
        await limit(self._limiter, tries, self._limits.login_failures, self._limits.login_window_ms)
        account = await self._database.read(repository.account_by_id, user_id)
        known_hash = None if account is None or account.user.deleted else account.password_hash
        if not await self._hasher.verify(known_hash, password):
            raise UsersError(Code.WRONG_CREDENTIALS, "the current password is wrong")
        await self._limiter.reset(tries)
