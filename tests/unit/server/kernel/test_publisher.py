"""Deliveries go where their receivers are, and everywhere while nobody knows that."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import msgspec
import pytest

from common.ids import new_id
from common.protocol.pushes import MessageNew, Ok, UserChanged
from common.protocol.types import Message, User
from server.infra.memory.bus import MemoryBus
from server.infra.memory.presence import MemoryPresence
from server.kernel.bus import BusUnavailableError, RecordTooLargeError
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


class Recorded(MemoryBus):
    def __init__(self) -> None:
        super().__init__(partitions=3)
        self.calls: list[list[tuple[int, Any]]] = []
        self.down = False

    async def publish_to(self, topic: Any, records: Any) -> None:
        if self.down:
            raise BusUnavailableError
        self.calls.append(list(records))


class Watched(MemoryPresence):
    """Redis, that can be emptied; notes how often was published before each look."""

    def __init__(self, bus: Recorded, *, lost: bool = False) -> None:
        super().__init__()
        self._bus = bus
        self.lost = lost
        self.calls_before: list[int] = []

    async def routes(self, room_ids: Sequence[str], user_ids: Sequence[str]) -> Routes | None:  # type: ignore[override]  # the port's, which memory narrows
        self.calls_before.append(len(self._bus.calls))
        return None if self.lost else await super().routes(room_ids, user_ids)


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


async def test_gateways_of_the_last_time_get_it_before_anything_is_looked_up(bus: Recorded) -> None:
    presence = Watched(bus)
    publisher = DeliveryPublisher(bus=bus, presence=presence)
    await presence.add_routes(1, [ROOM], [MIRA])
    await publisher.deliver([ROOM_NEWS, ACCOUNT])
    await presence.add_routes(0, [ROOM], [])
    await publisher.deliver([ROOM_NEWS, ACCOUNT])
    assert presence.calls_before == [0, 2]
    # One that came since gets the second as well.
    assert bus.calls == [[(1, ROOM_NEWS), (1, ACCOUNT)], [(1, ROOM_NEWS), (1, ACCOUNT)], [(0, ROOM_NEWS)]]


async def test_an_answer_never_overtakes_what_it_is_about(bus: Recorded) -> None:
    presence = MemoryPresence()
    publisher = DeliveryPublisher(bus=bus, presence=presence)
    near, far = Answers(Origin(1, 7), [Ok(1)]), Answers(Origin(2, 8), [Ok(2)])
    await presence.add_routes(1, [ROOM], [])
    await publisher.deliver([ROOM_NEWS])
    await presence.add_routes(2, [ROOM], [])
    await publisher.deliver([ROOM_NEWS, near, far])
    assert bus.calls[1:] == [[(1, ROOM_NEWS), (1, near)], [(2, ROOM_NEWS), (2, far)]]
    await publisher.deliver([ROOM_NEWS, RoomDelivery(HALL, []), near])
    assert bus.calls[3:] == [[(1, ROOM_NEWS), (2, ROOM_NEWS)], [(1, near)]]


async def test_answers_alone_wait_for_no_look(bus: Recorded) -> None:
    presence = Watched(bus, lost=True)
    await DeliveryPublisher(bus=bus, presence=presence).deliver([ANSWER])
    assert bus.calls == [[(2, ANSWER)]]
    assert presence.calls_before == []


async def test_what_known_gateways_could_not_be_told_is_not_looked_up(bus: Recorded) -> None:
    presence = Watched(bus)
    publisher = DeliveryPublisher(bus=bus, presence=presence)
    await presence.add_routes(1, [ROOM], [])
    await publisher.deliver([ROOM_NEWS])
    bus.down = True
    with pytest.raises(BusUnavailableError):
        await publisher.deliver([ROOM_NEWS])
    assert presence.calls_before == [0]


async def test_a_gateway_without_receivers_gets_no_more_than_one(bus: Recorded) -> None:
    presence = MemoryPresence()
    publisher = DeliveryPublisher(bus=bus, presence=presence)
    await presence.add_routes(1, [ROOM], [])
    await publisher.deliver([ROOM_NEWS])
    await presence.remove_routes(1, [ROOM], [])
    await presence.add_routes(2, [ROOM], [])
    await publisher.deliver([ROOM_NEWS])
    await publisher.deliver([ROOM_NEWS])
    assert bus.calls == [[(1, ROOM_NEWS)], [(1, ROOM_NEWS)], [(2, ROOM_NEWS)], [(2, ROOM_NEWS)]]


# Of three partitions gateway 4 reads the one that 1 reads too.
@pytest.mark.parametrize("gateway", [1, 4])
async def test_known_gateways_are_not_told_twice_while_routes_are_lost(bus: Recorded, gateway: int) -> None:
    presence = Watched(bus)
    await presence.add_routes(gateway, [ROOM], [])
    publisher = DeliveryPublisher(bus=bus, presence=presence)
    await publisher.deliver([ROOM_NEWS])
    presence.lost = True
    await publisher.deliver([ROOM_NEWS, ANSWER])
    known, others = [(gateway, ROOM_NEWS)], [(0, ROOM_NEWS), (2, ROOM_NEWS), (2, ANSWER)]
    assert bus.calls == [known, known, others]


async def test_what_is_known_is_bounded(bus: Recorded, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("server.kernel.publisher._KNOWN_MAX", 3)
    presence = Watched(bus)
    publisher = DeliveryPublisher(bus=bus, presence=presence)
    rooms = [new_id() for _ in range(4)]
    await presence.add_routes(0, rooms, [])
    for room in (*rooms[:3], *rooms[:3], rooms[3], *rooms[2:], rooms[0]):
        await publisher.deliver([RoomDelivery(room, [])])
    # All three were known the second time; with the fourth the older half of all was forgotten.
    assert presence.calls_before == [0, 1, 2, 4, 5, 6, 6, 8, 9, 9]
    assert [call[0][1].room_id for call in bus.calls] == [
        *rooms[:3],
        *rooms[:3],
        rooms[3],
        *rooms[2:],
        rooms[0],
    ]


async def test_without_receivers_nothing_is_published(bus: Recorded) -> None:
    await DeliveryPublisher(bus=bus, presence=MemoryPresence()).deliver([ROOM_NEWS, ACCOUNT])
    await DeliveryPublisher(bus=bus, presence=MemoryPresence()).deliver([])
    assert bus.calls == []


async def test_while_routes_are_lost_all_but_answers_go_everywhere(bus: Recorded) -> None:
    await DeliveryPublisher(bus=bus, presence=Watched(bus, lost=True)).deliver([ROOM_NEWS, ANSWER, ACCOUNT])
    everywhere = range(3)
    assert bus.calls == [
        [*((n, ROOM_NEWS) for n in everywhere), (2, ANSWER), *((n, ACCOUNT) for n in everywhere)]
    ]


class Narrow(Recorded):
    """Takes records of so many bytes, and of one call all or nothing."""

    most = 4_000

    async def publish_to(self, topic: Any, records: Any) -> None:
        if any(len(msgspec.json.encode(delivery)) > self.most for _, delivery in records):
            raise RecordTooLargeError
        await super().publish_to(topic, records)

    @property
    def records(self) -> list[tuple[int, Any]]:
        return [record for call in self.calls for record in call]


def message(seq: int, length: int = 500) -> MessageNew:
    return MessageNew(ROOM, seq, Message(ROOM, seq, seq, seq, MIRA, new_id(), "x" * length, 1))


@pytest.mark.parametrize("known", [False, True])
async def test_what_is_too_large_for_one_record_goes_as_several_in_order(known: bool) -> None:
    bus = Narrow()
    messages = [message(seq) for seq in range(1, 34)]
    answers, news = Answers(Origin(2, 7), [*messages]), RoomDelivery(ROOM, [*messages], 1.5, ["trace"])
    presence = Watched(bus, lost=True)
    publisher = DeliveryPublisher(bus=bus, presence=presence)
    if known:
        presence.lost = False
        await presence.add_routes(1, [ROOM], [MIRA])
        await publisher.deliver([RoomDelivery(ROOM, []), ACCOUNT])
        presence.lost = True
        bus.calls.clear()
    await publisher.deliver([news, answers, ACCOUNT])
    assert [push for n, each in bus.records if isinstance(each, Answers) for push in each.pushes] == messages
    assert {n for n, each in bus.records if isinstance(each, Answers)} == {2}
    for partition in range(3):
        got = [each for n, each in bus.records if n == partition and isinstance(each, RoomDelivery)]
        assert [event for each in got for event in each.events] == messages
        assert {each.at for each in got} == {1.5}
    assert sorted(n for n, each in bus.records if each == ACCOUNT) == [0, 1, 2]


async def test_one_that_nothing_can_be_taken_from_is_passed(expect_log: Callable[..., None]) -> None:
    expect_log("delivery_too_large")
    bus = Narrow()
    answers = Answers(Origin(2, 7), [Ok(1), message(1, 5_000), Ok(2)])
    await DeliveryPublisher(bus=bus, presence=Watched(bus, lost=True)).deliver([answers, ANSWER])
    assert [push for _, each in bus.records for push in each.pushes] == [Ok(1), Ok(2), Ok(1)]
