"""What pushes other than a room's events do to an account: session, heads, marks, account, typing."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from common.protocol import pushes, requests
from common.protocol.pushes import Push
from common.protocol.types import Head
from desktop.services.rooms import Room
from desktop.storage import cache
from desktop.storage.worker import Connection

if TYPE_CHECKING:
    from desktop.services.core import Core

TYPING_SHOWN_S: Final = 5.0


class Incoming:
    """Hands each push to its method; unknown ones are passed over."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self.epoch = ""
        self.ready = False
        """Which rooms there are is known, and stays so while the connection lasts."""
        self._account_seq = 0
        self._heads: dict[str, Head] = {}
        self._renewed = False
        """The server was restored: until its heads are here, the rooms are those of before."""
        self._handlers: dict[type, Callable[[Any], None]] = {
            pushes.Welcome: self._on_welcome,
            pushes.Heads: self._on_heads,
            pushes.Ready: self._on_ready,
            pushes.SyncEvents: self._on_sync,
            pushes.HistoryPage: self._on_page,
            pushes.Marks: self._on_marks,
            pushes.MinMarks: self._on_min_marks,
            pushes.UserChanged: lambda push: core.save_users([push.user]),
            pushes.TypingShown: self._on_typing,
            pushes.AccountEvents: self._on_account_events,
            pushes.AccountRoomAdded: self._on_account,
            pushes.AccountRoomRemoved: self._on_account,
            pushes.AccountProfile: self._on_account,
            pushes.AccountRead: self._on_account,
        }

    def take(self, push: Push) -> None:
        """Do what it says."""
        handler = self._handlers.get(type(push))
        if handler is not None:
            handler(push)

    def offline(self) -> None:
        """Heads that came half are no heads."""
        self._heads.clear()
        self.ready = False

    def take_room(self, head: Head) -> None:
        """A room that this account has just made or opened over REST."""
        core = self._core
        if head.peer is not None:
            core.save_users([head.peer])
        if head.room_id not in core.rooms or core.rooms[head.room_id].head.seq <= head.seq:
            self._take_head(head)
        self._check(core.rooms[head.room_id])
        core.touch(head.room_id)
        core.observer.rooms_touched()

    def _on_sync(self, push: pushes.SyncEvents) -> None:
        self._core.sync.on_sync(push)

    def _on_page(self, push: pushes.HistoryPage) -> None:
        self._core.sync.on_page(push)

    def _on_heads(self, push: pushes.Heads) -> None:
        self._heads.update({head.room_id: head for head in push.rooms})

    def _on_marks(self, push: pushes.Marks) -> None:
        if (room := self._core.rooms.get(push.room_id)) is not None:
            room.take_marks(push)
            self._marks(push.room_id)

    def _on_min_marks(self, push: pushes.MinMarks) -> None:
        if (room := self._core.rooms.get(push.room_id)) is not None:
            room.take_min(push.min_delivered, push.min_read)
            self._marks(push.room_id)

    def _marks(self, room_id: str) -> None:
        self._core.touch(room_id)
        self._core.observer.marks_touched(room_id)

    def _on_account_events(self, push: pushes.AccountEvents) -> None:
        self._account_seq = max(self._account_seq, push.head)
        for event in push.events:
            self._on_account(event)

    def _on_welcome(self, push: pushes.Welcome) -> None:
        self._account_seq = push.account_seq
        self._core.receipts.interval_s = push.limits.receipts_interval_ms / 1_000
        self._core.save_users([push.user])
        if push.history_epoch != self.epoch:
            self._renewed = bool(self.epoch)
            self.epoch = push.history_epoch
            for room in self._core.rooms.values():
                room.tail = None
            users = self._core.people.all()
            epoch = push.history_epoch

            def job(db: Connection) -> None:
                cache.start_epoch(db, epoch)
                cache.save_users(db, users)

            self._core.write(job)

    def _on_ready(self, _: pushes.Ready) -> None:
        for room_id in self._core.rooms.keys() - self._heads.keys():
            self._drop(room_id)
        if self._renewed:
            self._renewed = False
            self._forget_history()
        self._core.save_users([head.peer for head in self._heads.values() if head.peer is not None])
        for room_id, head in self._heads.items():
            self._take_head(head)
            self._core.touch(room_id)
        newest_first = sorted(self._core.rooms.values(), key=lambda room: room.activity_ms, reverse=True)
        for room in newest_first:
            self._check(room)
        self._heads.clear()
        self.ready = True
        self._core.save()
        self._core.observer.rooms_touched()
        self._core.sender.pump()
        self._core.receipt_sender.send()

    def _forget_history(self) -> None:
        """Marks, changes and rows of before mean other messages now; what waits in the outbox stays."""
        for room_id in self._heads:
            self._core.rooms.pop(room_id, None)
            self._core.sync.forget(room_id)
            self._core.receipts.forget(room_id)
        self._core.observer.history_renewed()

    def _take_head(self, head: Head) -> None:
        core, room = self._core, self._core.rooms.get(head.room_id)
        core.receipts.known(head.room_id, delivered=head.delivered, read=head.read)
        if room is None:
            room = core.rooms[head.room_id] = Room(head, core.me)
        else:
            before = room.head
            room.head = head
            room.members = None
            room.typing.clear()
            if before.read > head.read:
                # Read here while offline: the server learns it by the receipt that waits, and then says how
                # many mentions are left. What came meanwhile is unread.
                unread = min(head.unread, before.unread + max(0, head.msg_no - before.msg_no))
                room.own_marks(0, before.read, unread=unread, mentions=head.mentions if unread else 0)
                core.receipts.mark(head.room_id, read=before.read)
        if room.tail is not None:
            core.receipts_delivered(room, min(room.tail[1], head.seq))
        room.wanted = head.seq
        core.observer.marks_touched(head.room_id)

    def _check(self, room: Room) -> None:
        """Ask for what the cache lacks; a head below it is another history."""
        room_id, tail = room.head.room_id, room.tail
        if tail is not None and room.head.seq < tail[1]:
            self._core.write(lambda db: cache.forget_rows(db, room_id))
            room.tail = tail = None
            self._core.observer.history_renewed()
        if tail is None:
            self._core.sync.catch_up(room_id, 0)
        elif room.wanted > tail[1]:
            self._core.sync.catch_up(room_id, tail[1])

    def _drop(self, room_id: str) -> None:
        self._core.rooms.pop(room_id, None)
        self._core.sync.forget(room_id)
        self._core.receipts.forget(room_id)
        self._core.write(lambda db: cache.forget_room(db, room_id))
        self._core.observer.room_gone(room_id)

    def _on_account(self, event: pushes.AccountEvent) -> None:
        if event.account_seq > self._account_seq + 1:
            after = self._account_seq
            self._core.post(lambda id_: requests.AccountSync(id=id_, after_seq=after))
        self._account_seq = max(self._account_seq, event.account_seq)
        match event:
            case pushes.AccountRoomAdded():
                self.take_room(event.head)
            case pushes.AccountRoomRemoved():
                self._drop(event.room_id)
                self._core.observer.rooms_touched()
            case pushes.AccountProfile():
                self._core.save_users([event.user])
            case pushes.AccountRead():
                room = self._core.rooms.get(event.room_id)
                if room is not None and event.read >= room.head.read:
                    room.own_marks(event.delivered, event.read, unread=event.unread, mentions=event.mentions)
                    self._core.touch(event.room_id)

    def _on_typing(self, push: pushes.TypingShown) -> None:
        room = self._core.rooms.get(push.room_id)
        if room is None or push.user_id == self._core.me:
            return
        loop = asyncio.get_running_loop()
        room.typing[push.user_id] = loop.time() + TYPING_SHOWN_S
        self._core.observer.room_touched(push.room_id)
        loop.call_later(TYPING_SHOWN_S + 0.05, self._end_typing, push.room_id)

    def _end_typing(self, room_id: str) -> None:
        room = self._core.rooms.get(room_id)
        if room is not None:
            now = asyncio.get_running_loop().time()
            room.typing = {user: until for user, until in room.typing.items() if until > now}
            self._core.observer.room_touched(room_id)
