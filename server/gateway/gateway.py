"""The gateway: accepts connections, keeps their sessions alive, closes them when told."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import random
import secrets
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, Final

import structlog

from common.errors import CloseCode, Code, ParleyError
from common.protocol.pushes import ServerClosing
from server.gateway.connection import Connection
from server.gateway.hub import Hub
from server.gateway.ports import Accounts, Rooms
from server.gateway.session import Session
from server.gateway.telling import tell
from server.kernel.allowance import Allowance, Allowances
from server.kernel.clock import Clock
from server.kernel.delivery import Delivery
from server.kernel.identity import Authenticator, Identity
from server.kernel.presence import Presence
from server.kernel.session import RequestHandlers
from server.kernel.tasks import TaskOwner
from server.kernel.telemetry import SILENCE, Telemetry

log: Final = structlog.get_logger(__name__)

_WHEEL: Final = 20
"""The heartbeat looks at a twentieth of the sessions at a time."""
_RETRY_AFTER_MS: Final = 1_000
_RETRY_SPREAD_MS: Final = 3_000
_RETRY_SPREAD_MAX_MS: Final = 30_000
"""A session more is a millisecond more: others take a thousand of them a second."""
_LOOK_S: Final = 0.02
_COMPARE_S: Final = 60.0
_COMPARE_UNSURE_S: Final = 4.0
_NUMBER_BITS: Final = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Which gateway of which server this is, and who counts; ``ordinal`` is from 0."""

    server_id: str
    ordinal: int = 0
    telemetry: Telemetry = SILENCE


class Gateway:
    """Holds no state that a crash could lose."""

    def __init__(
        self,
        *,
        authenticator: Authenticator,
        accounts: Accounts,
        rooms: Rooms,
        handlers: RequestHandlers,
        presence: Presence,
        clock: Clock,
        allowances: Allowances,
        place: Place,
    ) -> None:
        self.authenticator = authenticator
        self.accounts = accounts
        self.handlers = handlers
        self.clock = clock
        self.limits = allowances.limits
        self.telemetry = place.telemetry
        self.server_id = place.server_id
        self.history_epoch = ""
        self.ordinal = place.ordinal
        self.tasks = TaskOwner("gateway")
        self.hub = Hub(rooms=rooms, accounts=accounts, presence=presence, ordinal=self.ordinal)
        self._compare_now = asyncio.Event()
        self._draining = False
        self._presence = presence
        # Not from 1: an answer that was on its way to this gateway before a restart is nobody's now.
        self._numbers = itertools.count(secrets.randbits(_NUMBER_BITS))
        self._open: set[Session] = set()
        self._allowances = allowances

    def __len__(self) -> int:
        """Open connections, signed in or not."""
        return len(self._open)

    async def start(self, history_epoch: str) -> None:
        """Begin the heartbeat; ``history_epoch`` is what ``welcome`` says."""
        self.history_epoch = history_epoch
        self.tasks.keep(self._heartbeat, name="heartbeat")
        self.tasks.keep(self._compare, name="compare")

    async def stop(self, *, patience_s: float = 0.0) -> None:
        """Say so, take no more requests, wait for answers that are under way, close all."""
        self._draining = True
        self._announce()
        for session in tuple(self._open):
            session.hold()
        await self._until_answered(patience_s)
        for session in tuple(self._open):
            session.close(CloseCode.RESTART, "the server is closing")
        await self.tasks.close()

    def adopt(self, history_epoch: str) -> None:
        """The data are others now: a backup was put back. All come anew, and drop what they keep of before.

        Nothing is left here of how far rooms were: events that come now have numbers that were given before.
        """
        self.history_epoch = history_epoch
        self._announce()
        for session in tuple(self._open):
            session.close(CloseCode.RESTART, "the data were restored")
            self.ended(session)

    def _announce(self) -> None:
        """Everybody has to go; not all at once to where they go next."""
        spread_ms = min(_RETRY_SPREAD_MS + len(self._open), _RETRY_SPREAD_MAX_MS)
        for session in tuple(self._open):
            session.push(ServerClosing(random.randint(_RETRY_AFTER_MS, spread_ms)))  # noqa: S311 - jitter

    async def _until_answered(self, patience_s: float) -> None:
        for _ in range(round(patience_s / _LOOK_S)):
            if not any(session.busy for session in self._open):
                return
            await asyncio.sleep(_LOOK_S)

    def compare_soon(self) -> None:
        """Deliveries may have gone past this gateway."""
        self._compare_now.set()

    async def _compare(self) -> None:
        """With the database: once a minute, and often while others may not know this gateway's routes."""
        again, compared_at = False, self.clock.monotonic()
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_COMPARE_UNSURE_S):
                    await self._compare_now.wait()
            told, unsure = self._compare_now.is_set(), not self._presence.reliable
            self._compare_now.clear()
            if not (told or unsure or again or self.clock.monotonic() - compared_at >= _COMPARE_S):
                continue
            # Once more after it: what went past in the last moment.
            again, compared_at = unsure, self.clock.monotonic()
            try:
                await self.hub.compare()
                self._close_signed_out(await self.accounts.signed_out())
            except ParleyError as problem:
                again = True
                log.warning("not_compared", reason=problem.message)

    def _close_signed_out(self, devices: Collection[str]) -> None:
        for session in self.hub.sessions:
            if session.identity is not None and session.identity.device_id in devices:
                session.close(CloseCode.UNAUTHENTICATED, "signed out")

    def connection(self, *, server_state: Any, **_: Any) -> Connection:  # noqa: ANN401 - uvicorn's call, by keyword
        """What uvicorn calls for an upgrade."""
        return Connection(
            accept=self._accept,
            connections=server_state.connections,
            send_limit=self.limits.send_queue_bytes,
        )

    def _accept(self, connection: Connection) -> Session:
        session = Session(self, connection, next(self._numbers))
        self._open.add(session)
        if self._draining:
            session.close(CloseCode.RESTART, "the server is closing")
        elif self.limits.connections and len(self._open) > self.limits.connections:
            session.close(CloseCode.RESTART, "too many connections")
        timeout_s = self.limits.hello_timeout_ms / 1_000
        asyncio.get_running_loop().call_later(timeout_s, self._must_be_known, session)
        return session

    def _must_be_known(self, session: Session) -> None:
        if session.identity is None:
            session.close(CloseCode.UNAUTHENTICATED, "no hello in time")

    def admit(self, session: Session, identity: Identity) -> Allowance:
        """A session signed in: an older one of its device is closed. What its user may send.

        Raises:
            ParleyError: ``limit_reached``: too many connections of this user.
        """
        others = 0
        for other in self.hub.sessions_of(identity.user_id):
            if other.identity is not None and other.identity.device_id == identity.device_id:
                other.close(CloseCode.REPLACED, "replaced")
            else:
                others += 1
        if 0 < self.limits.connections_per_user <= others:
            raise ParleyError(Code.LIMIT_REACHED, "too many connections of this account")
        self.hub.add(session, identity.user_id)
        return self._allowances.of(identity.user_id)

    async def route(self, identity: Identity) -> None:
        """Make it known that the device is connected here."""
        await self._presence.add_session(identity.user_id, identity.device_id, self.ordinal)

    def ended(self, session: Session) -> None:
        """A connection is gone."""
        self._open.discard(session)
        if session.identity is not None:
            self.tasks.spawn(self._forget(session, session.identity), name="forget")

    async def _forget(self, session: Session, identity: Identity) -> None:
        await self.hub.leave(session, identity.user_id)
        device_id = identity.device_id
        still = any(
            other.identity is not None and other.identity.device_id == device_id
            for other in self.hub.sessions_of(identity.user_id)
        )
        if not still:
            await self._presence.remove_session(identity.user_id, device_id, self.ordinal)

    async def deliver(self, deliveries: Sequence[Delivery]) -> None:
        """Consumes this gateway's partition of ``chat.message_delivered``."""
        await self.hub.deliver(deliveries)
        tell(self.telemetry, deliveries)

    def revoke(self, user_id: str, device_ids: Sequence[str]) -> None:
        """Close the sockets of devices that were signed out."""
        for session in self.hub.sessions_of(user_id):
            if session.identity is not None and session.identity.device_id in device_ids:
                session.close(CloseCode.UNAUTHENTICATED, "signed out")

    async def _heartbeat(self) -> None:
        pause_s = self.limits.ping_interval_ms / 1_000 / _WHEEL
        # An answer is looked for as often, so a wait of just as many pauses is in time.
        patience_s = self.limits.ping_timeout_ms / 1_000 - pause_s / 2
        for spoke in itertools.cycle(range(_WHEEL)):
            await asyncio.sleep(pause_s)
            self._allowances.forget(self.hub.sessions_of)
            now_ms, now = self.clock.now_ms(), self.clock.monotonic()
            for session in tuple(self._open):
                session.give_up(now - patience_s)
                if session.number % _WHEEL != spoke:
                    continue
                session.check_alive(now)
                identity = session.identity
                if identity and identity.expires_at_s * 1_000 + self.limits.token_grace_ms < now_ms:
                    session.close(CloseCode.UNAUTHENTICATED, "the token has expired")
