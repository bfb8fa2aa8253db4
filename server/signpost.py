"""What is left of a server whose data were promoted: it says where it is now, and takes nothing.

No row of the old data changes any more, so there are never two servers of one identity that take messages.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from typing import NoReturn

from litestar import Litestar
from litestar.enums import HttpMethod
from litestar.handlers import route

from common.errors import Code, ParleyError
from common.protocol.pushes import AccountEvent, RoomEvent
from common.protocol.rest import ServerInfo
from common.protocol.types import Head
from common.protocol.version import PRODUCT, VERSIONS
from server.gateway.gateway import Gateway, Place
from server.gateway.ports import Account
from server.http.app import MetricsPage, make_app
from server.infra.memory.presence import MemoryPresence
from server.kernel.allowance import Allowances
from server.kernel.clock import Clock
from server.kernel.identity import Identity
from server.kernel.readiness import Report
from server.settings import Settings


class _Gone:
    """The ports of a gateway that lets nobody in: nobody is there, no room has anything."""

    def __init__(self, moved_to: str) -> None:
        self._moved_to = moved_to

    def refuse(self) -> NoReturn:
        """Raises ``moved``."""
        raise ParleyError(Code.MOVED, f"this server is at {self._moved_to} now")

    async def authenticate(self, token: str) -> Identity:
        """Refused, whoever it is."""
        del token
        self.refuse()

    async def account(self, user_id: str) -> Account:
        """Refused, whoever it is."""
        del user_id
        self.refuse()

    async def account_seqs(self, user_ids: Sequence[str]) -> Mapping[str, int]:
        del user_ids
        return {}

    async def account_events(self, user_id: str, *, after_seq: int) -> Sequence[AccountEvent]:
        del user_id, after_seq
        return ()

    async def signed_out(self) -> Collection[str]:
        return ()

    async def room_ids(self, user_id: str) -> Sequence[str]:
        del user_id
        return ()

    async def heads(self, user_id: str) -> Sequence[Head]:
        del user_id
        return ()

    async def head_seqs(self, room_ids: Sequence[str]) -> Mapping[str, int]:
        del room_ids
        return {}

    async def room_events(self, room_id: str, *, after_seq: int, before_seq: int) -> Sequence[RoomEvent]:
        del room_id, after_seq, before_seq
        return ()


class Signpost:
    """A gateway and an application that refuse with ``moved``; ``GET /api/v1/server`` says where to go."""

    def __init__(self, moved_to: str, server_id: str, settings: Settings, clock: Clock) -> None:
        self._gone = _Gone(moved_to)
        self._info = ServerInfo(
            PRODUCT, server_id, settings.name, list(VERSIONS), settings.registration, moved_to=moved_to
        )
        self._allowances = Allowances(settings.limits, clock)
        self.gateway = Gateway(
            authenticator=self._gone,
            accounts=self._gone,
            rooms=self._gone,
            handlers={},
            presence=MemoryPresence(),
            clock=clock,
            allowances=self._allowances,
            place=Place(server_id=server_id),
        )

    def app(self, metrics: MetricsPage, ready: Callable[[], Awaitable[Report]]) -> Litestar:
        """REST, of which one call answers."""
        return make_app(
            authenticator=self._gone,
            allowances=self._allowances,
            info=self._told,
            metrics=metrics,
            ready=ready,
            routes=(_elsewhere(self._gone),),
            services={},
        )

    async def _told(self) -> ServerInfo:
        return self._info


def _elsewhere(gone: _Gone) -> route:
    methods: Sequence[HttpMethod] = [
        HttpMethod.GET,
        HttpMethod.POST,
        HttpMethod.PUT,
        HttpMethod.PATCH,
        HttpMethod.DELETE,
    ]

    @route("/{path:path}", http_method=methods, include_in_schema=False)
    async def elsewhere() -> None:
        """Any other call."""
        gone.refuse()

    return elsewhere
