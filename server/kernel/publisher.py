"""Hands deliveries to the gateways that hold a receiver: cost follows members, not machines."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, TypeVar

import structlog
from msgspec.structs import replace

from server.kernel.bus import EventBus, RecordTooLargeError, Topic
from server.kernel.delivery import (
    DELIVERED,
    Answers,
    Delivery,
    ProfileDelivery,
    RoomDelivery,
    UserDelivery,
)
from server.kernel.presence import Presence, Routes

T = TypeVar("T")
Records = Sequence[tuple[int, Delivery]]
log: Final = structlog.get_logger(__name__)


class DeliveryPublisher:
    """Looks up where deliveries belong, and publishes each there and nowhere else.

    While the routes can't be relied on it goes to every partition: each gateway drops what is not for it.
    """

    def __init__(self, *, bus: EventBus, presence: Presence) -> None:
        self._bus = bus
        self._presence = presence

    async def deliver(self, deliveries: Sequence[Delivery]) -> None:
        """Publish after commit. Deliveries of one caller arrive in their order.

        Raises:
            BusUnavailableError: the bus is full or away; clients find the gap by ``seq``.
        """
        room_ids = dict.fromkeys(room_id for each in deliveries for room_id in _rooms(each))
        user_ids = dict.fromkeys(each.user_id for each in deliveries if isinstance(each, UserDelivery))
        routes: Routes | None = {}
        if room_ids or user_ids:
            routes = await self._presence.routes(list(room_ids), list(user_ids))
        everywhere = range(await self._bus.partitions(DELIVERED)) if routes is None else range(0)
        records = [(gateway, each) for each in deliveries for gateway in _gateways(each, routes, everywhere)]
        if records:
            await self._publish(records)

    async def _publish(self, records: Records) -> None:
        """What is too large for one record goes as several, each with as much as the bus takes."""
        try:
            await self._bus.publish_to(DELIVERED, records)
        except RecordTooLargeError:
            smaller = _halves(records)
            if not smaller:
                # Given back, it would hold up everything behind it for ever.
                log.exception("delivery_too_large", delivery=type(records[0][1]).__name__)
            for half in smaller:
                await self._publish(half)


async def broadcast(bus: EventBus, topic: Topic[T], payload: T) -> None:
    """To whoever reads any partition of the topic.

    Raises:
        BusUnavailableError: some may have it.
    """
    await bus.publish_to(topic, [(partition, payload) for partition in range(await bus.partitions(topic))])


def _halves(records: Records) -> Sequence[Records]:
    """In their order; none where there is no less than this."""
    if len(records) > 1:
        middle = len(records) // 2
        return records[:middle], records[middle:]
    gateway, delivery = records[0]
    match delivery:
        case RoomDelivery(events=parts) | UserDelivery(events=parts) if len(parts) > 1:
            name = "events"
        case Answers(pushes=parts) if len(parts) > 1:
            name = "pushes"
        case _:
            return ()
    middle = len(parts) // 2
    return [[(gateway, replace(delivery, **{name: half}))] for half in (parts[:middle], parts[middle:])]


def _rooms(delivery: Delivery) -> Iterable[str]:
    match delivery:
        case Answers() | UserDelivery():
            return ()
        case ProfileDelivery():
            return delivery.room_ids
        case _:
            return (delivery.room_id,)


def _gateways(delivery: Delivery, routes: Routes | None, everywhere: Iterable[int]) -> Iterable[int]:
    if isinstance(delivery, Answers):
        return (delivery.origin.gateway,)
    if routes is None:
        return everywhere
    ids = (delivery.user_id,) if isinstance(delivery, UserDelivery) else _rooms(delivery)
    return sorted(set().union(*(routes.get(one, ()) for one in ids)))
