"""Hands deliveries to the gateways that hold a receiver: cost follows members, not machines."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import islice
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

_KNOWN_MAX: Final = 50_000
"""Rooms and users: some 20 MB."""


class DeliveryPublisher:
    """Looks up where deliveries belong, and publishes each there.

    Those of a room or user that is known from the last time go to its gateways at once. Then it is looked up,
    no earlier than the commit, for those that came since. A gateway that is there no more costs one record.
    While the routes can't be relied on it goes to every partition: each gateway drops what is not for it.
    """

    def __init__(self, *, bus: EventBus, presence: Presence) -> None:
        self._bus = bus
        self._presence = presence
        self._known: Routes = {}

    async def deliver(self, deliveries: Sequence[Delivery]) -> None:
        """Publish after commit. What one caller has for a room or user arrives in its order.

        ``deliveries`` has answers behind what they are about, and so does each gateway.

        Raises:
            BusUnavailableError: the bus is full or away; clients find the gap by ``seq``.
        """
        early = self._guess(deliveries)
        await self._publish(_addressed(deliveries, early))
        await self._publish(_addressed(deliveries, await self._missing(deliveries, early)))

    def _guess(self, deliveries: Sequence[Delivery]) -> list[set[int]]:
        """For each the gateways that get it before anything is looked up."""
        early = [_found(each, self._known) for each in deliveries]
        events = [some for some, each in zip(early, deliveries, strict=True) if not isinstance(each, Answers)]
        for at, each in enumerate(deliveries):
            # A gateway that has everything before it, whatever the look brings.
            if isinstance(each, Answers) and all(each.origin.gateway in some for some in events):
                early[at] = {each.origin.gateway}
        return early

    async def _missing(self, deliveries: Sequence[Delivery], early: Sequence[set[int]]) -> list[set[int]]:
        """For each the gateways, or all partitions, beside the early ones."""
        room_ids = list(dict.fromkeys(room_id for each in deliveries for room_id in _rooms(each)))
        user_ids = list(dict.fromkeys(each.user_id for each in deliveries if isinstance(each, UserDelivery)))
        routes: Routes | None = {}
        if room_ids or user_ids:
            routes = await self._presence.routes(room_ids, user_ids)
        if routes is not None:
            self._remember(routes, [*room_ids, *user_ids])
        count = await self._bus.partitions(DELIVERED) if routes is None else 0
        late: list[set[int]] = []
        for each, some in zip(deliveries, early, strict=True):
            if isinstance(each, Answers):
                late.append({each.origin.gateway} - some)
            elif routes is None:
                late.append(set(range(count)) - {gateway % count for gateway in some})
            else:
                late.append(_found(each, routes) - some)
        return late

    def _remember(self, routes: Routes, ids: Sequence[str]) -> None:
        for one in ids:
            self._known.pop(one, None)
        self._known |= routes
        if len(self._known) > _KNOWN_MAX:
            # Those that were looked up longest ago. One at a time, each would search from the start.
            self._known = dict(islice(self._known.items(), len(self._known) // 2, None))

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


def _found(delivery: Delivery, routes: Routes) -> set[int]:
    ids = (delivery.user_id,) if isinstance(delivery, UserDelivery) else _rooms(delivery)
    return set[int]().union(*(routes.get(one, ()) for one in ids))
