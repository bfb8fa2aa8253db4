"""An account's core over a real cache file and a server that answers when the test says so."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Final, cast

from common.errors import Code, ParleyError
from common.ids import new_id
from common.protocol import pushes, requests
from common.protocol.pushes import HistoryPage, Push, RoomEvent
from common.protocol.requests import Request
from common.protocol.types import Head, HistoryAccess, Member, Message, Role, RoomKind, User, Visibility
from desktop.net.link import Link, Phase
from desktop.net.session import Answer, NoAnswerError, OnAnswer
from desktop.net.tasks import TaskOwner
from desktop.services.core import Core
from desktop.services.people import People
from desktop.services.state import MessageItem
from desktop.services.timeline import TimelineService
from desktop.storage.cache import Applied
from desktop.storage.fold import fold
from desktop.storage.worker import Connection, Job, Worker
from tests.support.wait import until

ME: Final = new_id()
BOB: Final = new_id()
ROOM: Final = new_id()
_PAGE: Final = 50


def head(room_id: str = ROOM, **changes: Any) -> Head:
    """Of a group in which everything is read."""
    values: dict[str, Any] = {
        "room_id": room_id,
        "kind": RoomKind.GROUP,
        "title": "Harbour",
        "topic": "",
        "visibility": Visibility.PRIVATE,
        "history": HistoryAccess.ALL,
        "role": Role.MEMBER,
        "member_count": 2,
        "seq": 0,
        "msg_no": 0,
        "delivered": 0,
        "read": 0,
        "unread": 0,
        "mentions": 0,
        "visible_from_seq": 1,
        "min_delivered": 0,
        "min_read": 0,
        "created_at_ms": 1,
    }
    return Head(**{**values, **changes})


class Stream:
    """The server's side of one room: its events, and its messages as they are now."""

    def __init__(self, room_id: str = ROOM) -> None:
        self.room_id = room_id
        self.events: list[RoomEvent] = []
        self.messages: dict[int, Message] = {}

    @property
    def seq(self) -> int:
        """Of the last event."""
        return len(self.events)

    def say(self, *, author: str = BOB, key: str = "", body: str = "") -> pushes.MessageNew:
        """A message."""
        seq = self.seq + 1
        message = Message(
            self.room_id,
            seq,
            len(self.messages) + 1,
            seq,
            author,
            key or new_id(),
            body or f"text {seq}",
            seq,
        )
        self.messages[seq] = message
        event = pushes.MessageNew(self.room_id, seq, message)
        self.events.append(event)
        return event

    def edit(self, target: int, body: str) -> pushes.MessageEdited:
        """A change of a message."""
        event = pushes.MessageEdited(self.room_id, self.seq + 1, target, body, self.seq + 1)
        self.messages[target] = fold(self.messages[target], event)
        self.events.append(event)
        return event

    def answer(self, request: Request) -> Push:
        """What a server says to a request for history or events."""
        if isinstance(request, requests.History):
            return self._page(request)
        assert isinstance(request, requests.Sync), request
        events = self.events[request.after_seq :]
        return pushes.SyncEvents(request.id, self.room_id, self.seq, events)

    def _page(self, request: requests.History) -> HistoryPage:
        limit = request.limit or _PAGE
        low, high = 1, self.seq
        if request.before is not None:
            high = request.before - 1
            low = max(1, high - limit + 1)
        elif request.after is not None:
            low = request.after + 1
            high = min(self.seq, low + limit - 1)
        elif request.around is not None:
            low, high = max(1, request.around - limit // 2), min(self.seq, request.around + limit // 2)
        else:
            low = max(1, high - limit + 1)
        found = [one for one in self.messages.values() if low <= one.seq <= high]
        return HistoryPage(request.id, self.room_id, found, low, high, low == 1, high == self.seq)


@dataclass
class Asked:
    """A request on its way."""

    request: Request
    on_answer: OnAnswer


class Line:
    """In the place of a link: keeps what is asked until the test answers."""

    def __init__(self) -> None:
        self.phase = Phase.ONLINE
        self.waiting: list[Asked] = []
        self.seen: list[Request] = []
        self.full = False
        """Nothing can be posted, though one is online."""
        self.refused = 0
        """How often it was tried all the same."""
        self._next_id = 1

    def post(self, make: Callable[[int], Request], on_answer: OnAnswer, *, timeout_s: float = 0.0) -> None:
        del timeout_s
        if self.phase is not Phase.ONLINE or self.full:
            self.refused += 1
            raise ParleyError(Code.UNAVAILABLE, "not connected")
        asked = Asked(make(self._next_id), on_answer)
        self._next_id += 1
        self.waiting.append(asked)
        self.seen.append(asked.request)

    async def request(self, make: Callable[[int], Request], *, timeout_s: float = 0.0) -> Push:
        future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self.post(make, future.set_result, timeout_s=timeout_s)
        answer = await future
        if isinstance(answer, ParleyError):
            raise answer
        return answer

    def take(self, kind: type[Request]) -> Asked:
        """The oldest waiting request of a kind, which is the test's to answer."""
        found = next(asked for asked in self.waiting if isinstance(asked.request, kind))
        self.waiting.remove(found)
        return found

    def asks(self, kind: type[Request]) -> bool:
        """Whether one waits."""
        return any(isinstance(asked.request, kind) for asked in self.waiting)

    def count(self, kind: type[Request]) -> int:
        """How many were ever posted."""
        return sum(isinstance(request, kind) for request in self.seen)


class Disk(Worker):
    """A cache file whose disk can be full, and whose results can be held back."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.full = False
        """Whatever is written meets a full disk."""
        self.unreadable = False
        """Whatever is only read can't be."""
        self.held: list[tuple[Callable[..., None], tuple[object, ...]]] = []
        self._holding = False
        self._lock = threading.Lock()

    def hold(self) -> None:
        """Results gather from now on: the loop is busy with something else."""
        self._holding = True

    def release(self) -> None:
        """All of them come in one turn of the loop, in the order in which the jobs ran."""
        with self._lock:
            self._holding = False
            held, self.held = self.held, []
        for call, args in held:
            call(*args)

    def _post(self, call: Callable[..., None], *args: object) -> None:
        with self._lock:
            if self._holding:
                self.held.append((call, args))
                return
        super()._post(call, *args)

    def submit(
        self,
        job: Job[Any],
        done: Callable[[Any], None],
        failed: Callable[[Exception], None] | None = None,
        *,
        urgent: bool = False,
        write: bool = False,
        durable: bool = False,
    ) -> None:
        if write or durable:
            job = partial(_fails, sqlite3.SQLITE_FULL) if self.full else job
        elif self.unreadable:
            job = partial(_fails, sqlite3.SQLITE_IOERR)
        super().submit(job, done, failed, urgent=urgent, write=write, durable=durable)


def _fails(code: int, _: Connection) -> None:
    problem = sqlite3.OperationalError("as the test says")
    problem.sqlite_errorcode = code
    raise problem


@dataclass
class Told:
    """What the core's observer heard."""

    gone: list[str] = field(default_factory=list)
    marks: list[str] = field(default_factory=list)
    troubles: list[str] = field(default_factory=list)
    timelines: list[TimelineService] = field(default_factory=list)

    def applied(self, applied: Applied) -> None:
        for timeline in self.timelines:
            if timeline._room_id == applied.room_id:
                timeline.on_applied(applied)

    def drafts_touched(self, room_id: str) -> None:
        for timeline in self.timelines:
            if timeline._room_id == room_id:
                timeline.refresh_drafts()

    def marks_touched(self, room_id: str) -> None:
        self.marks.append(room_id)

    def trouble(self, words: str) -> None:
        self.troubles.append(words)

    def room_gone(self, room_id: str) -> None:
        self.gone.append(room_id)

    def history_renewed(self) -> None:
        for timeline in self.timelines:
            timeline.start_anew()

    def __getattr__(self, name: str) -> Callable[..., None]:
        """The rest of the observer's calls concerns nobody here."""
        if name.startswith("_"):
            raise AttributeError(name)
        return _nothing


class Source:
    """The server's answers over REST: none."""

    async def fetch_members(self, room_id: str) -> list[Member]:
        del room_id
        raise ParleyError(Code.UNAVAILABLE, "not asked for here")

    async def fetch_head(self, room_id: str) -> Head:
        del room_id
        raise ParleyError(Code.UNAVAILABLE, "not asked for here")


class Rig:
    """The core and what it stands on."""

    def __init__(self, folder: Path) -> None:
        self.line = Line()
        self.told = Told()
        self.worker = Disk(folder / "account.db")
        self.tasks = TaskOwner("rig")
        self.core = Core(me=ME, worker=self.worker, observer=cast("Any", self.told), tasks=self.tasks)
        people = People(
            tasks=self.tasks,
            fetch=_nobody,
            fetch_picture=_no_picture,
            folder=folder / "pictures",
            changed=lambda _: None,
        )
        self.core.attach(link=cast("Link", self.line), people=people, source=Source())
        self.core.people.put([User(ME, "mira", "Mira"), User(BOB, "bob", "Bob")])

    async def open(self, *heads: Head) -> None:
        """Online, with these rooms."""
        await self.worker.open()
        self.come(*heads)

    async def close(self) -> None:
        for timeline in self.told.timelines:
            await timeline.close()
        await self.tasks.close()
        self.core.close()
        await self.worker.close()

    def come(self, *heads: Head) -> None:
        """A connection that is just made, and what the server says where rooms stand."""
        self.line.phase = Phase.ONLINE
        self.core.on_phase(Phase.ONLINE, "")
        self.hear(pushes.Heads(list(heads)), pushes.Ready())

    def lose(self) -> None:
        """The connection goes: as a link does it, who waits for an answer is told first."""
        full, self.line.full = self.line.full, True
        waiting, self.line.waiting = self.line.waiting, []
        for asked in waiting:
            asked.on_answer(NoAnswerError("the connection was lost"))
        self.line.phase, self.line.full = Phase.WAITING, full
        self.core.on_phase(Phase.WAITING, "")

    def hear(self, *batch: Push) -> None:
        self.core.on_pushes(list(batch))

    async def told_all(self, stream: Stream) -> None:
        """The whole stream comes live and is stored."""
        self.hear(*cast("list[Push]", stream.events))
        await self.stored(stream.seq, stream.room_id)

    async def stored(self, seq: int, room_id: str = ROOM) -> None:
        def reached() -> bool:
            tail = self.core.rooms[room_id].tail
            return tail is not None and tail[1] >= seq

        await until(reached)

    async def serve(self, stream: Stream, kind: type[Request]) -> None:
        """Answer the next request of a kind as a server does."""
        await until(lambda: self.line.asks(kind))
        asked = self.line.take(kind)
        push = stream.answer(asked.request)
        asked.on_answer(push)
        self.hear(push)

    def timeline(self, room_id: str = ROOM) -> TimelineService:
        timeline = TimelineService(self.core, room_id)
        self.told.timelines.append(timeline)
        return timeline


def seqs(timeline: TimelineService) -> list[int]:
    """Of what is shown and stored."""
    return [item.seq for item in timeline.items if item.seq is not None]


def bodies(timeline: TimelineService) -> list[str]:
    """Of the messages."""
    return [item.body for item in timeline.items if isinstance(item, MessageItem)]


async def _nobody(_: list[str]) -> list[User]:
    return []


async def _no_picture(_: User) -> bytes | None:
    return None


def _nothing(*_: object) -> None:
    pass
