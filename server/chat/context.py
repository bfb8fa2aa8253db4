"""The chat context, put together from what bootstrap hands in."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from common.limits import Limits
from server.chat.event import MESSAGE_SENT, RECEIPT, USER_TYPING
from server.chat.ports import AccountStream, Deliver, People
from server.chat.service.commit import CommitService
from server.chat.service.marks import MarkService
from server.chat.service.posts import PostService
from server.chat.service.reads import ReadService
from server.chat.service.rooms import RoomService
from server.kernel.bus import EventBus
from server.kernel.clock import Clock
from server.kernel.database import Database
from server.kernel.limiter import RateLimiter
from server.kernel.telemetry import SILENCE, Telemetry

_GROUP: Final = "chat"
_RECEIPTS_AT_ONCE: Final = 4_096


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatPorts:
    """What others implement for this context. ``kick`` tells the outbox relay of new events."""

    database: Database
    clock: Clock
    limiter: RateLimiter
    people: People
    accounts: AccountStream
    deliver: Deliver
    kick: Callable[[], None]
    telemetry: Telemetry = SILENCE


class ChatContext:
    """Its services; ``consume`` is for the processes that commit."""

    def __init__(self, *, ports: ChatPorts, limits: Limits) -> None:
        database, clock = ports.database, ports.clock
        self.reads = ReadService(database=database, people=ports.people)
        self.rooms = RoomService(
            database=database,
            clock=clock,
            people=ports.people,
            accounts=ports.accounts,
            reads=self.reads,
            limiter=ports.limiter,
            kick=ports.kick,
            limits=limits,
        )
        self._posts = PostService(database=database, clock=clock, kick=ports.kick)
        self._commit = CommitService(
            database=database, clock=clock, deliver=ports.deliver, telemetry=ports.telemetry
        )
        self._marks = MarkService(database=database, accounts=ports.accounts, deliver=ports.deliver)

    def consume(self, bus: EventBus) -> None:
        """Before the bus starts: commands, receipts and typing are handled here."""
        bus.subscribe(MESSAGE_SENT, _GROUP, self._commit.handle)
        bus.subscribe(RECEIPT, _GROUP, self._marks.handle_receipts, max_batch=_RECEIPTS_AT_ONCE)
        bus.subscribe(USER_TYPING, _GROUP, self._marks.handle_typing)

    @property
    def services(self) -> dict[str, object]:
        """By the names that handlers ask for."""
        return {"rooms": self.rooms, "reads": self.reads, "posts": self._posts}
