"""Deliveries go where their receivers are, and everywhere while nobody knows that."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from common.ids import new_id
from common.protocol.pushes import Ok, UserChanged
from common.protocol.types import User
from server.infra.memory.bus import MemoryBus
from server.infra.memory.presence import MemoryPresence
from server.kernel.delivery import (
    Answers,
    Delivery,
    Origin,
    ProfileDelivery,
    RoomDelivery,
    TypingDelivery,
    UserDelivery,
)
from server.kernel.presence import Routes
from server.kernel.publisher import DeliveryPublisher

ROOM, HALL, MIRA, DARIO = (new_id() for _ in range(4))


class Lost(MemoryPresence):
    """Redis, when it was emptied."""

    async def routes(self, room_ids: Sequence[str], user_ids: Sequence[str]) -> Routes | None:  # type: ignore[override]  # the port's, which memory narrows
        return None


class Recorded(MemoryBus):
    def __init__(self) -> None:
        super().__init__(partitions=3)
        self.calls: list[list[tuple[int, Any]]] = []

    async def publish_to(self, topic: Any, records: Any) -> None:
        self.calls.append(list(records))


@pytest.fixture
def bus() -> Recorded:
    return Recorded()


ROOM_NEWS = RoomDelivery(ROOM, [])
ANSWER = Answers(Origin(2, 7), [Ok(1)])
ACCOUNT = UserDelivery(MIRA, [])
TYPING = TypingDelivery(HALL, DARIO)
PROFILE = ProfileDelivery(UserChanged(User(MIRA, "mira", "Mira")), [ROOM, HALL])
ALL: Sequence[Delivery] = (ROOM_NEWS, ANSWER, ACCOUNT, TYPING, PROFILE)


async def test_each_goes_to_the_gateways_of_its_receivers_in_order(bus: Recorded) -> None:
    presence = MemoryPresence()
    await presence.add_routes(0, [ROOM], [])
    await presence.add_routes(1, [ROOM, HALL], [MIRA])
    await DeliveryPublisher(bus=bus, presence=presence).deliver(ALL)
    assert bus.calls == [
        [
            (0, ROOM_NEWS),
            (1, ROOM_NEWS),
            (2, ANSWER),
            (1, ACCOUNT),
            (1, TYPING),
            (0, PROFILE),
            (1, PROFILE),
        ]
    ]


async def test_without_receivers_nothing_is_published(bus: Recorded) -> None:
    await DeliveryPublisher(bus=bus, presence=MemoryPresence()).deliver([ROOM_NEWS, ACCOUNT])
    await DeliveryPublisher(bus=bus, presence=MemoryPresence()).deliver([])
    assert bus.calls == []


async def test_while_routes_are_lost_all_but_answers_go_everywhere(bus: Recorded) -> None:
    await DeliveryPublisher(bus=bus, presence=Lost()).deliver([ROOM_NEWS, ANSWER, ACCOUNT])
    everywhere = range(3)
    assert bus.calls == [
        [*((n, ROOM_NEWS) for n in everywhere), (2, ANSWER), *((n, ACCOUNT) for n in everywhere)]
    ]
