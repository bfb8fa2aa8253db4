"""One account as views see it: signals, coalesced, over the core and the REST calls."""

from __future__ import annotations

import asyncio
import weakref
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from PySide6.QtCore import Signal

from common.address import parse_address
from common.errors import ParleyError
from common.ids import short_key
from common.protocol import rest
from desktop.net.link import Link, Phase, Transport
from desktop.net.moves import check_plain
from desktop.net.pin import PinnedContext
from desktop.net.problems import NetError
from desktop.net.socket import open_socket
from desktop.net.tasks import TaskOwner
from desktop.services.account_calls import AccountCalls
from desktop.services.account_parts import AccountParts
from desktop.services.calls import Calls
from desktop.services.coalesce import Coalescer
from desktop.services.core import Core
from desktop.services.people import People
from desktop.services.rescue import Rescue
from desktop.services.roomlist import RoomList
from desktop.services.rooms import member_items, rooms_showing
from desktop.services.state import (
    AccountItem,
    LinkState,
    MemberItem,
    Person,
    RoomItem,
    ServiceError,
)
from desktop.services.state import Link as LinkKind
from desktop.services.timeline import TimelineService
from desktop.services.words import said, service_error, tr
from desktop.storage.cache import Applied
from desktop.storage.outbox import set_text
from desktop.storage.profile import AccountRecord


class AccountService(AccountCalls):
    """See ``desktop.services.api.Account``."""

    changed = Signal()
    rooms_reset = Signal()
    room_changed = Signal(str)
    members_changed = Signal(str)
    link_changed = Signal()
    message_arrived = Signal(str, int)
    notice = Signal(str)
    """Something to say once, in words."""

    def __init__(self, parts: AccountParts) -> None:
        super().__init__()
        self._parts = parts
        self.record = parts.record
        self.tasks = TaskOwner(f"account {parts.record.username}")
        self._timelines: weakref.WeakValueDictionary[str, TimelineService] = weakref.WeakValueDictionary()
        self._coalescer = Coalescer(self._flush)
        self._dirty: set[str] = set()
        self._reset = True
        self._info_dirty = False
        self._reason = ""
        self._running: asyncio.Task[None] | None = None
        self.calls = Calls(client=parts.client, tokens=parts.tokens, server_id=parts.record.server_id)
        self.core = Core(me=parts.record.user_id, worker=parts.worker, observer=self, tasks=self.tasks)
        link = Link(connect=self._open_socket, token=self._token, listener=self.core, follow=parts.follow)
        people = People(
            tasks=self.tasks,
            fetch=self._fetch_users,
            fetch_picture=self.calls.fetch_picture,
            folder=parts.folder / "pictures",
            changed=self.people_touched,
        )
        self.calls.people = people
        self.core.attach(link=link, people=people, source=self.calls)
        self.core.fill(parts.loaded, parts.drafts)
        self._list = RoomList(self.core, parts.loaded.drafts)
        self._said: list[str] = []
        self._rescue = Rescue(
            self.core,
            self._list.texts,
            open_notes=lambda: self.open_direct(self.record.user_id),
            tell=self._said.append,
            changed=self.room_touched,
        )

    def start(self) -> None:
        """Connect, and stay so; again: try now."""
        if self._running is None:
            self._running = self.tasks.spawn(self.core.link.run(), name="link")
        else:
            self.try_now()

    async def close(self) -> None:
        """Disconnect and write what is unsaved."""
        self._coalescer.close()
        for timeline in list(self._timelines.values()):
            await timeline.close()
        await self.tasks.close()
        self.core.close()
        await self._parts.worker.close()
        await self._parts.client.close()

    # What views read.

    @property
    def info(self) -> AccountItem:
        record = self.record
        me = self.core.people.user(record.user_id)
        return AccountItem(
            account_id=record.account_id,
            server_name=record.server_name,
            server_id=record.server_id,
            short_key=short_key(record.server_id),
            address=record.address,
            me=self.core.people.person(record.user_id)
            if me is not None
            else Person(user_id=record.user_id, name=record.display_name, username=record.username),
            hosted_here=record.hosted_here,
            unread=sum(room.head.unread for room in self.core.rooms.values()),
        )

    @property
    def link(self) -> LinkState:
        link = self.core.link
        return LinkState(
            link=LinkKind[link.phase.name],
            retry_at=link.retry_at,
            waiting=self.core.outbox.waiting(),
            reason=self._reason,
            latency_ms=link.latency_ms,
        )

    @property
    def rooms(self) -> Sequence[RoomItem]:
        return self._list.items

    def room(self, room_id: str) -> RoomItem | None:
        room = self.core.rooms.get(room_id)
        return None if room is None else self._list.item(room_id)

    def timeline(self, room_id: str) -> TimelineService:
        timeline = self._timelines.get(room_id)
        if timeline is None:
            timeline = self._timelines[room_id] = TimelineService(self.core, room_id)
        return timeline

    def members(self, room_id: str) -> Sequence[MemberItem]:
        room = self.core.rooms.get(room_id)
        if room is None:
            return []
        if room.members is None:
            self.tasks.spawn(self.core.load_members(room_id, quietly=True), name="members")
            return []
        return member_items(room, people=self.core.people)

    def draft(self, room_id: str) -> str:
        return self._list.texts.get(room_id, "")

    @property
    def unsent_texts(self) -> int:
        """Composers that are not empty, those of rooms that are gone too."""
        return self._list.unsent()

    def set_draft(self, room_id: str, text: str) -> None:
        room = self.core.rooms.get(room_id)
        if room is not None and self.draft(room_id) != text:
            self._list.texts[room_id] = text
            self.core.write(lambda db: set_text(db, room_id, text))
            self.room_touched(room_id)

    def try_now(self) -> None:
        self.core.link.try_now()

    async def sign_in_again(self, password: str) -> None:
        body = rest.Login(username=self.record.username, password=password)
        try:
            await self._check_server()
            tokens = await self._parts.client.post("/auth/login", rest.Tokens, body)
        except (NetError, ParleyError) as problem:
            raise service_error(problem) from problem
        if tokens.user.id != self.record.user_id:
            raise ServiceError(tr("This is another account. Add it as a new one."))
        await self.take_tokens(tokens)

    async def relocate(self, record: AccountRecord, context: PinnedContext | None) -> None:
        """The same server, proved, at another address: cache, outbox and sign-in stay."""
        self.record = record
        self._parts = replace(self._parts, record=record, context=context)
        await self._parts.client.relocate(parse_address(record.address), context)

    async def take_tokens(self, tokens: rest.Tokens) -> None:
        """A sign-in of the same account: cache and outbox stay."""
        try:
            await self._parts.tokens.adopt(tokens)
        except NetError as problem:
            raise service_error(problem) from problem
        self.core.link.try_now()

    # The core's observer.

    def room_touched(self, room_id: str) -> None:
        self._dirty.add(room_id)
        self._coalescer.poke()

    def rooms_touched(self) -> None:
        self._reset = True
        self._rescue.look()
        self._coalescer.poke()

    def marks_touched(self, room_id: str) -> None:
        if (timeline := self._timelines.get(room_id)) is not None:
            timeline.on_marks()

    def drafts_touched(self, room_id: str) -> None:
        timeline = self._timelines.get(room_id)
        if timeline is not None:
            timeline.refresh_drafts()
        self._rescue.look()
        self.room_touched(room_id)
        self.link_changed.emit()

    def members_touched(self, room_id: str) -> None:
        self.members_changed.emit(room_id)

    def people_touched(self, user_ids: set[str]) -> None:
        if self.record.user_id in user_ids:
            self._info_dirty = True
        for timeline in list(self._timelines.values()):
            timeline.on_people(user_ids)
        self._dirty |= rooms_showing(self.core.rooms, user_ids)
        self._coalescer.poke()

    def room_gone(self, room_id: str) -> None:
        if (timeline := self._timelines.pop(room_id, None)) is not None:
            self.tasks.spawn(timeline.close(), name="timeline")
        self._rescue.gone(room_id, self._list.title(room_id))
        self.rooms_touched()

    def history_renewed(self) -> None:
        for timeline in list(self._timelines.values()):
            timeline.start_anew()

    def applied(self, applied: Applied) -> None:
        if (timeline := self._timelines.get(applied.room_id)) is not None:
            timeline.on_applied(applied)

    def arrived(self, room_id: str, seq: int) -> None:
        self.message_arrived.emit(room_id, seq)

    def trouble(self, words: str) -> None:
        self.notice.emit(f"{self.record.server_name}: {words}")

    def link_touched(self, phase: Phase, reason: str) -> None:
        if phase is not Phase.CONNECTING:
            problem = self.core.link.problem
            self._reason = said(problem) if problem is not None else reason and tr(reason)
        if phase is Phase.ONLINE:
            for timeline in list(self._timelines.values()):
                timeline.on_online()
        self.link_changed.emit()

    # Inside.

    def _flush(self) -> None:
        dirty, self._dirty = self._dirty, set()
        for room_id in dirty:
            if (room := self.core.rooms.get(room_id)) is not None:
                room.item = None
        unread = sum(item.unread for item in self.rooms)
        if self._list.rebuild() or self._reset:
            self._reset = False
            self.rooms_reset.emit()
        else:
            for room_id in dirty:
                self.room_changed.emit(room_id)
        if self._info_dirty or unread != sum(item.unread for item in self.rooms):
            self._info_dirty = False
            self.changed.emit()
        # After what views say of their own: a line replaces the one before.
        said, self._said[:] = list(self._said), []
        for words in said:
            self.trouble(words)

    async def _fetch_users(self, ids: list[str]) -> Any:  # noqa: ANN401 - as People wants it
        users = await self.calls.fetch_users(ids)
        self.core.save_users(users)
        return users

    async def _open_socket(self) -> Transport:
        return await open_socket(parse_address(self.record.address), context=self._parts.context)

    async def _token(self, fresh: bool) -> Any:  # noqa: ANN401 - as Link wants it
        await self._check_server()
        return await self._parts.tokens.access(fresh)

    async def _check_server(self) -> None:
        if self._parts.context is None:
            await check_plain(parse_address(self.record.address), self.record.server_id)
