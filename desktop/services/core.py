"""One account without signals: its rooms, people, cache, outbox and link, moved by pushes."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable, Sequence
from typing import Any, Final, Protocol

from common.errors import Code, ParleyError
from common.ids import new_id
from common.protocol import pushes, requests
from common.protocol.pushes import Push, RoomEvent
from common.protocol.requests import Request
from common.protocol.types import Head, Member, Mention, User
from common.text import body_problem
from desktop.net.backoff import Backoff
from desktop.net.link import Link, Phase
from desktop.net.problems import NetError
from desktop.net.tasks import TaskOwner
from desktop.services.incoming import Incoming
from desktop.services.people import People
from desktop.services.receipt_sender import ReceiptSender
from desktop.services.receipts import Receipts
from desktop.services.rooms import Room
from desktop.services.sender import Sender
from desktop.services.state import ServiceError
from desktop.services.storage_watch import StorageWatch
from desktop.services.sync import StreamSync
from desktop.services.words import service_error, tr
from desktop.storage import cache
from desktop.storage.cache import Applied, Loaded
from desktop.storage.outbox import Draft, Outbox
from desktop.storage.worker import Worker

log: Final = logging.getLogger(__name__)

TYPING_EVERY_S: Final = 3.0
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

    def history_renewed(self) -> None: ...

    def applied(self, applied: Applied) -> None: ...

    def arrived(self, room_id: str, seq: int) -> None: ...

    def trouble(self, words: str) -> None: ...

    def link_touched(self, phase: Phase, reason: str) -> None: ...


class RoomSource(Protocol):
    """What the server tells of a room when it is asked; both raise ``NetError`` and ``ParleyError``."""

    async def fetch_members(self, room_id: str) -> list[Member]:
        """All members."""
        ...

    async def fetch_head(self, room_id: str) -> Head:
        """Where it stands now."""
        ...


class Core:
    """State and use cases over the socket; REST is ``desktop.services.calls``."""

    def __init__(self, *, me: str, worker: Worker, observer: Observer, tasks: TaskOwner) -> None:
        self.me = me
        self.worker = worker
        worker.on_problem = StorageWatch(observer.trouble).met
        self.observer = observer
        self.tasks = tasks
        self.rooms: dict[str, Room] = {}
        self.outbox = Outbox()
        self.receipts = Receipts()
        self.people: People
        self.link: Link
        self.sync: StreamSync
        self.sender: Sender
        self.receipt_sender: ReceiptSender
        self.incoming = Incoming(self)
        self.source: RoomSource
        self._online = asyncio.Event()
        self._closed = False
        self._arriving: set[tuple[str, int]] = set()
        self._typed_at: dict[str, float] = {}
        self._unsaved: set[str] = set()
        self._timer: asyncio.TimerHandle | None = None

    def attach(self, *, link: Link, people: People, source: RoomSource) -> None:
        """The parts that need this one first."""
        self.source = source
        self.link = link
        self.people = people
        self.receipt_sender = ReceiptSender(self.receipts, link)
        self.sync = StreamSync(
            worker=self.worker, link=link, me=self.me, applied=self._applied, lost=self._lost
        )
        self.sender = Sender(
            worker=self.worker, link=link, outbox=self.outbox, changed=self.observer.drafts_touched
        )

    def fill(self, loaded: Loaded, drafts: list[Draft]) -> None:
        """What the cache knows, before the network answers."""
        self.incoming.epoch = loaded.epoch
        self.people.put(loaded.users)
        for head in loaded.heads:
            room = Room(head, self.me, tail=loaded.tails.get(head.room_id))
            room.draft = loaded.drafts.get(head.room_id, "")
            self.rooms[head.room_id] = room
        for draft in drafts:
            self.outbox.add(draft, stored=True)

    async def load_members(self, room_id: str, *, quietly: bool = False) -> None:
        """Fetch the members of a room, for marks and the details panel."""
        room = self.rooms.get(room_id)
        if room is None or room.members is not None or self.link.phase is not Phase.ONLINE:
            return
        try:
            members = await self.source.fetch_members(room_id)
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
        backoff = Backoff()
        while True:
            try:
                await self.link.request(make)
            except ParleyError as problem:
                wait_s = backoff.next_s(retry_after_s=(problem.retry_after_ms or 0) / 1_000)
                lost = problem.code in {Code.TIMEOUT, Code.UNAVAILABLE}
                if problem.code is Code.UNAVAILABLE and self.link.phase is not Phase.ONLINE:
                    raise service_error(problem) from problem
                if not lost or loop.time() + wait_s >= deadline:
                    raise service_error(problem) from problem
            else:
                return
            # Also where the link is up: what refuses at once would be asked without end.
            await asyncio.sleep(wait_s)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout_at(deadline):
                    await self._online.wait()

    def mark_read(self, room_id: str, seq: int, msg_no: int | None) -> None:
        room = self.rooms.get(room_id)
        if room is None or seq <= room.head.read:
            return
        unread = room.head.unread if msg_no is None else max(0, room.head.msg_no - msg_no)
        unread = min(unread, room.head.unread)
        room.own_marks(seq, seq, unread=unread, mentions=0 if unread == 0 else None)
        self.receipts.mark(room_id, read=seq)
        self.receipt_sender.send()
        self.touch(room_id)

    def typing(self, room_id: str) -> None:
        now = asyncio.get_running_loop().time()
        if self.link.phase is Phase.ONLINE and now - self._typed_at.get(room_id, -9.0) >= TYPING_EVERY_S:
            self._typed_at[room_id] = now
            self.post(lambda id_: requests.Typing(id=id_, room_id=room_id))

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
            self.write(lambda db: cache.save_heads(db, heads))

    def save_users(self, users: Sequence[User]) -> None:
        """Learn and keep people."""
        fresh = self.people.put(users)
        if fresh:
            self.write(lambda db: cache.save_users(db, fresh))

    def close(self) -> None:
        """No timer stays behind; what is unsaved is handed to the worker."""
        self._closed = True
        self.save()
        self.sender.close()
        self.sync.offline()
        self.receipt_sender.close()

    # The link's listener.

    def on_phase(self, phase: Phase, reason: str) -> None:
        if phase is Phase.ONLINE:
            self._online.set()
        else:
            self._online.clear()
            self.incoming.offline()
            self._arriving.clear()
            self.sync.offline()
            self.receipts.offline()
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
                self.incoming.take(push)
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
        if room.take(event, name):
            self.touch(event.room_id)
            if room.mentions_unsure(event):
                self.tasks.spawn(self._count_mentions(event.room_id), name="mentions")
            if isinstance(event, pushes.MessageNew) and event.message.author_id != self.me:
                self._arriving.add((event.room_id, event.seq))
            if not isinstance(event, pushes.MessageNew) and room.members is None:
                self.observer.members_touched(event.room_id)

    async def _count_mentions(self, room_id: str) -> None:
        """An unread message that mentioned somebody was changed: only the server knows the count now."""
        try:
            head = await self.source.fetch_head(room_id)
        except (NetError, ParleyError) as problem:
            log.debug("mentions not counted: %s", problem)
            return
        room = self.rooms.get(room_id)
        if room is not None and head.seq == room.head.seq:
            room.own_marks(head.delivered, head.read, unread=head.unread, mentions=head.mentions)
            self.touch(room_id)

    # What the cache has done.

    def _applied(self, results: list[Applied]) -> None:
        if self._closed:
            return
        for result in results:
            room = self.rooms.get(result.room_id)
            if room is None:
                continue
            room.tail = result.tail
            sent = False
            if result.tail is not None:
                sent = self.sender.applied(result.room_id, result.sent, result.tail[1])
                self.receipts_delivered(room, result.tail[1])
            self.observer.applied(result)
            if sent:
                self.sender.left(result.room_id)
            for row in result.rows:
                if (result.room_id, row.seq) in self._arriving:
                    self._arriving.discard((result.room_id, row.seq))
                    self.observer.arrived(result.room_id, row.seq)
            if result.gap or (result.tail is not None and room.wanted > result.tail[1]):
                self.sync.catch_up(result.room_id, 0 if result.tail is None else result.tail[1])
        self.receipt_sender.send()

    def _lost(self, room_ids: set[str]) -> None:
        """Something of these rooms was not stored, and perhaps nothing comes after it to show the gap."""
        for room_id in room_ids:
            room = self.rooms.get(room_id)
            if room is not None and not self._closed:
                self.sync.catch_up_later(room_id, 0 if room.tail is None else room.tail[1])

    def receipts_delivered(self, room: Room, seq: int) -> None:
        """Everything up to here is stored on this device."""
        if seq > room.head.delivered:
            room.own_marks(seq, 0)
            self.receipts.mark(room.head.room_id, delivered=seq)

    def post(self, make: Callable[[int], Request]) -> None:
        """A request whose answer changes nothing."""
        try:
            self.link.post(make, _ignore)
        except ParleyError as problem:
            log.debug("not posted: %s", problem)

    def write(self, job: Callable[[Any], None]) -> None:
        self.worker.submit(job, _ignore, write=True)


def _ignore(_: object) -> None:
    pass
