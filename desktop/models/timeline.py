"""A room's messages as a Qt model."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QAbstractListModel, QModelIndex, QObject, QPersistentModelIndex, Qt

from desktop.services.api import Timeline
from desktop.services.state import MessageItem, NoticeItem, SendState, TimelineItem
from desktop.ui.i18n import tr
from desktop.ui.plain import plain
from desktop.ui.times import clock_time

ITEM_ROLE = Qt.ItemDataRole.UserRole
_Index = QModelIndex | QPersistentModelIndex
_NOWHERE = QModelIndex()


def _state_words(state: SendState) -> str:
    return {
        SendState.WAITING: tr("sending"),
        SendState.SENT: tr("sent"),
        SendState.DELIVERED: tr("delivered to all"),
        SendState.READ: tr("read by all"),
        SendState.FAILED: tr("not sent"),
    }.get(state, "")


def spoken(item: MessageItem) -> str:
    """A message as a screen reader says it: who, when, what, and all that is drawn beside it."""
    name, time = item.author.name, clock_time(item.sent_at_ms)
    if item.deleted:
        return tr("{name}, {time}: message deleted").format(name=name, time=time)
    parts = [tr("{name}, {time}: {text}").format(name=name, time=time, text=plain(item.body))]
    if item.reply is not None:
        parts.insert(0, tr("Reply to {name}").format(name=item.reply.author.name))
    if item.edited:
        parts.append(tr("edited"))
    parts += [f"{reaction.emoji} {reaction.count}" for reaction in item.reactions]
    parts += filter(None, [_state_words(item.state), item.error])
    return ". ".join(parts)


def _joins(item: TimelineItem) -> tuple[str, int]:
    """What the look of the row below depends on: by whom, and when."""
    return ("", item.at_ms) if isinstance(item, NoticeItem) else (item.author.user_id, item.sent_at_ms)


def hindrance(items: Sequence[TimelineItem]) -> str:
    """Why the newest message that waits or failed did not leave, in words; empty where nothing is."""
    # What the server does not have yet stands below all that it has.
    for item in reversed(items):
        if not isinstance(item, MessageItem) or item.seq is not None:
            break
        if item.error:
            return item.error
    return ""


class TimelineModel(QAbstractListModel):
    """A copy of the timeline's window, changed as its signals say."""

    def __init__(self, timeline: Timeline, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._timeline = timeline
        self._items: list[TimelineItem] = list(timeline.items)
        timeline.reset.connect(self._reset)
        timeline.inserted.connect(self._inserted)
        timeline.removed.connect(self._removed)
        timeline.updated.connect(self._updated)

    def rowCount(self, parent: _Index = _NOWHERE) -> int:
        return 0 if parent.isValid() else len(self._items)

    def data(self, index: _Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        if not index.isValid():
            return None
        item = self._items[index.row()]
        if role == ITEM_ROLE:
            return item
        if role in {Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.AccessibleTextRole}:
            return item.text if isinstance(item, NoticeItem) else spoken(item)
        return None

    def item(self, row: int) -> TimelineItem:
        """What a row shows: the same object until it changes."""
        return self._items[row]

    def before(self, row: int) -> TimelineItem | None:
        """What the row above shows; None above the first."""
        return self._items[row - 1] if row else None

    def row_of_key(self, key: str) -> int:
        """The row of an item, or -1."""
        return next((row for row, item in enumerate(self._items) if item.key == key), -1)

    def row_of_seq(self, seq: int) -> int:
        """The row of a message or notice, or -1."""
        return next((row for row, item in enumerate(self._items) if item.seq == seq), -1)

    def messages_after(self, row: int) -> int:
        """How many messages, notices left out, follow a row."""
        return sum(isinstance(item, MessageItem) for item in self._items[row + 1 :])

    def _reset(self) -> None:
        self.beginResetModel()
        self._items = list(self._timeline.items)
        self.endResetModel()

    def _inserted(self, first: int, count: int) -> None:
        self.beginInsertRows(QModelIndex(), first, first + count - 1)
        self._items[first:first] = self._timeline.items[first : first + count]
        self.endInsertRows()
        self._touch(first + count)

    def _removed(self, first: int, count: int) -> None:
        self.beginRemoveRows(QModelIndex(), first, first + count - 1)
        del self._items[first : first + count]
        self.endRemoveRows()
        self._touch(first)

    def _updated(self, row: int) -> None:
        before, item = self._items[row], self._timeline.items[row]
        self._items[row] = item
        self._touch(row)
        if _joins(before) != _joins(item):
            self._touch(row + 1)

    def _touch(self, row: int) -> None:
        """A row's look depends on the one before it."""
        if row < len(self._items):
            self.dataChanged.emit(self.index(row), self.index(row))
