"""One room's messages as a window of at most 300 items over cache and server, without gaps."""

from __future__ import annotations

import logging
from bisect import bisect_left
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, Final

from PySide6.QtCore import QObject, Signal

from common.errors import ParleyError
from common.protocol.types import Mention, Message
from desktop.net.tasks import TaskOwner
from desktop.services.core import Core
from desktop.services.pages import FIRST_PAGE, around, first_page, seq_of
from desktop.services.render import Renderer
from desktop.services.state import MessageItem, SendState, TimelineItem
from desktop.storage.cache import START, Applied, Page, Row, read_after, read_before, read_tail
from desktop.storage.outbox import Draft
from desktop.storage.worker import StorageError

log: Final = logging.getLogger(__name__)

WINDOW: Final = 300
ROWS_MAX: Final = 260
"""Stream rows after a trim; the rest of the window is room for drafts and for growing without trimming."""
DRAFTS_MAX: Final = 40
PAGE: Final = 60


class TimelineService(QObject):
    """See ``desktop.services.api.Timeline``."""

    reset = Signal()
    inserted = Signal(int, int)
    removed = Signal(int, int)
    updated = Signal(int)
    ends_changed = Signal()

    def __init__(self, core: Core, room_id: str) -> None:
        super().__init__()
        self._core = core
        self._room_id = room_id
        self._renderer = Renderer(core.people, core.me)
        self._rows: list[Row] = []
        self._drafts: list[Draft] = []
        self._items: list[TimelineItem] = []
        self._tasks = TaskOwner(f"timeline {room_id[:8]}")
        self._busy = self._stale = False
        self._meanwhile: list[Row] = []
        self._follows = False
        self._at_start = False
        self._opened = False
        self._loading = False
        self._unread_from: int | None = None
        self._start(self._open())

    # What views read.

    @property
    def items(self) -> Sequence[TimelineItem]:
        return self._items

    @property
    def at_start(self) -> bool:
        return self._at_start

    @property
    def at_end(self) -> bool:
        return self._follows

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
        if (index := self._index(seq)) is not None:
            return index
        job = around(self._room_id, seq)
        page = await self._core.read(job)
        if page is None:
            await self._fetch(around=seq)
            page = await self._core.read(job)
        if page is None or all(row.seq != seq for row in page.rows):
            return None
        self._show(page)
        return self._index(seq)

    async def jump_to_end(self) -> None:
        if not self._follows:
            page = await self._core.read(lambda db: read_tail(db, self._room_id, FIRST_PAGE))
            if page is not None:
                self._show(page)

    # Acting.

    def send(self, body: str, *, reply_to: int | None = None, mentions: Sequence[Mention] = ()) -> None:
        self._core.send(self._room_id, body, reply_to=reply_to, mentions=mentions)
        if not self._follows:
            self._start(self.jump_to_end())

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
        if self._busy and applied.tail is not None:
            # A page that is under way may have been read before these were stored.
            self._meanwhile += applied.rows
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
            self._start(self.jump_to_end())
        elif self._follows or not self._rows:
            self._append(new)
            self._follows = True
        elif new:
            self.ends_changed.emit()
        self.refresh_drafts()

    def start_anew(self) -> None:
        """The server has another history: what is shown is not in it, nor what is just being read."""
        self._rows, self._items, self._drafts, self._opened = [], [], [], False
        self.reset.emit()
        self._stale = self._busy
        self._start(self._open())

    def on_online(self) -> None:
        """The connection is back: what could not be loaded is tried again."""
        if not self._rows:
            self._start(self._open())

    def on_people(self, user_ids: set[str]) -> None:
        """People look different."""
        for index, row in enumerate(self._rows):
            if self._renderer.concerns(row, user_ids):
                self._replace(index, row)

    def on_marks(self) -> None:
        """Watermarks of the room grew: ticks change from the newest own message upwards."""
        room = self._core.rooms.get(self._room_id)
        if room is None:
            return
        for index in range(len(self._rows) - 1, -1, -1):
            item = self._items[index]
            if isinstance(item, MessageItem) and item.own and item.seq is not None:
                if item.state is SendState.READ:
                    return
                if item.state is not room.send_state(item.seq):
                    self._replace(index, self._rows[index])

    def refresh_drafts(self) -> None:
        """The outbox of the room changed."""
        drafts = self._core.outbox.drafts(self._room_id)[-DRAFTS_MAX:] if self._follows else []
        if drafts == self._drafts:
            return
        base = len(self._rows)
        keys = {draft.client_msg_id for draft in drafts}
        for index in range(len(self._drafts) - 1, -1, -1):
            if self._drafts[index].client_msg_id not in keys:
                del self._drafts[index], self._items[base + index]
                self.removed.emit(base + index, 1)
        for index, draft in enumerate(drafts):
            if index < len(self._drafts) and self._drafts[index].client_msg_id == draft.client_msg_id:
                if self._drafts[index] != draft:
                    self._drafts[index] = draft
                    self._items[base + index] = self._draft_item(draft)
                    self.updated.emit(base + index)
            else:
                self._drafts.insert(index, draft)
                self._items.insert(base + index, self._draft_item(draft))
                self.inserted.emit(base + index, 1)

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
        self._meanwhile.clear()
        self._tasks.spawn(self._finish(work))

    async def _finish(self, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        except (ParleyError, StorageError) as problem:
            log.info("page not loaded: %s", problem)
        finally:
            self._busy = False
            if self._loading:
                self._loading = False
                self.ends_changed.emit()
        if self._stale:
            self.start_anew()

    async def _open(self) -> None:
        room = self._core.rooms.get(self._room_id)
        unread = 0 if room is None else room.head.unread
        read = 0 if room is None else room.head.read
        page = await self._first_page(unread, read)
        if page is None:
            self._loading = True
            self.ends_changed.emit()
            await self._fetch()
            page = await self._first_page(unread, read)
        elif unread and not page.from_seq <= read + 1:
            # The first unread message is not cached: its neighbourhood comes from the server.
            await self._fetch(around=max(1, read))
            page = await self._first_page(unread, read) or page
        if page is None:
            return
        self._loading = False
        if unread:
            news = (row for row in page.rows if isinstance(row, Message) and row.seq > read)
            self._unread_from = next((row.seq for row in news if row.author_id != self._core.me), None)
        self._show(page)
        self._tasks.spawn(self._core.load_members(self._room_id, quietly=True), name="members")

    async def _first_page(self, unread: int, read: int) -> Page | None:
        room_id = self._room_id
        return await self._core.read(lambda db: first_page(db, room_id, unread=unread, read=read))

    async def _older(self) -> None:
        first = self._rows[0].seq
        page = await self._page(lambda db: read_before(db, self._room_id, first, PAGE), "older")
        if page is None or not self._rows or self._rows[0].seq != first:
            return
        self._rows[:0] = page.rows
        self._items[:0] = [self._item(row) for row in page.rows]
        if page.rows:
            self.inserted.emit(0, len(page.rows))
        self._at_start = page.starts
        self._trim(from_end=True)
        self.ends_changed.emit()

    async def _newer(self) -> None:
        last = self._rows[-1].seq
        page = await self._page(lambda db: read_after(db, self._room_id, last, PAGE), "newer")
        if page is None or not self._rows or self._rows[-1].seq != last:
            return
        self._follows = page.is_tail and page.ends
        self._append(page.rows)
        self.refresh_drafts()
        self.ends_changed.emit()

    async def _page(self, job: Callable[[Any], Page | None], side: str) -> Page | None:
        """Rows from the cache; where its range ends, the server's page is fetched into it first."""
        page = await self._core.read(job)
        if page is not None and not page.rows:
            if side == "older" and page.from_seq != START:
                await self._fetch(before=page.from_seq)
                page = await self._core.read(job)
            elif side == "newer" and not page.is_tail:
                await self._fetch(after=page.to_seq)
                page = await self._core.read(job)
        return page

    async def _fetch(
        self, *, before: int | None = None, after: int | None = None, around: int | None = None
    ) -> None:
        await self._core.sync.history(
            self._room_id, before=before, after=after, around=around, limit=FIRST_PAGE
        )

    def _show(self, page: Page) -> None:
        rows = page.rows[-WINDOW + DRAFTS_MAX :]
        self._rows = rows
        self._opened = True
        self._follows = page.is_tail and page.ends
        self._at_start = page.starts and len(rows) == len(page.rows)
        self._drafts = self._core.outbox.drafts(self._room_id)[-DRAFTS_MAX:] if self._follows else []
        self._items = [self._item(row) for row in rows] + [self._draft_item(draft) for draft in self._drafts]
        self.reset.emit()
        self._take_meanwhile()
        self.ends_changed.emit()

    def _take_meanwhile(self) -> None:
        """What was stored between the reading of the page and now."""
        meanwhile, self._meanwhile = self._meanwhile, []
        for row in meanwhile:
            index = self._index(row.seq)
            if index is not None:
                self._replace(index, row)
            elif self._follows and (not self._rows or row.seq > self._rows[-1].seq):
                self._append([row])

    def _append(self, rows: Sequence[Row]) -> None:
        for row in rows:
            at = len(self._rows)
            key = row.client_msg_id if isinstance(row, Message) and row.author_id == self._core.me else None
            place = next((i for i, draft in enumerate(self._drafts) if draft.client_msg_id == key), None)
            if place is not None:
                del self._drafts[place], self._items[at + place]
                if place:
                    self.removed.emit(at + place, 1)
            self._rows.append(row)
            self._items.insert(at, self._item(row))
            if place == 0:
                self.updated.emit(at)  # the draft in its place: the key stays, nothing jumps
            else:
                self.inserted.emit(at, 1)
        self._trim(from_end=False)

    def _trim(self, *, from_end: bool) -> None:
        extra = len(self._rows) - ROWS_MAX
        if len(self._items) <= WINDOW:
            return
        if from_end:
            self._follows = False
            count = len(self._items) - ROWS_MAX
            del self._rows[ROWS_MAX:], self._items[ROWS_MAX:]
            self._drafts = []
            self.removed.emit(ROWS_MAX, count)
        else:
            del self._rows[:extra], self._items[:extra]
            self._at_start = False
            self.removed.emit(0, extra)
            self.ends_changed.emit()

    def _replace(self, index: int, row: Row) -> None:
        self._rows[index] = row
        item = self._item(row)
        if item != self._items[index]:
            self._items[index] = item
            self.updated.emit(index)

    def _index(self, seq: int) -> int | None:
        index = bisect_left(self._rows, seq, key=seq_of)
        return index if index < len(self._rows) and self._rows[index].seq == seq else None

    def _item(self, row: Row) -> TimelineItem:
        return self._renderer.row(row, self._core.rooms.get(self._room_id))

    def _draft_item(self, draft: Draft) -> MessageItem:
        index = None if draft.reply_to is None else self._index(draft.reply_to)
        quoted = None if index is None else self._rows[index]
        return self._renderer.draft(draft, quoted if isinstance(quoted, Message) else None)
