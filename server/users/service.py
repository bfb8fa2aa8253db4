"""Use cases of accounts: register, sign in, stay signed in, sign out, people."""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Collection, Sequence
from typing import Final

from common.errors import Code, ParleyError
from common.ids import is_id
from common.limits import SYNC_MAX_EVENTS
from common.protocol import rest
from common.protocol.pushes import AccountEvent, AccountEvents
from common.protocol.types import Device, User
from server.kernel.database import Tx
from server.kernel.identity import Identity
from server.users import accounts, code_rows, names, repository
from server.users.event import SessionsRevoked
from server.users.means import Means
from server.users.model import AccountRecord, DeviceRecord
from server.users.passwords import OwnPassword, must_be_still, still
from server.users.ports import Admission, PasswordHasher, Residence
from server.users.refusals import UsersError, check_password, check_text, limit
from server.users.sessions import Sessions, hash_token, revoke

_HOUR_MS: Final = 3_600_000
PEOPLE_PAGE: Final = 100
_CHANGES: Final = 3
"""A password that is changed while it is checked is checked again: another login may have rehashed it."""


class UsersService:
    """Owns accounts and devices."""

    def __init__(
        self,
        *,
        means: Means,
        hasher: PasswordHasher,
        sessions: Sessions,
        admission: Admission,
        residence: Residence,
    ) -> None:
        self._database = means.database
        self._clock = means.clock
        self._limiter = means.limiter
        self._kick = means.kick
        self._limits = means.limits
        self._hasher = hasher
        self._own_password = OwnPassword(means=means, hasher=hasher)
        self._sessions = sessions
        self._admission = admission
        self._residence = residence
        self._stream = repository.AccountStream()
        self._revoked: dict[str, int] = {}

    # What others ask of this context.

    async def start(self) -> None:
        """Learn which devices were signed out while their tokens are still good."""
        since = self._clock.now_ms() - self._limits.access_token_ms
        for device_id in await self._database.read(repository.revoked_since, since):
            self._revoked[device_id] = self._clock.now_ms()

    async def authenticate(self, token: str) -> Identity:
        """The identity of an access token; implements the kernel's ``Authenticator``."""
        identity = await self._sessions.verify(token)
        if identity.device_id in self._revoked:
            raise UsersError(Code.UNAUTHENTICATED, "this device was signed out")
        return identity

    async def note_revoked(self, events: Sequence[SessionsRevoked]) -> None:
        """Refuse the tokens of these devices from now on; forget those whose tokens have expired."""
        now = self._clock.now_ms()
        for event in events:
            self._revoked.update(dict.fromkeys(event.device_ids, now))
        for device_id, at_ms in list(self._revoked.items()):
            if at_ms + self._limits.access_token_ms < now:
                del self._revoked[device_id]

    async def account(self, user_id: str) -> AccountRecord:
        """The account, as ``welcome`` shows it.

        Raises:
            ParleyError: ``unauthenticated``, for an account that is gone.
        """
        account = await self._database.read(repository.account_by_id, user_id)
        if account is None or account.user.deleted:
            raise UsersError(Code.UNAUTHENTICATED, "this account does not exist any more")
        return account

    async def account_seqs(self, user_ids: Sequence[str]) -> dict[str, int]:
        """The last ``seq`` of each account stream."""
        return await self._database.read(self._stream.heads, user_ids)

    async def events_after(self, user_id: str, seq: int) -> list[AccountEvent]:
        """What is kept of an account stream after ``seq``, at most 1,000."""
        _, events = await self._database.read(self._stream.after, user_id, seq, SYNC_MAX_EVENTS)
        return events

    async def signed_out(self) -> Collection[str]:
        """The devices that were signed out lately, as the database has it now; their tokens are refused."""
        await self.start()
        return self._revoked

    async def account_events(self, request_id: int, user_id: str, after_seq: int) -> AccountEvents:
        """The account stream after a cursor; truncated when more than 1,000 are missing."""
        head, events = await self._database.read(self._stream.after, user_id, after_seq, SYNC_MAX_EVENTS + 1)
        if len(events) > SYNC_MAX_EVENTS:
            return AccountEvents(request_id, head, [], truncated=True)
        return AccountEvents(request_id, head, events)

    # Signing in and out.

    async def register(self, request: rest.Register, address: str) -> rest.Tokens:
        """A new account and its first device. The first of a server is its admin."""
        check_text(request.device_name)
        most = self._limits.registrations_per_hour
        await limit(self._limiter, f"register:{address}", most, _HOUR_MS)
        return await self._sign_up(request)

    async def register_locally(self, request: rest.Register) -> None:
        """For whoever starts the server: no invite is asked for, and no device is signed in."""
        account = await accounts.new(request, hasher=self._hasher, clock=self._clock)
        await self._database.write(accounts.add, account, self._residence)
        self._kick()

    async def _sign_up(self, request: rest.Register) -> rest.Tokens:
        account = await accounts.new(request, hasher=self._hasher, clock=self._clock)
        refresh_token, device = self._sessions.new_device(account.user.id, request.device_name)

        async def body(tx: Tx) -> User:
            await self._admission.admit(tx, request.invite)
            user = await accounts.add(tx, account, self._residence)
            await repository.add_device(tx, device)
            return user

        user = await self._database.write(body)
        self._kick()
        return self._sessions.signed_in(user, device.id, refresh_token)

    async def login(self, request: rest.Login, address: str) -> rest.Tokens:
        """A new device of an account. The answer is the same for a wrong name and a wrong password."""
        check_text(request.username, request.device_name)
        username_key = names.key(request.username)
        keys = (f"login:{username_key}:{address}", f"login:{address}")
        failures, window = self._limits.login_failures, self._limits.login_window_ms
        # Both counted before the slow hash, or tries sent side by side would all be let through.
        await limit(self._limiter, keys[1], failures * 10, window)
        try:
            await limit(self._limiter, keys[0], failures, window)
        except UsersError:
            # Who is locked out of one name is not on the way to be locked out of all.
            await self._limiter.take_back(keys[1])
            raise
        tokens = await self._signed_in(username_key, request)
        # Signed in by now: a count that can't be taken back is only stricter.
        with contextlib.suppress(ParleyError):
            await self._limiter.reset(keys[0])
            await self._limiter.take_back(keys[1])
        return tokens

    async def _signed_in(self, username_key: str, request: rest.Login) -> rest.Tokens:
        for _ in range(_CHANGES):
            account = await self._database.read(repository.account_by_username, username_key)
            known_hash = None if account is None else account.password_hash
            good = await self._hasher.verify(known_hash, request.password)
            if account is None or not good:
                break
            outdated = self._hasher.outdated(account.password_hash)
            rehashed = await self._hasher.hash(request.password) if outdated else None
            refresh_token, device = self._sessions.new_device(account.user.id, request.device_name)
            user = await self._database.write(self._let_in, account, device, rehashed)
            if user is not None:
                return self._sessions.signed_in(user, device.id, refresh_token)
        raise UsersError(Code.WRONG_CREDENTIALS, "the user name or the password is wrong")

    async def _let_in(
        self, tx: Tx, checked: AccountRecord, device: DeviceRecord, rehashed: str | None
    ) -> User | None:
        """None where the password was changed while it was checked."""
        account = await still(tx, checked.user.id, checked.password_hash)
        if account is None:
            return None
        if rehashed is not None:
            await repository.change_password(tx, account.user.id, rehashed)
        await repository.add_device(tx, device)
        return account.user

    async def refresh(self, refresh_token: str) -> rest.Tokens:
        """New tokens for a device; see ``protocol.md`` for what showing an older one means."""
        device_id, _, rest_of_token = refresh_token.partition(".")
        family, _, _ = rest_of_token.partition(".")
        if not is_id(device_id):
            raise _bad_refresh_token()
        successor = f"{device_id}.{family}.{secrets.token_urlsafe(24)}"
        account, stolen = await self._database.write(
            self._rotate, device_id, hash_token(family), hash_token(refresh_token), hash_token(successor)
        )
        if stolen:
            self._kick()
            raise _bad_refresh_token()
        return self._sessions.signed_in(account.user, device_id, successor)

    async def _rotate(
        self, tx: Tx, device_id: str, family: bytes, shown: bytes, successor: bytes
    ) -> tuple[AccountRecord, bool]:
        """The account, and whether the token was an old one, which signs the device out."""
        device = await repository.device_by_id(tx, device_id)
        if device is None or device.revoked_at_ms is not None or device.family_hash != family:
            raise _bad_refresh_token()
        now = self._clock.now_ms()
        if device.last_seen_at_ms + self._limits.refresh_token_ms < now:
            raise _bad_refresh_token()
        account = await repository.account_by_id(tx, device.user_id)
        if account is None:
            raise _bad_refresh_token()
        if shown not in {device.current_hash, device.previous_hash}:
            await revoke(tx, self._clock, device.user_id, [device.id])
            return account, True
        # The previous one again: its successor was never used, or it would be the previous one.
        await repository.rotate(tx, device_id, current=successor, previous=shown, now_ms=now)
        return account, False

    async def logout(self, identity: Identity, *, everywhere: bool) -> None:
        """Sign this or every device of the user out."""
        await self._database.write(self._logout, identity, everywhere=everywhere)
        self._kick()

    async def _logout(self, tx: Tx, identity: Identity, *, everywhere: bool) -> None:
        devices = await repository.devices_of(tx, identity.user_id)
        mine = [device.id for device in devices if everywhere or device.id == identity.device_id]
        await revoke(tx, self._clock, identity.user_id, mine)

    async def revoke_device(self, identity: Identity, device_id: str) -> None:
        """Sign one device of the user out.

        Raises:
            ParleyError: ``not_found``.
        """
        await self._database.write(self._revoke_one, identity, device_id)
        self._kick()

    async def _revoke_one(self, tx: Tx, identity: Identity, device_id: str) -> None:
        if device_id not in {device.id for device in await repository.devices_of(tx, identity.user_id)}:
            raise UsersError(Code.NOT_FOUND, "no such device")
        await revoke(tx, self._clock, identity.user_id, [device_id])

    async def change_password(self, identity: Identity, request: rest.PasswordChange) -> None:
        """Every other device is signed out."""
        known_hash = await self._own_password.check(identity.user_id, request.current)
        check_password(request.new)
        password_hash = await self._hasher.hash(request.new)
        await self._database.write(self._change_password, identity, known_hash, password_hash)
        self._kick()

    async def _change_password(self, tx: Tx, identity: Identity, known_hash: str, password_hash: str) -> None:
        await must_be_still(tx, identity.user_id, known_hash)
        await repository.change_password(tx, identity.user_id, password_hash)
        await code_rows.remove_reset_code(tx, identity.user_id)
        devices = await repository.devices_of(tx, identity.user_id)
        await revoke(
            tx,
            self._clock,
            identity.user_id,
            [device.id for device in devices if device.id != identity.device_id],
        )

    # People.

    async def people(self, query: str, after: str, limit: int) -> rest.Users:
        """The directory, by name."""
        check_text(query, after)
        limit = max(1, min(limit, PEOPLE_PAGE))
        found = await self._database.read(
            repository.search_users, names.key(query), after=after, limit=limit + 1
        )
        page = found[:limit]
        more = page[-1][0] if len(found) > limit else None
        return rest.Users([user for _, user in page], more)

    async def people_by_id(self, user_ids: Sequence[str]) -> rest.Users:
        """Those of up to 100 ids that exist."""
        wanted = [user_id for user_id in user_ids[:PEOPLE_PAGE] if is_id(user_id)]
        found = await self._database.read(repository.users_by_id, wanted)
        return rest.Users(list(found.values()))

    async def devices(self, identity: Identity) -> rest.Devices:
        """All logins of the user."""
        found = await self._database.read(repository.devices_of, identity.user_id)
        return rest.Devices(
            [
                Device(d.id, d.name, d.created_at_ms, d.last_seen_at_ms, current=d.id == identity.device_id)
                for d in found
            ]
        )


def _bad_refresh_token() -> UsersError:
    return UsersError(Code.UNAUTHENTICATED, "sign in again")
