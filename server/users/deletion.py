"""The end of an account: it becomes "Deleted user". What it said stays, what it was is erased."""

from __future__ import annotations

import msgspec

from common.errors import Code
from common.ids import is_id
from common.protocol import rest
from common.protocol.types import User
from server.kernel.blobs import BlobStore
from server.kernel.database import Tx
from server.kernel.identity import Identity
from server.users import code_rows, repository
from server.users.means import Means
from server.users.passwords import OwnPassword, must_be_still
from server.users.ports import PasswordHasher, Residence
from server.users.profiles import picture_key, tell
from server.users.refusals import UsersError, check_admin
from server.users.sessions import revoke


class DeletionService:
    """One's own account by its password, somebody else's by an admin."""

    def __init__(
        self, *, means: Means, hasher: PasswordHasher, residence: Residence, blobs: BlobStore
    ) -> None:
        self._database = means.database
        self._clock = means.clock
        self._kick = means.kick
        self._residence = residence
        self._blobs = blobs
        self._own_password = OwnPassword(means=means, hasher=hasher)

    async def delete_own(self, identity: Identity, request: rest.AccountDelete) -> None:
        """Every device is signed out. Where it was the only admin, who is there longest becomes one.

        Raises:
            UsersError: ``wrong_credentials``, ``rate_limited``.
        """
        known_hash = await self._own_password.check(identity.user_id, request.password)
        await self._finish(await self._database.write(self._delete_own, identity.user_id, known_hash))

    async def _delete_own(self, tx: Tx, user_id: str, known_hash: str) -> User:
        await must_be_still(tx, user_id, known_hash)
        return await self._delete(tx, user_id)

    async def delete_other(self, identity: Identity, user_id: str) -> None:
        """Of somebody who is gone.

        Raises:
            UsersError: ``forbidden`` for who is no admin, and for an admin's account; ``not_found``.
        """
        await self._finish(await self._database.write(self._delete_other, identity, user_id))

    async def _delete_other(self, tx: Tx, identity: Identity, user_id: str) -> User:
        await check_admin(tx, identity)
        account = await repository.account_by_id(tx, user_id) if is_id(user_id) else None
        if account is None or account.user.deleted:
            raise UsersError(Code.NOT_FOUND, "no such user")
        if account.user.admin:
            raise UsersError(Code.FORBIDDEN, "an admin's account can only be deleted by themselves")
        return await self._delete(tx, user_id)

    async def _delete(self, tx: Tx, user_id: str) -> User:
        """The user as they were."""
        await repository.lock_user(tx, user_id)
        account = await repository.account_by_id(tx, user_id)
        if account is None or account.user.deleted:
            raise UsersError(Code.NOT_FOUND, "no such user")
        gone = User(user_id, "", "", deleted=True)
        devices = await repository.devices_of(tx, user_id)
        await revoke(tx, self._clock, user_id, [device.id for device in devices])
        await code_rows.remove_reset_code(tx, user_id)
        # Told while the rooms are still known, and before the notices of leaving.
        await tell(tx, self._residence, gone)
        await self._residence.leave_all(tx, gone)
        await repository.erase_account(tx, user_id, self._clock.now_ms())
        if account.user.admin:
            await self._hand_over(tx)
        return account.user

    async def _hand_over(self, tx: Tx) -> None:
        """A server is never without an admin while anybody is there."""
        heir = await repository.heir(tx)
        if heir is not None and not heir.admin:
            await repository.make_admin(tx, heir.id)
            await tell(tx, self._residence, msgspec.structs.replace(heir, admin=True))

    async def _finish(self, was: User) -> None:
        self._kick()
        if was.avatar is not None:
            await self._blobs.delete(picture_key(was.id, was.avatar))
