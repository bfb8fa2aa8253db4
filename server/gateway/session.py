"""One WebSocket session: hello, requests one after another, the way back."""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import structlog

from common.errors import CloseCode, Code, ParleyError
from common.protocol.codec import FrameError, decode_requests, encode, frame_of
from common.protocol.pushes import Error, Heads, MessageNew, Ok, Push, Ready, RoomEvent, Welcome
from common.protocol.requests import Hello, MessageSend, Receipt, Request, SessionRenew, Typing
from common.protocol.types import Head
from common.protocol.version import VERSION, negotiate
from server.gateway.connection import Connection, text_frame
from server.kernel.allowance import Allowance
from server.kernel.delivery import Origin
from server.kernel.identity import Identity
from server.kernel.session import PUBLISH_ONLY, Later, SessionContext
from server.kernel.telemetry import Stage

if TYPE_CHECKING:
    from server.gateway.gateway import Gateway

log: Final = structlog.get_logger(__name__)

_IDS: Final = ("room_id", "client_msg_id")
_LEFT_MAX: Final = 256
"""Requests that wait for the bus together."""
_UNANSWERED_MAX: Final = 1_024
_COME_BACK: Final = (Code.UNAVAILABLE, Code.STORAGE_FULL, Code.TIMEOUT, Code.LIMIT_REACHED, Code.INTERNAL)
_CLOSES: Final = {Code.MOVED: CloseCode.MOVED, **dict.fromkeys(_COME_BACK, CloseCode.RESTART)}
"""Of a refused hello. 4401 would have the client sign in anew, where all it has to do is come back."""


@dataclass(frozen=True, slots=True)
class Entrance:
    """What a session is shown first: its heads, by the hundred, and events that its heads lack."""

    heads: list[list[Head]]
    missed: list[RoomEvent]


class Session:
    """Requests wait in ``_inbox``; while there are any, one task works on them in order.

    What the bus has to confirm is waited for together: what a sender writes in one moment goes to it, and
    through the commit, as one batch.
    """

    __slots__ = (
        "_allowance",
        "_connection",
        "_context",
        "_ended",
        "_gateway",
        "_held",
        "_held_bytes",
        "_inbox",
        "_paused",
        "_unanswered",
        "_working",
        "account_seq",
        "asked_at",
        "identity",
        "number",
        "rooms",
    )

    def __init__(self, gateway: Gateway, connection: Connection, number: int) -> None:
        self.number = number
        self.identity: Identity | None = None
        self.rooms: dict[str, int] = {}
        """What the hub subscribed it to, and up to which ``seq`` it knows that its user is a member."""
        self.account_seq = -1
        """Up to where ``welcome`` tells the account stream; -1 before."""
        self.asked_at: float | None = None
        """When a ping went out that was not answered yet, as far as was seen."""
        self._gateway = gateway
        self._connection = connection
        self._context: SessionContext | None = None
        self._inbox: deque[tuple[Request | Error, float]] = deque()
        self._working = False
        self._paused = False
        self._allowance: Allowance | None = None
        self._ended = False
        self._unanswered: set[str | int] = set()
        """Commands on their way through the bus."""
        self._held: list[bytes] | None = []
        self._held_bytes = 0

    # The way out.

    def write(self, frame: bytes) -> None:
        """A live frame made by ``text_frame``; held back until the session is ``ready``."""
        if self._held is None:
            self._connection.write(frame)
            return
        self._held.append(frame)
        self._held_bytes += len(frame)
        if 0 < self._gateway.limits.send_queue_bytes < self._held_bytes:
            self._held.clear()
            self.close(CloseCode.SLOW_CONSUMER, "slow_consumer")

    def push(self, *pushes: Push) -> None:
        """Pushes for this session alone."""
        for payload in frame_of(map(encode, pushes)):
            self._connection.write(text_frame(payload))

    @property
    def busy(self) -> bool:
        """A request is being worked on, waits to be, or for its answer."""
        return self._working or bool(self._unanswered)

    def answered(self, *keys: str | int | None) -> None:
        """The commands with these as ``client_msg_id`` or ``id`` have their answers."""
        self._unanswered.difference_update(keys)

    def hold(self) -> None:
        """Take no further request."""
        self._paused = False
        self._connection.pause()

    def close(self, code: int, reason: str) -> None:
        """End it; what waits in the inbox is not done any more."""
        self._inbox.clear()
        self._connection.close(code, reason)

    def check_alive(self, now: float) -> None:
        """The heartbeat: ping, unless the last one is still to be answered. ``now`` is monotonic seconds."""
        if self._connection.alive:
            self._connection.alive = False
            self.asked_at = now
            self._connection.ping()

    def give_up(self, asked_before: float) -> None:
        """Close where nothing came since a ping of then or before."""
        if self.asked_at is None or self.asked_at > asked_before:
            return
        self.asked_at = None
        if not self._connection.alive:
            self._connection.close(CloseCode.POLICY, "no answer to a ping", linger_s=0.0)

    # Receiver

    def received(self, payload: bytes) -> None:
        """Decode a frame and have its requests worked on."""
        try:
            found = decode_requests(payload)
        except FrameError as problem:
            self._connection.close(problem.close_code, problem.message)
            return
        at = self._gateway.telemetry.begin()
        for request in found:
            self._inbox.append((request, at))
        if not self._working and self._inbox:
            self._working = True
            self._gateway.tasks.spawn(self._work(), name="session")
        if not self._paused and len(self._inbox) > self._gateway.limits.in_flight_per_connection:
            self._paused = True
            self._connection.pause()

    def lost(self) -> None:
        """The connection is gone."""
        self._ended = True
        self._inbox.clear()
        self._gateway.ended(self)

    # inside

    async def _work(self) -> None:
        inbox = self._inbox
        left: list[tuple[Request, Later]] = []
        try:
            while inbox or left:
                if inbox and len(left) < _LEFT_MAX:
                    if (half := await self._handle(*inbox.popleft())) is not None:
                        left.append(half)
                    continue
                for request, later in left:
                    await self._tried(request, later.answer())
                left.clear()
        finally:
            self._working = False
            if self._paused:
                self._paused = False
                self._connection.resume()

    async def _handle(self, request: Request | Error, at: float) -> tuple[Request, Later] | None:
        if isinstance(request, Error):
            # A line that says nothing costs as much to read as one that does.
            wait_ms = self._wait_ms(request)
            self.push(_error(request, _too_many(wait_ms)) if wait_ms else request)
            return None
        key = _awaited(request)
        if key is not None:
            if len(self._unanswered) >= _UNANSWERED_MAX:
                # The answers of those were lost: the client asks again.
                self._unanswered.clear()
            self._unanswered.add(key)
        later = await self._tried(request, self._answer(request, at))
        return None if later is None else (request, later)

    async def _tried(self, request: Request, work: Awaitable[Push | Later | None]) -> Later | None:
        """Push the answer, or why there is none; what is left for later is the caller's."""
        try:
            answer = await work
        except Exception as problem:  # noqa: BLE001 - whatever it is, it is answered
            self.answered(_awaited(request))
            self._refuse(request, problem)
            return None
        if isinstance(answer, Later):
            return answer
        if answer is not None:
            self.answered(_awaited(request))
            self.push(answer)
        return None

    def _refuse(self, request: Request, problem: Exception) -> None:
        refusal = problem
        if not isinstance(refusal, ParleyError):
            log.error("request_failed", **_named(request), session=self.number, exc_info=problem)
            refusal = ParleyError(Code.INTERNAL, "the server could not do this")
        self.push(_error(request, refusal))
        if self._context is None:
            self.close(_CLOSES.get(refusal.code, CloseCode.UNAUTHENTICATED), refusal.code)

    async def _answer(self, request: Request, at: float) -> Push | Later | None:
        if isinstance(request, Hello):
            await self._hello(request)
            return None
        context = self._context
        if context is None:
            raise ParleyError(Code.UNAUTHENTICATED, "the first frame has to be hello")
        wait_ms = self._wait_ms(request)
        if wait_ms:
            raise _too_many(wait_ms)
        if isinstance(request, SessionRenew):
            return await self._renew(request, context)
        if at and isinstance(request, MessageSend):
            return await self._send(context, request, at)
        if isinstance(request, Typing) and not self._may_tell(request):
            # Silently: it is no use to say it again.
            return Ok(request.id)
        return await self._gateway.handlers[type(request)](context, request)

    async def _send(self, context: SessionContext, request: MessageSend, at: float) -> Push | Later | None:
        """As any other, measured from when its frame was read."""
        self._gateway.telemetry.received(request.client_msg_id, at)
        answer = await self._gateway.handlers[MessageSend](context, request)
        if not isinstance(answer, Later):
            self._published(request, at)
            return answer
        held = answer.answer

        async def measured() -> Push | None:
            found = await held()
            self._published(request, at)
            return found

        return Later(measured)

    def _published(self, request: MessageSend, at: float) -> None:
        telemetry = self._gateway.telemetry
        _, trace = telemetry.handed_on(request.client_msg_id)
        telemetry.stage(Stage.PUBLISH, at, traces=(trace,) if trace else ())
        if telemetry.detailed:
            log.debug("message_published", **_named(request), session=self.number)

    def _gone(self) -> bool:
        return self._ended

    def _wait_ms(self, request: Request | Error) -> int:
        allowance = self._allowance
        if allowance is None:
            return 0
        bucket = allowance.messages if isinstance(request, MessageSend) else allowance.requests
        return bucket.take(self._gateway.clock.monotonic())

    def _may_tell(self, request: Typing) -> bool:
        allowance = self._allowance
        return allowance is None or allowance.typing(request.room_id, self._gateway.clock.monotonic())

    async def _hello(self, request: Hello) -> None:
        if self._context is not None:
            raise ParleyError(Code.CONFLICT, "hello was said already")
        version = negotiate(request.versions)
        if version is None:
            self.push(_error(request, ParleyError(Code.UNSUPPORTED, f"this server speaks version {VERSION}")))
            self.close(CloseCode.VERSION, "no common version")
            return
        gateway = self._gateway
        identity = await gateway.authenticator.authenticate(request.token)
        if self._gone():
            return
        # No await since: a revocation that comes from now on finds the session among the user's.
        self._allowance = gateway.admit(self, identity)
        self._trust(identity)
        try:
            await self._welcome(request, version, identity)
        except BaseException:
            self._context = None
            raise
        finally:
            if self._gone():
                # The connection went while this was on its way: what was subscribed since is undone.
                gateway.ended(self)

    async def _welcome(self, request: Hello, version: int, identity: Identity) -> None:
        gateway = self._gateway
        await gateway.route(identity)
        await gateway.hub.expect(identity.user_id)
        account = await gateway.accounts.account(identity.user_id)
        self.push(
            Welcome(
                request.id,
                gateway.server_id,
                version,
                account.user,
                identity.device_id,
                gateway.limits,
                gateway.history_epoch,
                account.account_seq,
                gateway.clock.now_ms(),
            )
        )
        entrance = await gateway.hub.enter(self, identity.user_id, account.account_seq)
        for chunk in entrance.heads:
            # All of somebody's heads may be more than one connection may have waiting.
            await self._connection.drained()
            self.push(Heads(chunk))
        await self._connection.drained()
        # In one go: nothing live may come between the heads and ready, which is held until here.
        self.push(Ready(), *entrance.missed)
        held, self._held = self._held or (), None
        for frame in held:
            self._connection.write(frame)

    async def _renew(self, request: SessionRenew, context: SessionContext) -> Ok:
        identity = await self._gateway.authenticator.authenticate(request.token)
        known = context.identity
        if (identity.user_id, identity.device_id) != (known.user_id, known.device_id):
            raise ParleyError(Code.FORBIDDEN, "the token is of another device")
        self._trust(identity)
        return Ok(request.id)

    def _trust(self, identity: Identity) -> None:
        self.identity = identity
        self._context = SessionContext(identity=identity, origin=Origin(self._gateway.ordinal, self.number))


def _named(request: Request) -> dict[str, object]:
    """What may be logged of a request: never what somebody wrote."""
    named: dict[str, object] = {"request": type(request).__name__, "request_id": request.id}
    for name in _IDS:
        if (value := getattr(request, name, None)) is not None:
            named[name] = value
    return named


def _awaited(request: Request) -> str | int | None:
    """What tells the answer to a command that goes through the bus; None for all others."""
    if type(request) not in PUBLISH_ONLY or isinstance(request, Receipt | Typing):
        return None
    # A send is answered by the message itself, which goes to all.
    return request.client_msg_id if isinstance(request, MessageSend) else request.id


def keys_of(push: Push) -> tuple[str | int | None, ...]:
    """Of the command that it answers; see ``Session.answered``."""
    match push:
        case MessageNew():
            return (push.message.client_msg_id,)
        case Error():
            return (push.id, push.client_msg_id)
        case Ok():
            return (push.id,)
        case _:
            return ()


def _too_many(wait_ms: int) -> ParleyError:
    return ParleyError(Code.RATE_LIMITED, "too many requests", retry_after_ms=wait_ms)


def _error(request: Request | Error, why: ParleyError) -> Error:
    key = getattr(request, "client_msg_id", None)
    return Error(request.id, why.code, why.message, key, why.retry_after_ms)
