"""Drives sessions over sockets, one after the other: connect, keep alive, reconnect with back-off."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final, Protocol

from common.errors import Code, ParleyError
from common.protocol import requests
from common.protocol.codec import decode_push, frame_of
from common.protocol.pushes import Push
from common.protocol.requests import Request
from desktop.net.backoff import Backoff
from desktop.net.problems import KeyChangedError, NetError, SignedOutError, VersionError
from desktop.net.session import REQUEST_TIMEOUT_S, Answer, Ending, OnAnswer, Session, Stage
from desktop.net.tasks import TaskOwner
from desktop.words import QT_TRANSLATE_NOOP

log: Final = logging.getLogger(__name__)

TICK_S: Final = 0.5
STEP_S: Final = 0.004
"""Decoding gives the UI a turn after so long: a quarter of a frame."""
OUTGOING_MAX: Final = 4_096


class Phase(Enum):
    """How the link stands. The last four end it until ``try_now``."""

    CONNECTING = auto()
    ONLINE = auto()
    WAITING = auto()
    SIGNED_OUT = auto()
    KEY_CHANGED = auto()
    VERSION = auto()
    REPLACED = auto()


_STOPPED: Final = frozenset({Phase.SIGNED_OUT, Phase.KEY_CHANGED, Phase.VERSION, Phase.REPLACED})


@dataclass(frozen=True, slots=True)
class AccessToken:
    """``expires_at`` in monotonic seconds."""

    text: str
    expires_at: float


class Transport(Protocol):
    """One open socket."""

    async def send(self, frame: bytes) -> None:
        """Write a frame; waits while the peer does not read.

        Raises:
            UnreachableError: it is closed.
        """
        ...

    async def receive(self) -> bytes | None:
        """The next frame, or None when the socket is closed."""
        ...

    async def close(self) -> None:
        """Close and wait a moment."""
        ...

    @property
    def close_code(self) -> int:
        """Of the closed socket; 1006 when it broke."""
        ...

    @property
    def latency_ms(self) -> int | None:
        """Of the last ping."""
        ...


Connect = Callable[[], Awaitable[Transport]]
"""Opens a socket. Raises ``NetError``."""
Follow = Callable[[], Awaitable[None]]
"""The server says that it moved: from now on the new address is connected to. Raises ``NetError``."""
GetToken = Callable[[bool], Awaitable[AccessToken]]
"""An access token; with True a new one, because the last was refused. Raises ``NetError``."""


class Listener(Protocol):
    """Who is told: the account. Called on the loop, in order, and never awaits."""

    def on_pushes(self, batch: list[Push]) -> None:
        """Pushes in the order they came."""
        ...

    def on_phase(self, phase: Phase, reason: str) -> None:
        """The link changed; pending requests have failed before."""
        ...


class Link:
    """The connection of one account, kept up for as long as ``run`` runs."""

    def __init__(
        self,
        *,
        connect: Connect,
        token: GetToken,
        listener: Listener,
        follow: Follow | None = None,
        backoff: Backoff | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.phase = Phase.CONNECTING
        self.retry_at: float | None = None
        self.problem: NetError | None = None
        """Why it is not online, where something told it: the reason of ``on_phase`` with its parts."""
        self._connect = connect
        self._get_token = token
        self._listener = listener
        self._follow = follow
        self._backoff = backoff or Backoff()
        self._clock = clock
        self._wake = asyncio.Event()
        self._outgoing: deque[bytes] = deque()
        self._out_ready = asyncio.Event()
        self._session: Session | None = None
        self._transport: Transport | None = None
        self._tasks = TaskOwner("link")
        self._token_refused = False

    @property
    def latency_ms(self) -> int | None:
        """Of the last ping, while online."""
        return None if self._transport is None else self._transport.latency_ms

    def try_now(self) -> None:
        """The network is up, or somebody presses the button: don't wait; starts a stopped link again."""
        self._backoff.reset()
        self._wake.set()

    def post(
        self, make: Callable[[int], Request], on_answer: OnAnswer, *, timeout_s: float = REQUEST_TIMEOUT_S
    ) -> None:
        """Send a request; ``on_answer`` is called exactly once, in the order of the answers.

        Raises:
            ParleyError: ``unavailable``: not connected; nothing was sent.
        """
        if self._session is None or len(self._outgoing) >= OUTGOING_MAX:
            raise ParleyError(Code.UNAVAILABLE, "not connected")
        line = self._session.request(make, on_answer, now=self._clock(), timeout_s=timeout_s)
        self._outgoing.append(line)
        self._out_ready.set()

    async def request(self, make: Callable[[int], Request], *, timeout_s: float = REQUEST_TIMEOUT_S) -> Push:
        """Send a request and wait for its answer.

        Raises:
            ParleyError: refused, or ``timeout`` where the outcome is unknown (``NoAnswerError``).
        """
        future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()

        def answered(answer: Answer) -> None:
            if not future.done():
                future.set_result(answer)

        self.post(make, answered, timeout_s=timeout_s)
        answer = await future
        if isinstance(answer, ParleyError):
            raise answer
        return answer

    async def run(self) -> None:
        """Connect and reconnect until cancelled."""
        try:
            while True:
                self._wake.clear()
                await self._one_connection()
                await self._pause()
        finally:
            await self._tasks.close()

    async def _one_connection(self) -> None:
        """From connecting to the loss; sets phase and ``retry_at``."""
        self._enter(Phase.CONNECTING, "")
        retry_after_s: float | None = None
        try:
            token = await self._get_token(self._token_refused)
            self._transport = await self._connect()
            ending, retry_after_s = await self._serve(self._transport, token)
        except SignedOutError as problem:
            return self._enter(Phase.SIGNED_OUT, problem)
        except KeyChangedError as problem:
            return self._enter(Phase.KEY_CHANGED, problem)
        except VersionError as problem:
            return self._enter(Phase.VERSION, problem)
        except NetError as problem:
            if problem.code is Code.MOVED:
                return await self._elsewhere(problem)
            if problem.retry_after_ms is not None:
                retry_after_s = problem.retry_after_ms / 1000
            return self._wait(problem, retry_after_s)
        finally:
            self._transport = None
        if ending is Ending.MOVED:
            return await self._elsewhere(QT_TRANSLATE_NOOP("services", "The server has moved."))
        return self._ended(ending, retry_after_s)

    async def _elsewhere(self, why: NetError | str) -> None:
        """The next try goes to the new address: with back-off, or two that point at each other spin."""
        if self._follow is not None:
            try:
                await self._follow()
            except NetError as problem:
                why = problem
        self._wait(why, None)

    def _ended(self, ending: Ending, retry_after_s: float | None) -> None:
        match ending:
            case Ending.VERSION:
                self._enter(
                    Phase.VERSION,
                    QT_TRANSLATE_NOOP(
                        "services", "The server speaks another version of Parley. Update the older one."
                    ),
                )
            case Ending.REPLACED:
                self._enter(
                    Phase.REPLACED,
                    QT_TRANSLATE_NOOP("services", "This account was opened in another window."),
                )
            case Ending.TOKEN if not self._token_refused:
                # A refused token says nothing about the network: fetch another and come back at once.
                self._token_refused = True
                self._wake.set()
                self._wait("", None)
            case _:
                self._wait(
                    QT_TRANSLATE_NOOP("services", "The connection to the server was lost."), retry_after_s
                )

    def _wait(self, why: NetError | str, retry_after_s: float | None) -> None:
        self.retry_at = self._clock() + self._backoff.next_s(retry_after_s=retry_after_s)
        self._enter(Phase.WAITING, why)

    def _enter(self, phase: Phase, why: NetError | str) -> None:
        self.phase = phase
        self.problem = why if isinstance(why, NetError) else None
        if phase is not Phase.WAITING:
            self.retry_at = None
        self._listener.on_phase(phase, why if isinstance(why, str) else why.text)

    async def _pause(self) -> None:
        if self.phase in _STOPPED or self.retry_at is None:
            await self._wake.wait()
            self._token_refused = False
            return
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(max(0.0, self.retry_at - self._clock())):
                await self._wake.wait()

    async def _serve(self, transport: Transport, token: AccessToken) -> tuple[Ending, float | None]:
        session = Session(now=self._clock(), token=token.text, token_expires_at=token.expires_at)
        self._session = session
        self._outgoing.clear()
        self._out_ready.clear()
        helpers = [
            self._tasks.spawn(self._write(transport), name="write"),
            self._tasks.spawn(self._tick(session, transport), name="tick"),
        ]
        try:
            await transport.send(session.hello())
            while (frame := await transport.receive()) is not None:
                session.progress(self._clock())
                await self._take(session, frame)
        finally:
            self._session = None
            for helper in helpers:
                helper.cancel()
            ending = session.closed(transport.close_code)
            await transport.close()
        return ending, session.retry_after_s

    async def _take(self, session: Session, frame: bytes) -> None:
        """Decode in bounded steps, hand on what the account should see, pass over unreadable lines."""
        batch: list[Push] = []
        step_ends = time.perf_counter() + STEP_S
        for line in frame.split(b"\n"):
            push = decode_push(line) if line else None
            if push is not None:
                was_ready = session.stage is Stage.READY
                if session.receive(push):
                    batch.append(push)
                if session.stage is Stage.READY and not was_ready:
                    self._backoff.reset()
                    self._token_refused = False
                    self._enter(Phase.ONLINE, "")
            if time.perf_counter() > step_ends:
                self._hand_on(batch)
                batch = []
                await asyncio.sleep(0)
                step_ends = time.perf_counter() + STEP_S
        self._hand_on(batch)

    def _hand_on(self, batch: list[Push]) -> None:
        if batch:
            self._listener.on_pushes(batch)

    async def _write(self, transport: Transport) -> None:
        """What is waiting goes out together; nothing waits for a timer."""
        with contextlib.suppress(NetError):
            while True:
                await self._out_ready.wait()
                self._out_ready.clear()
                lines = list(self._outgoing)
                self._outgoing.clear()
                for frame in frame_of(lines):
                    await transport.send(frame)

    async def _tick(self, session: Session, transport: Transport) -> None:
        while True:
            await asyncio.sleep(TICK_S)
            now = self._clock()
            if session.expire(now):
                await transport.close()
                return
            if session.renew_due(now):
                session.renewing()
                self._tasks.spawn(self._renew(session), name="renew")

    async def _renew(self, session: Session) -> None:
        try:
            token = await self._get_token(True)
            await self.request(lambda id_: requests.SessionRenew(id=id_, token=token.text))
        except (NetError, ParleyError) as problem:
            # Due again soon; if it never succeeds the server closes with 4401 and the next hello decides.
            log.info("token not renewed: %s", problem)
            session.renewed(token="", expires_at=self._clock() + 65.0)
        else:
            session.renewed(token=token.text, expires_at=token.expires_at)
