"""What joins contexts, gateway and http, which know nothing of each other: a part of the composition."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from litestar.types import ControllerRouterHandler

from common.errors import Code, ParleyError
from common.protocol.pushes import AccountEvent
from common.protocol.rest import Register, ServerInfo
from common.protocol.version import PRODUCT, VERSIONS
from server.chat import controller as chat_controller
from server.gateway.gateway import Gateway
from server.gateway.ports import Account
from server.users import controller as users_controller
from server.users.admission import AdmissionService
from server.users.event import SessionsRevoked
from server.users.service import UsersService


class AccountsOfUsers:
    """The gateway's port on the users context."""

    def __init__(self, users: UsersService) -> None:
        self._users = users

    async def account(self, user_id: str) -> Account:
        """One look at a user."""
        record = await self._users.account(user_id)
        return Account(user=record.user, account_seq=record.account_seq)

    async def account_seqs(self, user_ids: Sequence[str]) -> Mapping[str, int]:
        """Heads of account streams."""
        return await self._users.account_seqs(user_ids)

    async def account_events(self, user_id: str, *, after_seq: int) -> Sequence[AccountEvent]:
        """Part of an account stream."""
        return await self._users.events_after(user_id, after_seq)

    async def signed_out(self) -> Collection[str]:
        """Devices whose sockets are to be closed."""
        devices: Collection[str] = await self._users.signed_out()
        return devices


def revoker(users: UsersService, gateway: Gateway) -> Any:  # noqa: ANN401 - a bus handler
    """Handles ``SESSION_REVOKED``: tokens are refused from then on, sockets closed."""

    async def revoke(events: Any) -> None:  # noqa: ANN401 - payloads of SESSION_REVOKED
        batch: list[SessionsRevoked] = list(events)
        await users.note_revoked(batch)
        for event in batch:
            gateway.revoke(event.user_id, event.device_ids)

    return revoke


async def info(server_id: str, admission: AdmissionService) -> ServerInfo:
    """What ``GET /api/v1/server`` answers."""
    policy = await admission.policy()
    return ServerInfo(PRODUCT, server_id, policy.name, list(VERSIONS), policy.registration)


def routes() -> tuple[ControllerRouterHandler, ...]:
    """All that is under ``/api/v1``."""
    return (*users_controller.routes(), *chat_controller.routes())


async def make_first(users: UsersService, first: Register) -> None:
    """The account that is to be the admin's; again is fine."""
    try:
        await users.register_locally(first)
    except ParleyError as problem:
        # Made by a start that ended before it was told: signing in shows whether it is theirs.
        if problem.code is not Code.NAME_TAKEN:
            raise
