"""``Presence`` for a server that is one process: its own sessions are all there are.

Nothing expires here: what the entries of a crashed gateway would outlive, this process does not either.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence

from server.kernel.presence import Routes


class MemoryPresence:
    """Sets in memory, keyed as Redis would key them."""

    def __init__(self) -> None:
        self._sessions: defaultdict[str, Counter[tuple[str, int]]] = defaultdict(Counter)
        self._rooms: defaultdict[str, set[int]] = defaultdict(set)
        self._users: defaultdict[str, set[int]] = defaultdict(set)

    @property
    def reliable(self) -> bool:
        """Always."""
        return True

    async def start(self) -> None:
        """Nothing to connect to."""

    async def check(self) -> None:
        """It is here."""

    async def stop(self) -> None:
        """Forget everything."""
        self._sessions.clear()
        self._rooms.clear()
        self._users.clear()

    async def add_session(self, user_id: str, device_id: str, gateway: int) -> None:
        """Connected; once more is a refresh."""
        self._sessions[user_id][device_id, gateway] = 1

    async def remove_session(self, user_id: str, device_id: str, gateway: int) -> None:
        """Not connected any more."""
        sessions = self._sessions.get(user_id)
        if sessions is not None:
            sessions.pop((device_id, gateway), None)
            if not sessions:
                del self._sessions[user_id]

    async def online(self, user_ids: Sequence[str]) -> set[str]:
        """Those with a session."""
        return {user_id for user_id in user_ids if user_id in self._sessions}

    async def add_routes(self, gateway: int, room_ids: Iterable[str], user_ids: Iterable[str]) -> None:
        """The gateway wants what goes to these."""
        for room_id in room_ids:
            self._rooms[room_id].add(gateway)
        for user_id in user_ids:
            self._users[user_id].add(gateway)

    async def remove_routes(self, gateway: int, room_ids: Iterable[str], user_ids: Iterable[str]) -> None:
        """It does not any more."""
        for table, keys in ((self._rooms, room_ids), (self._users, user_ids)):
            for key in keys:
                gateways = table.get(key)
                if gateways is not None:
                    gateways.discard(gateway)
                    if not gateways:
                        del table[key]

    async def routes(self, room_ids: Sequence[str], user_ids: Sequence[str]) -> Routes:
        """Of rooms and users; those with none are left out."""
        found = {room_id: set(self._rooms[room_id]) for room_id in room_ids if room_id in self._rooms}
        found.update({user_id: set(self._users[user_id]) for user_id in user_ids if user_id in self._users})
        return found
