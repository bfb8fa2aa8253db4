"""One account without signals: its rooms, people, cache, outbox and link, moved by pushes."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from typing import Any, Final, Protocol, TypeVar

from common.errors import Code, ParleyError
from common.ids import new_id
from common.protocol import pushes, requests
from common.protocol.pushes import Push, RoomEvent
from common.protocol.requests import Request
from common.protocol.types import Head, Mention
from common.text import body_problem
from desktop.net.link import Link, Phase
from desktop.net.problems import NetError
from desktop.net.tasks import TaskOwner
from desktop.services.people import People
from desktop.services.receipts import Receipts
from desktop.services.rooms import Room
from desktop.services.sender import Sender
from desktop.services.state import ServiceError
from desktop.services.sync import StreamSync
from desktop.services.words import service_error, tr
from desktop.storage import cache
from desktop.storage.cache import Applied, Loaded
from desktop.storage.outbox import Draft, Outbox
from desktop.storage.worker import Worker

T = TypeVar("T")
log: Final = logging.getLogger(__name__)

TYPING_EVERY_S: Final = 3.0
TYPING_SHOWN_S: Final = 5.0
SAVE_EVERY_S: Final = 2.0
AGAIN_WITHIN_S: Final = 12.0

_ROOM_EVENTS: Final = (
    pushes.MessageNew,
    pushes.MessageEdited,
    pushes.MessageDeleted,
    pushes.ReactionAdded,
    pushes.ReactionRemoved,
    *cache.NOTICES,
)


class Observer(Protocol):
    """The facade with the signals."""

    def room_touched(self, room_id: str) -> None: ...

    def rooms_touched(self) -> None: ...

    def marks_touched(self, room_id: str) -> None: ...

    def drafts_touched(self, room_id: str) -> None: ...

    def members_touched(self, room_id: str) -> None: ...

    def people_touched(self, user_ids: set[str]) -> None: ...

    def room_gone(self, room_id: str) -> None: ...

    def applied(self, applied: Applied) -> None: ...

    def arrived(self, room_id: str, seq: int) -> None: ...

    def link_touched(self, phase: Phase, reason: str) -> None: ...


LoadMembers = Callable[[str], Any]


class Core:
    """State and use cases over the socket; REST is ``desktop.services.calls``."""

    def __init__(self, *, me: str, worker: Worker, observer: Observer, tasks: TaskOwner) -> None:
        self.me = me
        self.worker = worker
        self.observer = observer
        self.tasks = tasks
        self.rooms: dict[str, Room] = {}
        self.outbox = Outbox()
        self.receipts = Receipts()
        self.newest_row: dict[str, int] = {}
        self.people: People
        self.link: Link
        self.sync: StreamSync
        self.sender: Sender
        self.fetch_members: Callable[[str], Any]
        self._epoch = ""
        self._account_seq = 0
        self._heads: dict[str, Head] = {}
        self._typed_at: dict[str, float] = {}
        self._unsaved: set[str] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._receipt_timer: asyncio.TimerHandle | None = None

    def attach(self, *, link: Link, people: People) -> None:
        """The parts that need this one first."""
        self.link = link
        self.people = people
        self.sync = StreamSync(worker=self.worker, link=link, me=self.me, applied=self._applied)
        self.sender = Sender(
            worker=self.worker, link=link, outbox=self.outbox, changed=self.observer.drafts_touched
        )

    def fill(self, loaded: Loaded, drafts: list[Draft]) -> None:
        """What the cache knows, before the network answers."""
        self._epoch = loaded.epoch
        self.people.put(loaded.users)
        for head in loaded.heads:
            room = Room(head, tail=loaded.tails.get(head.room_id))
            room.draft = loaded.drafts.get(head.room_id, "")
            self.rooms[head.room_id] = room
        for draft in drafts:
            self.outbox.add(draft, stored=True)

    async def read(self, job: Callable[[Any], T]) -> T:
        """A quick query of the cache, before what waits to be written."""
        return await self.worker.run(job, urgent=True)

    async def load_members(self, room_id: str, *, quietly: bool = False) -> None:
        """Fetch the members of a room, for marks and the details panel."""
        room = self.rooms.get(room_id)
        if room is None or room.members is not None or self.link.phase is not Phase.ONLINE:
            return
        try:
            members = await self.fetch_members(room_id)
        except (NetError, ParleyError):
            if not quietly:
                raise
            return
        room.take_members(members)
        self.save_users([member.user for member in members])
        self.observer.members_touched(room_id)

    # Use cases.

    def send(self, room_id: str, body: str, *, reply_to: int | None, mentions: Sequence[Mention]) -> None:
        """Into the outbox.

        Raises:
            ServiceError: the text can't be a message.
        """
        problem = body_problem(body)
        if problem is not None:
            raise ServiceError(tr("Not sent: {why}.").format(why=problem), code=Code.BAD_TEXT)
        self.sender.add(
            Draft(
                room_id=room_id,
                client_msg_id=new_id(),
                body=body,
                created_at_ms=time.time_ns() // 1_000_000,
                reply_to=reply_to,
                mentions=tuple(mentions),
            )
        )

    async def edit(self, room_id: str, seq: int, body: str, *, mentions: Sequence[Mention]) -> None:
        problem = body_problem(body)
        if problem is not None:
            raise ServiceError(tr("Not changed: {why}.").format(why=problem), code=Code.BAD_TEXT)
        key = new_id()
        await self._change(
            lambda id_: requests.MessageEdit(
                id=id_, client_msg_id=key, room_id=room_id, seq=seq, body=body, mentions=list(mentions)
            )
        )

    async def delete(self, room_id: str, seq: int) -> None:
        key = new_id()
        await self._change(
            lambda id_: requests.MessageDelete(id=id_, client_msg_id=key, room_id=room_id, seq=seq)
        )

    async def react(self, room_id: str, seq: int, emoji: str, *, on: bool) -> None:
        kind = requests.ReactionAdd if on else requests.ReactionRemove
        key = new_id()
        await self._change(lambda id_: kind(id=id_, client_msg_id=key, room_id=room_id, seq=seq, emoji=emoji))

    async def _change(self, make: Callable[[int], Request]) -> None:
        """A change that is refused while offline; a lost answer is asked for again with the same id."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + AGAIN_WITHIN_S
        while True:
            try:
                await self.link.request(make)
            except ParleyError as problem:
                lost = problem.code in {Code.TIMEOUT, Code.UNAVAILABLE}
                if problem.code is Code.UNAVAILABLE and self.link.phase is not Phase.ONLINE:
                    raise service_error(problem) from problem
                if not lost or loop.time() >= deadline:
                    raise service_error(problem) from problem
            else:
                return
            while self.link.phase is not Phase.ONLINE and loop.time() < deadline:
                await asyncio.sleep(0.05)

    def mark_read(self, room_id: str, seq: int, msg_no: int | None) -> None:
        room = self.rooms.get(room_id)
        if room is None or seq <= room.head.read:
            return
        unread = room.head.unread if msg_no is None else max(0, room.head.msg_no - msg_no)
        unread = min(unread, room.head.unread)
        room.own_marks(seq, seq, unread=unread, mentions=0 if unread == 0 else None)
        self.receipts.mark(room_id, read=seq)
        self._send_receipts()
        self.touch(room_id)

    def typing(self, room_id: str) -> None:
        now = asyncio.get_running_loop().time()
        if self.link.phase is Phase.ONLINE and now - self._typed_at.get(room_id, -9.0) >= TYPING_EVERY_S:
            self._typed_at[room_id] = now
            self._post(lambda id_: requests.Typing(id=id_, room_id=room_id))

    def touch(self, room_id: str) -> None:
        """The room's head changed: show it, and save it in a moment."""
        self.observer.room_touched(room_id)
        self._unsaved.add(room_id)
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(SAVE_EVERY_S, self.save)

    def save(self) -> None:
        """Write heads that changed."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        heads = [self.rooms[room_id].head for room_id in self._unsaved if room_id in self.rooms]
        self._unsaved.clear()
        if heads:
            self._write(lambda db: cache.save_heads(db, heads))

    def save_users(self, users: Sequence[Any]) -> None:
        """Learn and keep people."""
        fresh = self.people.put(users)
        if fresh:
            self._write(lambda db: cache.save_users(db, fresh))

    def close(self) -> None:
        """No timer stays behind; what is unsaved is handed to the worker."""
        self.save()
        self.sender.close()
        if self._receipt_timer is not None:
            self._receipt_timer.cancel()

    # The link's listener.

    def on_phase(self, phase: Phase, reason: str) -> None:
        if phase is not Phase.ONLINE:
            self._heads.clear()
            self.sync.offline()
            self.sender.disconnected()
            self.people.offline()
        self.observer.link_touched(phase, reason)

    def on_pushes(self, batch: list[Push]) -> None:
        live: dict[str, list[RoomEvent]] = {}
        for push in batch:
            if isinstance(push, _ROOM_EVENTS):
                live.setdefault(push.room_id, []).append(push)
                self._on_event(push)
            else:
                # What came before goes before: a page must not overtake the events ahead of it.
                self._hand_on(live)
                self._on_other(push)
        self._hand_on(live)
        self.people.ask()

    def _hand_on(self, live: dict[str, list[RoomEvent]]) -> None:
        for room_id, events in live.items():
            self.sync.live(room_id, events)
        live.clear()

    def _on_event(self, event: RoomEvent) -> None:
        room = self.rooms.get(event.room_id)
        if room is None:
            return
        name = ""
        if isinstance(event, pushes.MessageNew):
            name = self.people.person(event.message.author_id).name
        elif isinstance(event, pushes.RoomJoined):
            self.save_users([event.user])
        if room.take(event, self.me, name):
            self.touch(event.room_id)
            if not isinstance(event, pushes.MessageNew) and room.members is None:
                self.observer.members_touched(event.room_id)

    def _on_other(self, push: Push) -> None:
        match push:
            case pushes.Welcome():
                self._on_welcome(push)
            case pushes.Heads():
                self._heads.update({head.room_id: head for head in push.rooms})
            case pushes.Ready():
                self._on_ready()
            case pushes.SyncEvents():
                self.sync.on_sync(push)
            case pushes.HistoryPage():
                self.sync.on_page(push)
            case pushes.Marks():
                if (room := self.rooms.get(push.room_id)) is not None:
                    room.take_marks(push, self.me)
                    self._marks(push.room_id)
            case pushes.MinMarks():
                if (room := self.rooms.get(push.room_id)) is not None:
                    room.take_min(push.min_delivered, push.min_read)
                    self._marks(push.room_id)
            case pushes.UserChanged():
                self.save_users([push.user])
            case pushes.TypingShown():
                self._on_typing(push)
            case pushes.AccountEvents():
                for event in push.events:
                    self._on_account(event)
            case (
                pushes.AccountRoomAdded()
                | pushes.AccountRoomRemoved()
                | pushes.AccountProfile()
                | pushes.AccountRead()
            ):
                self._on_account(push)
            case _:
                pass

    def _marks(self, room_id: str) -> None:
        self.touch(room_id)
        self.observer.marks_touched(room_id)

    def _on_welcome(self, push: pushes.Welcome) -> None:
        self._account_seq = push.account_seq
        self.save_users([push.user])
        if push.history_epoch != self._epoch:
            self._epoch = push.history_epoch
            for room in self.rooms.values():
                room.tail = None
            users = self.people.all()
            epoch = push.history_epoch

            def job(db: Any) -> None:  # noqa: ANN401 - a connection, and services know no sqlite3
                cache.start_epoch(db, epoch)
                cache.save_users(db, users)

            self._write(job)

    def _on_ready(self) -> None:
        for room_id in self.rooms.keys() - self._heads.keys():
            self._drop(room_id)
        self.save_users([head.peer for head in self._heads.values() if head.peer is not None])
        for room_id, head in self._heads.items():
            self._take_head(head)
            self._unsaved.add(room_id)
        newest_first = sorted(self.rooms.values(), key=lambda room: room.activity_ms, reverse=True)
        for room in newest_first:
            self._check(room)
        self._heads.clear()
        self.save()
        self.observer.rooms_touched()
        self.sender.pump()
        self._send_receipts()

    def _take_head(self, head: Head) -> None:
        room = self.rooms.get(head.room_id)
        if room is None:
            self.rooms[head.room_id] = Room(head)
        else:
            before = room.head
            room.head = head
            room.members = None
            room.typing.clear()
            if before.read > head.read:
                # Read here while offline: the server learns it by the receipt that waits.
                room.own_marks(before.delivered, before.read, unread=before.unread, mentions=before.mentions)
                self.receipts.mark(head.room_id, read=before.read)
        self.rooms[head.room_id].wanted = head.seq
        self.observer.marks_touched(head.room_id)

    def _check(self, room: Room) -> None:
        """Ask for what the cache lacks; a head below it is another history."""
        room_id, tail = room.head.room_id, room.tail
        if tail is not None and room.head.seq < tail[1]:
            self._write(lambda db: cache.forget_rows(db, room_id))
            room.tail = tail = None
        if tail is None:
            self.sync.catch_up(room_id, 0)
        elif room.wanted > tail[1]:
            self.sync.catch_up(room_id, tail[1])

    def _drop(self, room_id: str) -> None:
        self.rooms.pop(room_id, None)
        self.sync.forget(room_id)
        self.receipts.forget(room_id)
        self._write(lambda db: cache.forget_room(db, room_id))
        self.observer.room_gone(room_id)

    def _on_account(self, event: pushes.AccountEvent) -> None:
        if event.account_seq > self._account_seq + 1:
            after = self._account_seq
            self._post(lambda id_: requests.AccountSync(id=id_, after_seq=after))
        self._account_seq = max(self._account_seq, event.account_seq)
        match event:
            case pushes.AccountRoomAdded():
                head = event.head
                if head.peer is not None:
                    self.save_users([head.peer])
                if head.room_id not in self.rooms or self.rooms[head.room_id].head.seq <= head.seq:
                    self._take_head(head)
                self._check(self.rooms[head.room_id])
                self.touch(head.room_id)
                self.observer.rooms_touched()
            case pushes.AccountRoomRemoved():
                self._drop(event.room_id)
                self.observer.rooms_touched()
            case pushes.AccountProfile():
                self.save_users([event.user])
            case pushes.AccountRead():
                room = self.rooms.get(event.room_id)
                if room is not None and event.read >= room.head.read:
                    room.own_marks(event.delivered, event.read, unread=event.unread, mentions=event.mentions)
                    self.touch(event.room_id)

    def _on_typing(self, push: pushes.TypingShown) -> None:
        room = self.rooms.get(push.room_id)
        if room is None or push.user_id == self.me:
            return
        loop = asyncio.get_running_loop()
        room.typing[push.user_id] = loop.time() + TYPING_SHOWN_S
        self.observer.room_touched(push.room_id)
        loop.call_later(TYPING_SHOWN_S + 0.05, self._end_typing, push.room_id)

    def _end_typing(self, room_id: str) -> None:
        room = self.rooms.get(room_id)
        if room is not None:
            now = asyncio.get_running_loop().time()
            room.typing = {user: until for user, until in room.typing.items() if until > now}
            self.observer.room_touched(room_id)

    # What the cache has done.

    def _applied(self, results: list[Applied]) -> None:
        for result in results:
            room = self.rooms.get(result.room_id)
            if room is None:
                continue
            room.tail = result.tail
            if result.tail is not None:
                self.sender.applied(result.room_id, result.sent, result.tail[1])
                self.receipts_delivered(room, result.tail[1])
            if result.rows:
                newest = max(self.newest_row.get(result.room_id, 0), result.rows[-1].seq)
                self.newest_row[result.room_id] = newest
            self.observer.applied(result)
            if result.gap or (result.tail is not None and room.wanted > result.tail[1]):
                self.sync.catch_up(result.room_id, 0 if result.tail is None else result.tail[1])
        self._send_receipts()

    def receipts_delivered(self, room: Room, seq: int) -> None:
        """Everything up to here is stored on this device."""
        if seq > room.head.delivered:
            room.own_marks(seq, 0)
            self.receipts.mark(room.head.room_id, delivered=seq)

    def _send_receipts(self) -> None:
        if self.link.phase is not Phase.ONLINE:
            return
        now = asyncio.get_running_loop().time()
        for room_id, delivered, read in self.receipts.take_due(now):
            self._post(
                lambda id_, room_id=room_id, delivered=delivered, read=read: requests.Receipt(  # type: ignore[misc]  # defaults bind the loop variables
                    id=id_, room_id=room_id, delivered=delivered, read=read
                )
            )
        due = self.receipts.next_time()
        if self._receipt_timer is not None:
            self._receipt_timer.cancel()
            self._receipt_timer = None
        if due is not None:
            delay = max(0.02, due - now)
            self._receipt_timer = asyncio.get_running_loop().call_later(delay, self._send_receipts)

    def _post(self, make: Callable[[int], Request]) -> None:
        """A request whose answer changes nothing."""
        try:
            self.link.post(make, _ignore)
        except ParleyError as problem:
            log.debug("not posted: %s", problem)

    def _write(self, job: Callable[[Any], None]) -> None:
        self.worker.submit(job, _ignore, write=True)


def _ignore(_: object) -> None:
    pass
