"""A forgotten password: by a code from an admin, or by whoever sits at the server itself."""

from __future__ import annotations

import hmac
from typing import Final

from common.errors import Code
from common.ids import is_id
from common.protocol import rest
from common.protocol.types import User
from server.kernel.clock import Clock
from server.kernel.database import Database, Tx
from server.kernel.identity import Identity
from server.users import code_rows, names, repository
from server.users.codes import hash_reset, new_reset_code
from server.users.means import Means
from server.users.model import DeviceRecord
from server.users.ports import PasswordHasher
from server.users.refusals import UsersError, check_admin, check_password, check_text, limit
from server.users.sessions import Sessions, revoke

TRIES: Final = 5
"""Then the code is of no use, also to who knows it."""


class ResetService:
    """Every way to a new password without the old one signs all devices out."""

    def __init__(self, *, means: Means, hasher: PasswordHasher, sessions: Sessions) -> None:
        self._database = means.database
        self._clock = means.clock
        self._limiter = means.limiter
        self._kick = means.kick
        self._limits = means.limits
        self._hasher = hasher
        self._sessions = sessions

    async def create_code(self, identity: Identity, user_id: str) -> rest.ResetCode:
        """A code for somebody, by an admin; told this once.

        Raises:
            UsersError: ``forbidden``, ``not_found``.
        """
        code = new_reset_code()
        await self._database.write(self._create_code, identity, user_id, hash_reset(code))
        return rest.ResetCode(code, self._limits.reset_code_ms // 1_000)

    async def _create_code(self, tx: Tx, identity: Identity, user_id: str, code_hash: bytes) -> None:
        await check_admin(tx, identity)
        if not is_id(user_id) or await repository.account_by_id(tx, user_id) is None:
            raise UsersError(Code.NOT_FOUND, "no such user")
        expires_at_ms = self._clock.now_ms() + self._limits.reset_code_ms
        await code_rows.set_reset_code(tx, user_id, code_hash, expires_at_ms=expires_at_ms, tries=TRIES)

    async def reset(self, request: rest.PasswordReset, address: str) -> rest.Tokens:
        """A new password by a code, and signed in. One answer for a wrong name and a wrong code."""
        check_text(request.username, request.device_name)
        most, window = self._limits.login_failures * 10, self._limits.login_window_ms
        await limit(self._limiter, f"reset:{address}", most, window)
        check_password(request.new)
        password_hash = await self._hasher.hash(request.new)
        done = await self._database.write(self._reset, request, password_hash)
        if done is None:
            raise UsersError(Code.WRONG_CREDENTIALS, "the user name or the code is wrong, or it is too old")
        user, refresh_token, device = done
        self._kick()
        return self._sessions.signed_in(user, device.id, refresh_token)

    async def _reset(
        self, tx: Tx, request: rest.PasswordReset, password_hash: str
    ) -> tuple[User, str, DeviceRecord] | None:
        """None, and not an error, when refused: the try that was counted must be committed."""
        account = await repository.account_by_username(tx, names.key(request.username))
        if account is None:
            return None
        user = account.user
        known = await code_rows.try_reset_code(tx, user.id, now_ms=self._clock.now_ms())
        if known is None or not hmac.compare_digest(known, hash_reset(request.code)):
            return None
        await _set_password(tx, self._clock, user.id, password_hash)
        refresh_token, device = self._sessions.new_device(user.id, request.device_name)
        await repository.add_device(tx, device)
        return user, refresh_token, device

    async def reset_locally(self, username: str, new: str) -> None:
        """For whoever sits at the server itself; see ``set_password``."""
        await set_password(self._database, self._clock, self._hasher, username, new)
        self._kick()


async def set_password(
    database: Database, clock: Clock, hasher: PasswordHasher, username: str, new: str
) -> None:
    """No old password and no code.

    Raises:
        UsersError: ``not_found``, ``password_too_weak``.
    """
    check_password(new)
    account = await database.read(repository.account_by_username, names.key(username))
    if account is None:
        raise UsersError(Code.NOT_FOUND, f"there is no account {username}")
    await database.write(_set_password, clock, account.user.id, await hasher.hash(new))


async def _set_password(tx: Tx, clock: Clock, user_id: str, password_hash: str) -> None:
    await repository.change_password(tx, user_id, password_hash)
    await code_rows.remove_reset_code(tx, user_id)
    devices = await repository.devices_of(tx, user_id)
    await revoke(tx, clock, user_id, [device.id for device in devices])
