"""How a user is shown: names, a line, a colour, a picture. Everyone who shares a room is told."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable
from typing import Final

import msgspec

from common.errors import Code
from common.ids import is_id
from common.limits import AVATAR_MAX_BYTES
from common.protocol import rest
from common.protocol.pushes import AccountProfile, UserChanged
from common.protocol.types import User
from server.kernel.blobs import BlobStore
from server.kernel.database import Tx
from server.kernel.delivery import ProfileDelivery, UserDelivery
from server.kernel.identity import Identity
from server.kernel.outbox import add_deliveries
from server.users import names, repository
from server.users.means import Means
from server.users.ports import PictureScaler, Residence
from server.users.refusals import UsersError, check_text, taken

_VERSION_CHARS: Final = 16


class ProfileService:
    """Own profiles, and everybody's pictures."""

    def __init__(
        self, *, means: Means, residence: Residence, blobs: BlobStore, pictures: PictureScaler
    ) -> None:
        self._database = means.database
        self._kick = means.kick
        self._residence = residence
        self._blobs = blobs
        self._pictures = pictures

    async def change(self, identity: Identity, change: rest.ProfileChange) -> User:
        """Own names and colour.

        Raises:
            UsersError: ``name_taken``, ``name_not_allowed``, ``bad_text``.
        """
        return await self._told(lambda tx: _changed(tx, identity.user_id, change))

    async def set_picture(self, identity: Identity, data: bytes) -> User:
        """Own picture: PNG, JPEG or WebP of up to 2 MiB; kept as a small square.

        Raises:
            ParleyError: ``too_large``, ``bad_field``, ``storage_full``.
        """
        if len(data) > AVATAR_MAX_BYTES:
            raise UsersError(Code.TOO_LARGE, "a picture can have at most 2 MiB")
        small = await self._pictures.square(data)
        version = hashlib.sha256(small).hexdigest()[:_VERSION_CHARS]
        # Before the row: whoever is told of the version finds it.
        await self._blobs.put(picture_key(identity.user_id, version), small)
        return await self._set_version(identity, version)

    async def remove_picture(self, identity: Identity) -> User:
        """Initials again."""
        return await self._set_version(identity, None)

    async def picture(self, user_id: str) -> bytes:
        """The picture of today, a PNG or a JPEG.

        Raises:
            UsersError: ``not_found``.
        """
        if is_id(user_id):
            found = await self._database.read(repository.users_by_id, [user_id])
            user = found.get(user_id)
            if user is not None and user.avatar is not None:
                data = await self._blobs.get(picture_key(user_id, user.avatar))
                if data is not None:
                    return data
        raise UsersError(Code.NOT_FOUND, "there is no such picture")

    async def _set_version(self, identity: Identity, version: str | None) -> User:
        before: list[str | None] = []

        async def change(tx: Tx) -> User:
            await repository.lock_user(tx, identity.user_id)
            account = await repository.account_by_id(tx, identity.user_id)
            if account is None or account.user.deleted:
                raise UsersError(Code.NOT_FOUND, "no such user")
            before[:] = [account.user.avatar]
            await repository.set_avatar(tx, identity.user_id, version)
            return msgspec.structs.replace(account.user, avatar=version)

        user = await self._told(change)
        # A crash before this leaves a file that nobody is told of, and nothing else.
        if before[0] is not None and before[0] != version:
            await self._blobs.delete(picture_key(identity.user_id, before[0]))
        return user

    async def _told(self, change: Callable[[Tx], Awaitable[User]]) -> User:
        async def body(tx: Tx) -> User:
            user = await change(tx)
            await tell(tx, self._residence, user)
            return user

        user = await self._database.write(body)
        self._kick()
        return user


def picture_key(user_id: str, version: str) -> str:
    """Of the blob."""
    return f"avatars/{user_id}-{version}"


async def tell(tx: Tx, residence: Residence, user: User) -> None:
    """The user's own devices, and all who share a room."""
    event = await repository.AccountStream().append(tx, user.id, lambda seq: AccountProfile(seq, user))
    rooms = list(await residence.rooms_of(tx, user.id))
    deliveries = (UserDelivery(user.id, [event]), ProfileDelivery(UserChanged(user), rooms))
    await add_deliveries(tx, user.id, deliveries)


async def _changed(tx: Tx, user_id: str, change: rest.ProfileChange) -> User:
    await repository.lock_user(tx, user_id)
    account = await repository.account_by_id(tx, user_id)
    if account is None or account.user.deleted:
        raise UsersError(Code.NOT_FOUND, "no such user")
    user, display_key = account.user, account.display_key
    if change.display_name is not None:
        display = names.clean(change.display_name)
        display_key = names.key(display)
        known = await repository.account_by_display_name(tx, display_key)
        if known is not None and known.user.id != user_id:
            raise taken(display, known.user.display_name)
        user = msgspec.structs.replace(user, display_name=display)
    if change.about is not None:
        check_text(change.about)
        user = msgspec.structs.replace(user, about=change.about)
    if change.avatar_colour is not None:
        user = msgspec.structs.replace(user, avatar_colour=change.avatar_colour)
    await repository.change_profile(tx, user, display_key)
    return user
