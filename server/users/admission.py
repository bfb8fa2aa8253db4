"""Who may make an account, and the server's name: what an admin decides."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import structlog

from common.errors import Code, ParleyError
from common.ids import is_id, new_id
from common.protocol import rest
from common.protocol.rest import Registration
from server.kernel import meta
from server.kernel.database import Tx
from server.kernel.identity import Identity
from server.users import code_rows, names
from server.users.codes import hash_invite, new_invite_code
from server.users.means import Means
from server.users.refusals import UsersError, check_admin, limit

log: Final = structlog.get_logger(__name__)

_HOUR_MS: Final = 3_600_000
_SHOWN_S: Final = 5.0
_NAME: Final = "server_name"
_REGISTRATION: Final = "registration"


@dataclass(frozen=True, slots=True)
class Policy:
    """How the server presents itself."""

    name: str
    registration: Registration


class AdmissionService:
    """Invites, and what an admin set, which goes before what the program was started with.

    Other processes of the server may change it: it is read anew where it decides, and where it is only
    shown it is at most ``_SHOWN_S`` old.
    """

    def __init__(self, *, means: Means, name: str, registration: Registration) -> None:
        self._database = means.database
        self._clock = means.clock
        self._limiter = means.limiter
        self._limits = means.limits
        self._started_as = Policy(name, registration)
        self._shown = self._started_as
        self._read_at = -_SHOWN_S

    async def policy(self) -> Policy:
        """To show; what was read last while the database is away."""
        now = self._clock.monotonic()
        if now - self._read_at >= _SHOWN_S:
            self._read_at = now
            try:
                self._shown = await self._database.read(self._policy)
            except ParleyError as problem:
                log.warning("policy_not_read", reason=problem.message)
        return self._shown

    async def _policy(self, tx: Tx) -> Policy:
        name, kept = await meta.fact(tx, _NAME), await meta.fact(tx, _REGISTRATION)
        known = Registration(kept) if kept in set(Registration) else self._started_as.registration
        return Policy(name or self._started_as.name, known)

    async def change(self, identity: Identity, change: rest.ServerChange) -> None:
        """Name and registration, by an admin."""
        if change.name is not None:
            change = rest.ServerChange(names.clean(change.name), change.registration)
        await self._database.write(self._change, identity, change)
        self._read_at = -_SHOWN_S

    async def _change(self, tx: Tx, identity: Identity, change: rest.ServerChange) -> None:
        await check_admin(tx, identity)
        if change.name is not None:
            await meta.set_fact(tx, _NAME, change.name)
        if change.registration is not None:
            await meta.set_fact(tx, _REGISTRATION, change.registration.value)

    async def admit(self, tx: Tx, code: str | None) -> None:
        """Whether somebody may make an account now; counts the invite that lets them in.

        Raises:
            UsersError: ``registration_closed`` without a code, ``invite_invalid`` with a wrong one.
        """
        if (await self._policy(tx)).registration is Registration.OPEN:
            return
        if not code:
            raise UsersError(Code.REGISTRATION_CLOSED, "this server lets in only who was invited")
        if not await code_rows.use_invite(tx, hash_invite(code), now_ms=self._clock.now_ms()):
            raise UsersError(Code.INVITE_INVALID, "this invite is wrong, used up or too old")

    async def create(self, identity: Identity, request: rest.InviteCreate) -> rest.Invite:
        """A new invite; its code is told this once."""
        await limit(self._limiter, f"invites:{identity.user_id}", self._limits.rooms_per_hour, _HOUR_MS)
        return await self._database.write(self._create, identity, request)

    async def _create(self, tx: Tx, identity: Identity, request: rest.InviteCreate) -> rest.Invite:
        await check_admin(tx, identity)
        return await add_invite(tx, request, self._clock.now_ms(), identity.user_id)

    async def invites(self, identity: Identity) -> rest.Invites:
        """Those that still let somebody in."""
        return rest.Invites(await self._database.read(self._invites, identity))

    async def _invites(self, tx: Tx, identity: Identity) -> list[rest.Invite]:
        await check_admin(tx, identity)
        return await code_rows.invites(tx, now_ms=self._clock.now_ms())

    async def revoke(self, identity: Identity, invite_id: str) -> None:
        """Nobody comes in by it any more.

        Raises:
            UsersError: ``not_found``.
        """
        await self._database.write(self._revoke, identity, invite_id)

    async def _revoke(self, tx: Tx, identity: Identity, invite_id: str) -> None:
        await check_admin(tx, identity)
        if not is_id(invite_id) or not await code_rows.remove_invite(tx, invite_id):
            raise UsersError(Code.NOT_FOUND, "no such invite")


async def add_invite(tx: Tx, request: rest.InviteCreate, now_ms: int, created_by: str | None) -> rest.Invite:
    """A new one with its code; those that have ended go."""
    await code_rows.remove_ended_invites(tx, now_ms=now_ms)
    code = new_invite_code()
    invite = rest.Invite(new_id(), now_ms, now_ms + request.expires_in_s * 1_000, request.max_uses, 0, code)
    await code_rows.add_invite(tx, invite, code_hash=hash_invite(code), created_by=created_by)
    return invite
