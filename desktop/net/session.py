"""Sans-I/O state of one connection: hello, welcome, heads, ready, requests with ids and time-outs.

Nothing here waits or writes: bytes come out of methods, pushes go in, time is an argument. The driver is
``desktop.net.link``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

from common.errors import CloseCode, Code, ParleyError
from common.protocol import pushes, requests
from common.protocol.codec import encode
from common.protocol.pushes import Push
from common.protocol.requests import Request
from common.protocol.version import VERSIONS

REQUEST_TIMEOUT_S: Final = 10.0
HELLO_TIMEOUT_S: Final = 15.0
RENEW_BEFORE_S: Final = 60.0
IN_FLIGHT_MAX: Final = 200
"""Below the server's ``in_flight_per_connection``."""

Answer = Push | ParleyError
OnAnswer = Callable[[Answer], None]


class Stage(Enum):
    """How far a connection has come."""

    HELLO = auto()
    HEADS = auto()
    READY = auto()
    CLOSED = auto()


class Ending(Enum):
    """What the end of a connection means for the next one."""

    AGAIN = auto()
    TOKEN = auto()
    """The access token was not taken: get another, once."""
    VERSION = auto()
    REPLACED = auto()
    MOVED = auto()
    """The server is at another address."""


class NoAnswerError(ParleyError):
    """A request whose outcome is unknown: it timed out or the connection went."""

    def __init__(self, message: str) -> None:
        super().__init__(Code.TIMEOUT, message)


@dataclass(slots=True)
class _Pending:
    deadline: float
    on_answer: OnAnswer
    send_key: tuple[str, str] | None


class Session:
    """The client's half of one connection."""

    def __init__(self, *, now: float, token: str, token_expires_at: float) -> None:
        self.stage = Stage.HELLO
        self.user_id = ""
        self.retry_after_s: float | None = None
        self._next_id = 1
        self._pending: dict[int, _Pending] = {}
        self._sends: dict[tuple[str, str], int] = {}
        self._token = token
        self._token_expires_at = token_expires_at
        self._deadline = now + HELLO_TIMEOUT_S
        self._ending: Ending | None = None
        self._renewing = False

    @property
    def in_flight(self) -> int:
        """Requests without an answer."""
        return len(self._pending)

    def hello(self) -> bytes:
        """The first frame."""
        return encode(requests.Hello(id=0, versions=list(VERSIONS), token=self._token))

    def request(
        self,
        make: Callable[[int], Request],
        on_answer: OnAnswer,
        *,
        now: float,
        timeout_s: float = REQUEST_TIMEOUT_S,
    ) -> bytes:
        """The line of a request. ``on_answer`` is called exactly once, in the order answers come.

        Raises:
            ParleyError: ``unavailable``: not ready, or too many wait for an answer.
        """
        if self.stage is not Stage.READY or len(self._pending) >= IN_FLIGHT_MAX:
            raise ParleyError(Code.UNAVAILABLE, "not connected")
        request = make(self._next_id)
        self._next_id += 1
        key = None
        if isinstance(request, requests.MessageSend):
            key = (request.room_id, request.client_msg_id)
            self._sends[key] = request.id
        self._pending[request.id] = _Pending(now + timeout_s, on_answer, key)
        return encode(request)

    def receive(self, push: Push) -> bool:
        """Take a push: answers reach their callback. Whether the account should see it too."""
        match push:
            case pushes.Ok():
                self._answer(push.id, push)
                return False
            case pushes.Error():
                self._refused(push)
                return False
            case pushes.Welcome():
                self.user_id = push.user.id
                self.stage = Stage.HEADS
            case pushes.Ready():
                self.stage = Stage.READY
            case pushes.SyncEvents() | pushes.HistoryPage() | pushes.AccountEvents():
                self._answer(push.id, push)
            case pushes.MessageNew() if push.message.author_id == self.user_id:
                request_id = self._sends.get((push.room_id, push.message.client_msg_id))
                if request_id is not None:
                    self._answer(request_id, push)
            case pushes.ServerClosing():
                self.retry_after_s = push.retry_after_ms / 1000
            case _:
                pass
        return True

    def expire(self, now: float) -> bool:
        """Fail what waited too long. Whether the connection itself is given up."""
        late = [id_ for id_, pending in self._pending.items() if pending.deadline <= now]
        for id_ in late:
            self._answer(id_, NoAnswerError("the server did not answer in time"))
        return self.stage in {Stage.HELLO, Stage.HEADS} and self._deadline <= now

    def progress(self, now: float) -> None:
        """Bytes came before ``ready``: a thousand heads on a slow line are no time-out."""
        self._deadline = now + HELLO_TIMEOUT_S

    def renew_due(self, now: float) -> bool:
        """Whether the access token should be renewed on the open socket."""
        soon = self._token_expires_at - RENEW_BEFORE_S <= now
        return self.stage is Stage.READY and soon and not self._renewing

    def renewing(self) -> None:
        """A new token is being fetched: it is not due again meanwhile."""
        self._renewing = True

    def renewed(self, *, token: str, expires_at: float) -> None:
        """The server took another token, or the fetch failed and is due again by ``expires_at``."""
        self._token, self._token_expires_at, self._renewing = token, expires_at, False

    def closed(self, code: int) -> Ending:
        """The socket is gone: every open request learns that its outcome is unknown."""
        self.stage = Stage.CLOSED
        for id_ in list(self._pending):
            self._answer(id_, NoAnswerError("the connection was lost"))
        if self._ending is not None:
            return self._ending
        return {
            CloseCode.UNAUTHENTICATED: Ending.TOKEN,
            CloseCode.VERSION: Ending.VERSION,
            CloseCode.REPLACED: Ending.REPLACED,
            CloseCode.MOVED: Ending.MOVED,
        }.get(code, Ending.AGAIN)

    def _refused(self, error: pushes.Error) -> None:
        refusal = ParleyError(error.code, error.message, retry_after_ms=error.retry_after_ms)
        if error.id == 0 and self.stage is Stage.HELLO:
            if error.retry_after_ms is not None:
                self.retry_after_s = error.retry_after_ms / 1000
            if error.code in {Code.UNAUTHENTICATED, Code.TOKEN_EXPIRED}:
                self._ending = Ending.TOKEN
            elif error.code is Code.UNSUPPORTED:
                self._ending = Ending.VERSION
            return
        self._answer(error.id, refusal)

    def _answer(self, request_id: int, answer: Answer) -> None:
        pending = self._pending.pop(request_id, None)
        if pending is None:
            return
        if pending.send_key is not None:
            self._sends.pop(pending.send_key, None)
        pending.on_answer(answer)
