"""A timeline of one room without a server: the window's items, and what was asked of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from PySide6.QtCore import QObject, Signal

from common.protocol.types import Mention
from desktop.services.api import Timeline
from desktop.services.state import MessageItem, NoticeItem, Person, SendState, TimelineItem

ME = Person(user_id="me", name="Mira Rossi", username="mira")
DARIO = Person(user_id="dario", name="Dario Lang", username="dario")
START_MS = 1_700_000_000_000
APART_MS = 60_000


def message(seq: int, body: str = "", *, own: bool = False, state: SendState | None = None) -> MessageItem:
    """Of Dario, or one's own; a minute after the one before."""
    return MessageItem(
        key=f"m{seq}",
        room_id="room",
        seq=seq,
        rev=seq,
        author=ME if own else DARIO,
        own=own,
        body=body or f"message {seq}",
        sent_at_ms=START_MS + seq * APART_MS,
        state=state or (SendState.SENT if own else SendState.NONE),
    )


def notice(seq: int, text: str = "Dario Lang joined") -> NoticeItem:
    """A line between messages."""
    return NoticeItem(key=f"n{seq}", seq=seq, text=text, at_ms=START_MS + seq * APART_MS)


class FakeTimeline(QObject):
    """Change ``items`` by the methods only: they tell the model as the service does."""

    reset = Signal()
    inserted = Signal(int, int)
    removed = Signal(int, int)
    updated = Signal(int)
    ends_changed = Signal()

    def __init__(self, items: Sequence[TimelineItem] = (), *, unread_from: int | None = None) -> None:
        super().__init__()
        self._items = list(items)
        self.unread_from = unread_from
        self.at_start = True
        self.at_end = True
        self.loading = False
        self.newer_count = 0
        self.read: list[int] = []
        self.sent: list[str] = []
        self.mentioned: list[Mention] = []
        """By what was sent last."""
        self.older_wanted = 0
        self.newer_wanted = 0
        self.first_read: int | None = None
        self.typed = 0
        self.answered: int | None = None
        """By what was sent last."""

    @property
    def items(self) -> Sequence[TimelineItem]:
        return self._items

    def add(self, *items: TimelineItem) -> None:
        """At the end."""
        first = len(self._items)
        self._items += items
        self.inserted.emit(first, len(items))

    def add_before(self, *items: TimelineItem) -> None:
        """History came in."""
        self._items[:0] = items
        self.inserted.emit(0, len(items))

    def take(self, row: int, count: int = 1) -> None:
        """The window moved, or a draft was discarded."""
        del self._items[row : row + count]
        self.removed.emit(row, count)

    def change(self, row: int, **fields: object) -> None:
        """Edited, reacted to, delivered."""
        self._items[row] = replace(self._items[row], **fields)  # type: ignore[arg-type]  # any field of either
        self.updated.emit(row)

    def reading(self, seq: int | None) -> None:
        self.first_read = seq

    def load_older(self) -> None:
        self.older_wanted += 1

    def load_newer(self) -> None:
        self.newer_wanted += 1

    async def jump(self, seq: int) -> int | None:
        return next((row for row, item in enumerate(self._items) if item.seq == seq), None)

    async def jump_to_end(self) -> None:
        self.at_end = True

    def send(self, body: str, *, reply_to: int | None = None, mentions: Sequence[Mention] = ()) -> None:
        self.answered = reply_to
        self.sent.append(body)
        self.mentioned = list(mentions)

    async def edit(self, seq: int, body: str, *, mentions: Sequence[Mention] = ()) -> None:
        del mentions
        row = next(row for row, item in enumerate(self._items) if item.seq == seq)
        self.change(row, body=body, edited=True)

    async def delete(self, seq: int) -> None:
        row = next(row for row, item in enumerate(self._items) if item.seq == seq)
        self.change(row, body="", deleted=True)

    async def react(self, seq: int, emoji: str, *, on: bool) -> None:
        del seq, emoji, on

    def retry(self, key: str) -> None:
        del key

    def discard(self, key: str) -> None:
        self.take(next(row for row, item in enumerate(self._items) if item.key == key))

    def mark_read(self, seq: int) -> None:
        self.read.append(seq)

    def typing(self) -> None:
        self.typed += 1


def as_timeline(fake: FakeTimeline) -> Timeline:
    """Proves to the type checker that it is one."""
    return fake
