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

_KNOWN_MAX: Final = 10_000
"""Rooms and users."""


class DeliveryPublisher:
    """Looks up where deliveries belong, and publishes each there.

    They go to the gateways of the last time at once, and are then looked up for those that came since: nobody
    waits for the look, and it is no older than the commit. A gateway that is there no more costs one record.
    While the routes can't be relied on it goes to every partition: each gateway drops what is not for it.
    """

    def __init__(self, *, bus: EventBus, presence: Presence) -> None:
        self._bus = bus
        self._presence = presence
        self._known: Routes = {}

    async def deliver(self, deliveries: Sequence[Delivery]) -> None:
        """Publish after commit. What one caller has for a room or user arrives in its order, answers last.

        Raises:
            BusUnavailableError: the bus is full or away; clients find the gap by ``seq``.
        """
        early = [_found(each, self._known) for each in deliveries]
        await self._publish(_addressed(deliveries, early))
        now = await self._look_up(deliveries)
        await self._publish(_addressed(deliveries, map(set.difference, now, early)))

    async def _look_up(self, deliveries: Sequence[Delivery]) -> list[set[int]]:
        """For each the gateways that it is for."""
        room_ids = list(dict.fromkeys(room_id for each in deliveries for room_id in _rooms(each)))
        user_ids = list(dict.fromkeys(each.user_id for each in deliveries if isinstance(each, UserDelivery)))
        routes: Routes | None = {}
        if room_ids or user_ids:
            routes = await self._presence.routes(room_ids, user_ids)
        if routes is None:
            everywhere = set(range(await self._bus.partitions(DELIVERED)))
            return [_origin(each) or everywhere for each in deliveries]
        self._remember(routes, [*room_ids, *user_ids])
        return [_origin(each) or _found(each, routes) for each in deliveries]

    def _remember(self, routes: Routes, ids: Sequence[str]) -> None:
        if len(self._known) + len(ids) > _KNOWN_MAX:
            self._known.clear()
        for one in ids:
            self._known.pop(one, None)
        self._known |= routes

    async def _publish(self, records: Records) -> None:
        """What is too large for one record goes as several, each with as much as the bus takes."""
        if not records:
            return
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


def _addressed(deliveries: Sequence[Delivery], gateways: Iterable[set[int]]) -> Records:
    return [(one, each) for each, some in zip(deliveries, gateways, strict=True) for one in sorted(some)]


def _origin(delivery: Delivery) -> set[int]:
    """Where an answer goes; nothing looks that up."""
    return {delivery.origin.gateway} if isinstance(delivery, Answers) else set()


def _found(delivery: Delivery, routes: Routes) -> set[int]:
    ids = (delivery.user_id,) if isinstance(delivery, UserDelivery) else _rooms(delivery)
    return set[int]().union(*(routes.get(one, ()) for one in ids))
