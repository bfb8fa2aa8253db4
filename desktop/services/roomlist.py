"""The rooms of an account as its list shows them, newest activity first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from desktop.services.core import Core
from desktop.services.rooms import room_item
from desktop.services.state import RoomItem


class RoomList:
    """Items, made once per change, and the texts that were typed and not sent.

    The texts are kept by room id and not only in the room: rooms are dropped and fetched again when the
    copy was damaged or the server's history is another one.
    """

    def __init__(self, core: Core, texts: Mapping[str, str]) -> None:
        self._core = core
        self.texts = dict(texts)
        self._items: list[RoomItem] = []
        self.rebuild()

    @property
    def items(self) -> Sequence[RoomItem]:
        return self._items

    def item(self, room_id: str) -> RoomItem:
        """Of a room that exists."""
        room = self._core.rooms[room_id]
        if room.item is None:
            room.draft = self.texts.get(room_id, "")
            waiting = self._core.outbox.drafts(room_id)
            room.item = room_item(
                room, people=self._core.people, me=self._core.me, waiting=waiting[-1] if waiting else None
            )
        return room.item

    def title(self, room_id: str) -> str:
        """Of a room as it was shown last; empty where it never was."""
        return next((item.title for item in self._items if item.room_id == room_id), "")

    def unsent(self) -> int:
        """How many texts there are."""
        return sum(1 for text in self.texts.values() if text)

    def rebuild(self) -> bool:
        """Take in what changed; whether the order did."""
        before = [item.room_id for item in self._items]
        items = [self.item(room_id) for room_id in self._core.rooms]
        items.sort(key=lambda item: (-self._activity(item), item.room_id))
        self._items = items
        return before != [item.room_id for item in items]

    def _activity(self, item: RoomItem) -> int:
        if item.preview_at_ms is not None:
            return item.preview_at_ms
        return self._core.rooms[item.room_id].activity_ms
