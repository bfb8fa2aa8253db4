"""Hands deliveries to the gateways that hold a receiver: cost follows members, not machines."""

from __future__ import annotations

from typing import assert_never

from server.kernel.bus import EventBus
from server.kernel.delivery import (
    DELIVERED,
    Answers,
    Delivery,
    MarksDelivery,
    ProfileDelivery,
    RoomDelivery,
    TypingDelivery,
    UserDelivery,
)
from server.kernel.presence import Presence


class DeliveryPublisher:
    """Looks up where a delivery belongs and publishes it there, and nowhere else."""

    def __init__(self, *, bus: EventBus, presence: Presence) -> None:
        self._bus = bus
        self._presence = presence

    async def deliver(self, delivery: Delivery) -> None:
        """Publish after commit. Deliveries of one caller arrive in the order of its calls.

        Raises:
            BusUnavailableError: the bus is full or away; clients find the gap by ``seq``.
        """
        for gateway in await self._gateways(delivery):
            await self._bus.publish_to(DELIVERED, gateway, delivery)

    async def _gateways(self, delivery: Delivery) -> set[int]:
        match delivery:
            case RoomDelivery() | MarksDelivery() | TypingDelivery():
                routes = await self._presence.gateways_of_rooms((delivery.room_id,))
            case Answers():
                return {delivery.origin.gateway}
            case UserDelivery():
                routes = await self._presence.gateways_of_users((delivery.user_id,))
            case ProfileDelivery():
                routes = await self._presence.gateways_of_rooms(delivery.room_ids)
            case _:
                assert_never(delivery)
        return set().union(*routes.values())
