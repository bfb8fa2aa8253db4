"""The room list as a Qt model."""

from __future__ import annotations

from PySide6.QtCore import QAbstractListModel, QModelIndex, QObject, QPersistentModelIndex, Qt

from desktop.services.api import Account
from desktop.services.state import RoomItem
from desktop.ui.i18n import tr
from desktop.ui.plain import plain

ITEM_ROLE = Qt.ItemDataRole.UserRole
_Index = QModelIndex | QPersistentModelIndex
_NOWHERE = QModelIndex()


def preview(room: RoomItem) -> str:
    """What was written last in one line, and by whom; empty where nothing was."""
    text = plain(room.preview)
    return tr("{name}: {text}").format(name=room.preview_by, text=text) if text and room.preview_by else text


class RoomListModel(QAbstractListModel):
    """Latest activity first, as the account has them."""

    def __init__(self, account: Account, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._account = account
        self._rooms: list[RoomItem] = list(account.rooms)
        account.rooms_reset.connect(self._reset)
        account.room_changed.connect(self._changed)

    def rowCount(self, parent: _Index = _NOWHERE) -> int:
        return 0 if parent.isValid() else len(self._rooms)

    def data(self, index: _Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        if not index.isValid():
            return None
        room = self._rooms[index.row()]
        if role == ITEM_ROLE:
            return room
        if role == Qt.ItemDataRole.DisplayRole:
            return room.title
        if role == Qt.ItemDataRole.AccessibleTextRole:
            unread = tr(", {count} unread").format(count=room.unread) if room.unread else ""
            return f"{room.title}{unread}. {preview(room)}"
        return None

    def row_of(self, room_id: str) -> int:
        """The row of a room, or -1."""
        return next((row for row, room in enumerate(self._rooms) if room.room_id == room_id), -1)

    def _reset(self) -> None:
        self.beginResetModel()
        self._rooms = list(self._account.rooms)
        self.endResetModel()

    def _changed(self, room_id: str) -> None:
        row, room = self.row_of(room_id), self._account.room(room_id)
        if row >= 0 and room is not None:
            self._rooms[row] = room
            self.dataChanged.emit(self.index(row), self.index(row))
