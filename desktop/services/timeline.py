"""One room's messages as a window of at most 200 items over cache and server, without gaps."""

from __future__ import annotations

import asyncio
import logging
from bisect import bisect_left
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, Final

from common.errors import RETRYABLE, ParleyError
from common.protocol.types import Mention, Message
from desktop.net.backoff import Backoff
from desktop.net.link import Phase
from desktop.net.tasks import TaskOwner
from desktop.services.core import Core
from desktop.services.pages import FIRST_PAGE, around, first_page, seq_of
from desktop.services.state import ServiceError
from desktop.services.window import Window
from desktop.services.words import service_error, tr
from desktop.storage.cache import START, Applied, Page, Row, read_after, read_before, read_tail
from desktop.storage.worker import ClosedError, Connection, Job, StorageError

log: Final = logging.getLogger(__name__)

PAGE: Final = 30
"""Rows that come in at once at an edge."""
_FETCH: Final = 80
"""Rows that the server is asked for at once: a trip there takes longer than one to the cache."""


class TimelineService(Window):
    """See ``desktop.services.api.Timeline``: what moves the window, and what is done from it."""

    def __init__(self, core: Core, room_id: str) -> None:
        super().__init__(core, room_id)
        self._tasks = TaskOwner(f"timeline {room_id[:8]}")
        self._busy = False
        self._age = 0
        """Grows when the server's history is another: pages asked for before are of none that counts."""
        self._unread_from: int | None = None
        self._start(self._open())

    # What views read.

    @property
    def loading(self) -> bool:
        return self._loading

    @property
    def unread_from(self) -> int | None:
        return self._unread_from

    @property
    def newer_count(self) -> int:
        room = self._core.rooms.get(self._room_id)
        if self._follows or room is None:
            return 0
        last = next((row for row in reversed(self._rows) if isinstance(row, Message)), None)
        return 0 if last is None else max(0, room.head.msg_no - last.msg_no)

    # Moving the window.

    def load_older(self) -> None:
        if not self._at_start and self._rows:
            self._start(self._older())

    def load_newer(self) -> None:
        if not self._follows and self._rows:
            self._start(self._newer())

    async def jump(self, seq: int) -> int | None:
        if self._index(seq) is None:
            try:
                await self._show_around(seq)
            except (ParleyError, StorageError) as problem:
                raise service_error(problem) from problem
        return self._index(seq)

    async def jump_to_end(self) -> None:
        if self._follows:
            return
        try:
            await self._take(lambda db: read_tail(db, self._room_id, FIRST_PAGE), self._show)
        except StorageError as problem:
            raise service_error(problem) from problem

    # Acting.

    def send(self, body: str, *, reply_to: int | None = None, mentions: Sequence[Mention] = ()) -> None:
        self._core.send(self._room_id, body, reply_to=reply_to, mentions=mentions)
        if not self._follows:
            self._tasks.spawn(self._quietly(self.jump_to_end()), name="end")

    async def edit(self, seq: int, body: str, *, mentions: Sequence[Mention] = ()) -> None:
        await self._core.edit(self._room_id, seq, body, mentions=mentions)

    async def delete(self, seq: int) -> None:
        await self._core.delete(self._room_id, seq)

    async def react(self, seq: int, emoji: str, *, on: bool) -> None:
        await self._core.react(self._room_id, seq, emoji, on=on)

    def retry(self, key: str) -> None:
        self._core.sender.retry(self._room_id, key)

    def discard(self, key: str) -> None:
        self._core.sender.discard(self._room_id, key)

    def mark_read(self, seq: int) -> None:
        at = bisect_left(self._rows, seq + 1, key=seq_of)
        seen = next((row for row in reversed(self._rows[:at]) if isinstance(row, Message)), None)
        self._core.mark_read(self._room_id, seq, None if seen is None else seen.msg_no)

    def typing(self) -> None:
        self._core.typing(self._room_id)

    # What the core tells.

    def on_applied(self, applied: Applied) -> None:
        """Rows of this room changed in the cache."""
        if not self._opened or applied.tail is None:
            return
        last = self._rows[-1].seq if self._rows else 0
        new: list[Row] = []
        for row in applied.rows:
            index = self._index(row.seq)
            if index is not None:
                self._replace(index, row)
            elif row.seq > last:
                new.append(row)
        if not self._rows and not new:
            return
        if self._follows and self._rows and applied.tail[0] > last + 1:
            # The cache started anew behind a hole: what is shown is not its neighbour.
            self._follows = False
            if self._reading is None:
                self._tasks.spawn(self._quietly(self.jump_to_end()), name="end")
            else:
                self.ends_changed.emit()
        elif self._follows or not self._rows:
            self._follows = True
            self._append(new)
        elif new:
            self.ends_changed.emit()
        self.refresh_drafts()

    def start_anew(self) -> None:
        """The server has another history: what is shown is not in it, nor what is just being read."""
        self._rows, self._items, self._drafts, self._opened = [], [], [], False
        self._age += 1
        self.reset.emit()
        self._start(self._open())

    def on_online(self) -> None:
        """The connection is back: what could not be loaded is tried again."""
        if not self._rows:
            self._start(self._open())

    async def close(self) -> None:
        """End what is loading."""
        await self._tasks.close()

    # Inside.

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        """One movement at a time; a second wish meanwhile is dropped, the view asks again when it scrolls."""
        if self._busy:
            work.close()
            return
        self._busy = True
        self._tasks.spawn(self._finish(work, self._age))

    async def _finish(self, work: Coroutine[Any, Any, None], age: int) -> None:
        try:
            await self._quietly(work)
        finally:
            self._busy = False
        if age != self._age:
            self._start(self._open())

    async def _quietly(self, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        except (ParleyError, StorageError, ServiceError) as problem:
            log.info("page not loaded: %s", problem)

    async def _take(self, job: Job[Page | None], show: Callable[[Page], bool]) -> bool:
        """Read a page and hand it to ``show``; whether that showed it.

        A page is a picture of the cache, and every change of the cache comes by ``on_applied``. So a page is
        shown in its turn among them, never later: what was stored before is in it, what is stored after is
        told after it.
        """
        age, shown = self._age, False

        def take(page: Page | None) -> None:
            nonlocal shown
            shown = page is not None and age == self._age and show(page)

        # Once the history was another: not before the job that forgets the old one, which is not urgent.
        await self._core.worker.run(job, then=take, urgent=not age)
        self._check(age)
        return shown

    async def _open(self) -> None:
        """Until it is open: a room of which nothing could be loaded yet is not one without messages."""
        backoff = Backoff()
        while True:
            try:
                return await self._try_open()
            except ClosedError:
                raise
            except (ParleyError, StorageError) as problem:
                self._set_loading()
                if isinstance(problem, ParleyError):
                    offline = self._core.link.phase is not Phase.ONLINE
                    if offline or problem.code not in RETRYABLE:
                        raise  # ``on_online`` tries again.
                log.info("not opened yet: %s", problem)
            await asyncio.sleep(backoff.next_s())

    def _set_loading(self) -> None:
        if not self._loading and not self._opened:
            self._loading = True
            self.ends_changed.emit()

    async def _try_open(self) -> None:
        self._core.sync.first(self._room_id)
        room = self._core.rooms.get(self._room_id)
        unread = 0 if room is None else room.head.unread
        read = 0 if room is None else room.head.read
        cached = False

        def job(db: Connection) -> Page | None:
            return first_page(db, self._room_id, unread=unread, read=read)

        def show(page: Page) -> bool:
            self._mark_unread(page, unread, read)
            return self._show(page)

        def show_if_reached(page: Page) -> bool:
            nonlocal cached
            cached = True
            return (not unread or page.from_seq <= read + 1) and show(page)

        if not await self._take(job, show_if_reached):
            await self._fetch_first(read, cached=cached)
            if not await self._take(job, show):
                self._loading = False
                self.ends_changed.emit()
                return
        self._tasks.spawn(self._core.load_members(self._room_id, quietly=True), name="members")

    async def _fetch_first(self, read: int, *, cached: bool) -> None:
        """What a room opens with, where the cache does not have it."""
        if not cached:
            self._set_loading()
            await self._fetch()
            return
        try:
            # The first unread message is not cached: its neighbourhood comes from the server.
            await self._fetch(around=max(1, read))
        except ParleyError as problem:
            log.info("opened without the first unread message: %s", problem)

    def _mark_unread(self, page: Page, unread: int, read: int) -> None:
        if not unread:
            return
        news = [row for row in page.rows if row.seq > read]
        first = (row.seq for row in news if isinstance(row, Message) and row.author_id != self._core.me)
        self._unread_from = next(first, None)
        if self._unread_from is None and not (page.is_tail and page.ends):
            # It is further down, and nothing down to there was read.
            self._unread_from = news[0].seq if news else read + 1

    async def _older(self) -> None:
        if not self._rows:
            return
        first = self._rows[0].seq

        def show(page: Page) -> bool:
            if not self._rows or self._rows[0].seq != first:
                return False
            self._rows[:0] = page.rows
            self._items[:0] = [self._item(row) for row in page.rows]
            if page.rows:
                self.inserted.emit(0, len(page.rows))
            self._at_start = page.starts
            self._trim(from_end=True)
            self.ends_changed.emit()
            return True

        def beyond(page: Page) -> dict[str, int]:
            return {} if page.from_seq == START else {"before": page.from_seq}

        await self._extend(first, lambda db: read_before(db, self._room_id, first, PAGE), show, beyond)

    async def _newer(self) -> None:
        if not self._rows:
            return
        last = self._rows[-1].seq

        def show(page: Page) -> bool:
            if not self._rows or self._rows[-1].seq != last:
                return False
            self._follows = page.is_tail and page.ends
            self._append(page.rows)
            self.refresh_drafts()
            self.ends_changed.emit()
            return True

        def beyond(page: Page) -> dict[str, int]:
            return {} if page.is_tail else {"after": page.to_seq}

        await self._extend(last, lambda db: read_after(db, self._room_id, last, PAGE), show, beyond)

    async def _extend(
        self,
        edge: int,
        job: Job[Page | None],
        show: Callable[[Page], bool],
        beyond: Callable[[Page], dict[str, int]],
    ) -> None:
        """Rows from the cache; where its range ends, the server's page is fetched into it first."""
        lacks: dict[str, int] | None = None

        def show_rows(page: Page) -> bool:
            nonlocal lacks
            lacks = {} if page.rows else beyond(page)
            return not lacks and show(page)

        await self._take(job, show_rows)
        if lacks is None:
            # The cache has forgotten what is shown, which may have changed since.
            await self._show_around(edge)
        elif lacks:
            await self._fetch(**lacks)
            await self._take(job, show)

    async def _show_around(self, seq: int) -> None:
        job = around(self._room_id, seq)

        def show(page: Page) -> bool:
            return any(row.seq == seq for row in page.rows) and self._show(page)

        if not await self._take(job, show):
            await self._fetch(around=seq)
            await self._take(job, show)

    async def _fetch(self, **where: int) -> None:
        age = self._age
        await self._core.sync.history(self._room_id, **where, limit=_FETCH)
        self._check(age)

    def _check(self, age: int) -> None:
        if age != self._age:
            raise ServiceError(tr("The server was restored from a backup. Look for it again."))
