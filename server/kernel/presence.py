"""The presence port: who is connected where. Entries expire unless refreshed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, Protocol

PRESENCE_TTL_MS: Final = 60_000

Routes = dict[str, set[int]]
"""For each room or user the gateways to deliver to; those with none are left out."""


class Presence(Protocol):
    """Connected sessions and the routes from rooms to gateways.

    Routes are a help, never the truth: where they were lost, or can't be read, deliveries go everywhere.
    """

    @property
    def reliable(self) -> bool:
        """Whether all that this process added can be found by others.

        While it is not, deliveries may go past this process: it compares with the database often.
        """
        ...

    async def start(self) -> None:
        """Connect."""
        ...

    async def check(self) -> None:
        """Whether it answers now.

        Raises:
            ParleyError: it does not.
        """
        ...

    async def stop(self) -> None:
        """Disconnect; this process's entries are taken back."""
        ...

    async def add_session(self, user_id: str, device_id: str, gateway: int) -> None:
        """The user is connected with this device; also refreshes. What can't be written now is later."""
        ...

    async def remove_session(self, user_id: str, device_id: str, gateway: int) -> None:
        """The device's connection on this gateway ended; unknown ones are ignored."""
        ...

    async def online(self, user_ids: Sequence[str]) -> set[str]:
        """Those of ``user_ids`` with a connected session."""
        ...

    async def add_routes(self, gateway: int, room_ids: Iterable[str], user_ids: Iterable[str]) -> None:
        """The gateway has members of these rooms, and these users, connected; also refreshes.

        What can't be written now is later, and ``reliable`` is False until then.
        """
        ...

    async def remove_routes(self, gateway: int, room_ids: Iterable[str], user_ids: Iterable[str]) -> None:
        """It has none any more."""
        ...

    async def routes(self, room_ids: Sequence[str], user_ids: Sequence[str]) -> Routes | None:
        """Where to deliver to. None: they were lost lately or can't be read, so everywhere."""
        ...
