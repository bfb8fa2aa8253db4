"""Sans-I/O: own watermarks on their way to the server, at most one receipt an interval and room."""

from __future__ import annotations

from typing import Final

_INTERVAL_S: Final = 1.0


class Receipts:
    """Marks that grew and were not sent yet."""

    def __init__(self) -> None:
        self.interval_s = _INTERVAL_S
        """As the server wants it."""
        self._marks: dict[str, tuple[int, int]] = {}
        self._sent_at: dict[str, float] = {}
        self._sent: dict[str, tuple[int, int]] = {}

    def mark(self, room_id: str, *, delivered: int = 0, read: int = 0) -> None:
        """Everything up to these ``seq``s is stored, or seen."""
        before = self._marks.get(room_id) or self._sent.get(room_id, (0, 0))
        grown = (max(before[0], delivered, read), max(before[1], read))
        if grown != self._sent.get(room_id, (0, 0)):
            self._marks[room_id] = grown

    def known(self, room_id: str, *, delivered: int, read: int) -> None:
        """What the server has already."""
        self._sent[room_id] = (delivered, read)

    def take_due(self, now: float) -> list[tuple[str, int, int]]:
        """Receipts to send now: room, delivered, read."""
        due = [
            room for room in self._marks if self._sent_at.get(room, -self.interval_s) + self.interval_s <= now
        ]
        taken = []
        for room in due:
            marks = self._sent[room] = self._marks.pop(room)
            self._sent_at[room] = now
            taken.append((room, *marks))
        return taken

    def next_time(self) -> float | None:
        """When the next one is due."""
        return min(
            (self._sent_at.get(room, -self.interval_s) + self.interval_s for room in self._marks),
            default=None,
        )

    def forget(self, room_id: str) -> None:
        """One is no member any more."""
        for kept in (self._marks, self._sent_at, self._sent):
            kept.pop(room_id, None)
