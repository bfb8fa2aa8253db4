"""A room with members connected here: how far it was told, and who of them it is told to."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Final

from common.limits import SYNC_MAX_EVENTS
from common.protocol.pushes import RoomEvent
from server.gateway.session import Session

UNKNOWN: Final = -1
"""In place of a ``seq``: of a membership of which no head is known yet."""


class Entry(list[RoomEvent]):
    """What others were told since a session entered."""


class Room:
    """Sessions are told events from behind the ``seq`` of a head that shows their user as a member.

    While the room's own ``seq`` is not known, events are held. Only the latest are: what a full ``held``
    loses shows as a gap once the ``seq`` is known, and is loaded then.
    """

    __slots__ = ("_entering", "_later", "held", "seq", "sessions")

    def __init__(self) -> None:
        self.seq: int | None = None
        """Of the last event that was told."""
        self.held: deque[RoomEvent] = deque(maxlen=SYNC_MAX_EVENTS)
        self.sessions: set[Session] = set()
        """Those that are told what comes."""
        self._entering: dict[Session, Entry] = {}
        """Those whose heads are being read, with what was told to others meanwhile."""
        self._later: dict[Session, int] = {}
        """Those whose heads are ahead of what was told here, with their ``seq``."""

    @property
    def empty(self) -> bool:
        """Nobody is here any more."""
        return not (self.sessions or self._entering or self._later)

    def enter(self, session: Session) -> Entry:
        """Keep for the session what is told from now on; it is let in by what this gives."""
        entry = self._entering[session] = Entry()
        return entry

    def awaits(self, entry: Entry, session: Session) -> bool:
        """Whether the session is still to be let in by this: not yet, not gone, and not entered anew."""
        return self._entering.get(session) is entry

    def keep(self, events: Sequence[RoomEvent]) -> None:
        """These were told."""
        for kept in self._entering.values():
            if len(kept) + len(events) > SYNC_MAX_EVENTS:
                kept.clear()
            kept.extend(events)

    def kept(self, session: Session, after: int) -> list[RoomEvent] | None:
        """All that was told after this ``seq``; None where some of it was not kept."""
        if self.seq is None or self.seq <= after:
            return []
        found = [event for event in self._entering[session] if event.seq > after]
        return found if len(found) == self.seq - after else None

    def let_in(self, session: Session, since: int) -> None:
        """Who entered is told what comes, from behind ``since`` on."""
        del self._entering[session]
        if self.seq is None or self.seq < since:
            self._later[session] = since
        else:
            self.sessions.add(session)

    def reached(self) -> list[Session]:
        """Those that waited for the ``seq`` of now: the caller tells what is on its way, then adds them."""
        if not self._later or self.seq is None:
            return []
        due = [session for session, since in self._later.items() if since <= self.seq]
        for session in due:
            del self._later[session]
        return due

    def forget(self, session: Session) -> None:
        """Tell it nothing more."""
        self.sessions.discard(session)
        self._entering.pop(session, None)
        self._later.pop(session, None)
