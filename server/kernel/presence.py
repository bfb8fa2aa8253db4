"""The presence port: who is connected where. Entries expire unless refreshed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, Protocol

PRESENCE_TTL_MS: Final = 60_000
REFRESH_MS: Final = 20_000


class Presence(Protocol):
    """Connected sessions and the routes from rooms to gateways."""

    async def start(self) -> None:
        """Connect."""
        ...

    async def stop(self) -> None:
        """Disconnect; this process's entries are taken back."""
        ...

    async def add_session(self, user_id: str, device_id: str, gateway: int) -> None:
        """The user is connected with this device; also refreshes."""
        ...

    async def remove_session(self, user_id: str, device_id: str, gateway: int) -> None:
        """The device's connection on this gateway ended; unknown ones are ignored."""
        ...

    async def online(self, user_ids: Sequence[str]) -> set[str]:
        """Those of ``user_ids`` with a connected session."""
        ...

    async def add_routes(self, gateway: int, room_ids: Iterable[str], user_ids: Iterable[str]) -> None:
        """The gateway has members of these rooms, and these users, connected; also refreshes."""
        ...

    async def remove_routes(self, gateway: int, room_ids: Iterable[str], user_ids: Iterable[str]) -> None:
        """It has none any more."""
        ...

    async def gateways_of_rooms(self, room_ids: Sequence[str]) -> dict[str, set[int]]:
        """For each room, the gateways to deliver to; rooms with none are left out."""
        ...

    async def gateways_of_users(self, user_ids: Sequence[str]) -> dict[str, set[int]]:
        """For each user, the gateways to deliver to; users with none are left out."""
        ...
