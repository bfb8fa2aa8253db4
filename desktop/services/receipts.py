"""Sans-I/O: own watermarks on their way to the server, at most one receipt an interval and room."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from common.errors import RETRYABLE, ParleyError

_INTERVAL_S: Final = 1.0
RETRY_S: Final = 5.0
"""Before a receipt that did not arrive goes again, where the server does not say."""
_NONE: Final = (0, 0)

Marks = tuple[int, int]
"""Delivered and read."""


@dataclass(slots=True)
class _Room:
    wanted: Marks = _NONE
    """How far one has come here."""
    known: Marks = _NONE
    """What the server has for certain."""
    sent: Marks = _NONE
    """What it has once everything arrives that is on its way."""
    due_at: float | None = None
    """Not before; None: at once."""


class Receipts:
    """Marks that grew and that the server may not have. What is lost on its way is sent again."""

    def __init__(self) -> None:
        self.interval_s = _INTERVAL_S
        """As the server wants it."""
        self._rooms: dict[str, _Room] = {}
        self._due: set[str] = set()

    def mark(self, room_id: str, *, delivered: int = 0, read: int = 0) -> None:
        """Everything up to these ``seq``s is stored, or seen."""
        room = self._rooms.setdefault(room_id, _Room())
        room.wanted = _highest(room.wanted, (max(delivered, read), read))
        self._look(room_id, room)

    def known(self, room_id: str, *, delivered: int, read: int) -> None:
        """What a head says that the server has; nothing is on its way."""
        room = self._rooms.setdefault(room_id, _Room())
        room.known = room.sent = (delivered, read)
        self._look(room_id, room)

    def offline(self) -> None:
        """What was on its way may be lost."""
        for room_id, room in self._rooms.items():
            room.sent, room.due_at = room.known, None
            self._look(room_id, room)

    def answered(self, room_id: str, marks: Marks, refusal: ParleyError | None, now: float) -> None:
        """A receipt arrived, was refused, or could not even be posted."""
        room = self._rooms.get(room_id)
        if room is None:
            return
        if refusal is None:
            room.known = _highest(room.known, marks)
        elif refusal.code in RETRYABLE:
            wait_s = RETRY_S if refusal.retry_after_ms is None else refusal.retry_after_ms / 1_000
            room.sent, room.due_at = room.known, now + max(self.interval_s, wait_s)
            self._look(room_id, room)
        # Refused for good: what the next head says decides.

    def take_due(self, now: float) -> list[tuple[str, int, int]]:
        """Receipts to send now: room, delivered, read."""
        taken = []
        for room_id in [one for one in self._due if (at := self._rooms[one].due_at) is None or at <= now]:
            room = self._rooms[room_id]
            room.sent, room.due_at = room.wanted, now + self.interval_s
            self._due.discard(room_id)
            taken.append((room_id, *room.wanted))
        return taken

    def next_time(self) -> float | None:
        """When the next one is due."""
        return min((self._rooms[room_id].due_at or 0.0 for room_id in self._due), default=None)

    def forget(self, room_id: str) -> None:
        """One is no member any more."""
        self._rooms.pop(room_id, None)
        self._due.discard(room_id)

    def _look(self, room_id: str, room: _Room) -> None:
        if _highest(room.wanted, room.sent) == room.sent:
            self._due.discard(room_id)
        else:
            self._due.add(room_id)


def _highest(one: Marks, other: Marks) -> Marks:
    return max(one[0], other[0]), max(one[1], other[1])
