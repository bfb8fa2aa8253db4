"""What is shown of one room: at most 200 rows of the cache without a gap, then what waits in the outbox."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from typing import Final

from PySide6.QtCore import QObject, Signal

from common.protocol.types import Message
from desktop.services.core import Core
from desktop.services.pages import seq_of
from desktop.services.render import Renderer
from desktop.services.state import MessageItem, SendState, TimelineItem
from desktop.storage.cache import Page, Row
from desktop.storage.outbox import Draft

WINDOW: Final = 200
"""As many as a person scrolls through without waiting, and few enough to be kept laid out."""
ROWS_MAX: Final = 160
"""Stream rows after a trim; the rest of the window is room for drafts and for growing without trimming."""
DRAFTS_MAX: Final = 40
_AROUND: Final = 20
"""Rows above the first one on screen that stay with it."""


class Window(QObject):
    """Rows, drafts and their items, and the signals that tell how they change; it loads nothing."""

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
        self._follows = False
        self._at_start = False
        self._opened = False
        self._loading = False
        self._reading: int | None = None

    @property
    def items(self) -> Sequence[TimelineItem]:
        return self._items

    @property
    def at_start(self) -> bool:
        return self._at_start

    @property
    def at_end(self) -> bool:
        return self._follows

    def reading(self, seq: int | None) -> None:
        """See ``desktop.services.api.Timeline``."""
        self._reading = seq

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

    # Inside.

    def _show(self, page: Page) -> bool:
        rows = page.rows[-WINDOW + DRAFTS_MAX :]
        self._rows = rows
        self._opened = True
        self._loading = False
        self._follows = page.is_tail and page.ends
        self._at_start = page.starts and len(rows) == len(page.rows)
        self._drafts = self._core.outbox.drafts(self._room_id)[-DRAFTS_MAX:] if self._follows else []
        self._items = [self._item(row) for row in rows] + [self._draft_item(draft) for draft in self._drafts]
        self.reset.emit()
        self.ends_changed.emit()
        return True

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
        if len(self._items) > WINDOW:
            # Where somebody reads far above, what comes waits below the window.
            first_kept = self._rows[len(self._rows) - ROWS_MAX + _AROUND].seq
            self._trim(from_end=self._reading is not None and self._reading < first_kept)
            self.ends_changed.emit()

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
