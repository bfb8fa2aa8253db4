"""Watermarks only grow, up to the head, and those whom they concern are told."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from common.ids import new_id
from common.limits import SMALL_ROOM_MEMBERS
from common.protocol import requests
from common.protocol.pushes import AccountRead, Marks, MinMarks
from common.protocol.types import Mention
from server.chat.event import ReceiptRecord, TypingRecord
from server.chat.service.marks import MarkService
from server.kernel.bus import BusUnavailableError
from server.kernel.delivery import Delivery, MarksDelivery, TypingDelivery, UserDelivery
from server.users.repository import AccountStream
from tests.support.chat import Chat


class _Told:
    """A mark service, and what it delivers."""

    def __init__(self, chat: Chat) -> None:
        self.deliveries: list[Delivery] = []
        self.away = False
        self.service = MarkService(
            database=chat.database, accounts=AccountStream(), deliver=self._take, pace_s=0
        )

    async def _take(self, deliveries: Sequence[Delivery]) -> None:
        if self.away:
            raise BusUnavailableError
        self.deliveries += deliveries

    async def receipt(self, user: str, room: str, delivered: int = 0, read: int = 0) -> list[Delivery]:
        self.deliveries = []
        await self.service.handle_receipts([ReceiptRecord(user, requests.Receipt(1, room, delivered, read))])
        return self.deliveries


@pytest.fixture
def told(chat: Chat) -> _Told:
    return _Told(chat)


async def test_marks_grow_up_to_the_head_and_never_back(chat: Chat, told: _Told) -> None:
    mira, dario = await chat.people("mira", "dario")
    room = await chat.group(mira, dario)
    await chat.handle(*(chat.send(mira, room) for _ in range(3)))
    marks = []
    for delivered, read in ((5, 0), (0, 4), (99, 0), (1, 1)):
        await told.receipt(dario, room, delivered, read)
        head = await chat.head(dario, room)
        marks.append((head.delivered, head.read, head.unread))
    assert marks == [(5, 3, 3), (5, 4, 2), (6, 4, 2), (6, 4, 2)]


async def test_a_small_room_is_told_each_member_s_marks_and_the_minimum(chat: Chat, told: _Told) -> None:
    mira, dario = await chat.people("mira", "dario")
    room = await chat.group(mira, dario)
    await chat.handle(chat.send(mira, room, "x", mentions=[Mention(0, 1, dario)]), chat.send(mira, room))
    assert (await chat.head(dario, room)).mentions == 1
    marks, own = await told.receipt(dario, room, read=4)
    assert marks == MarksDelivery(room, [Marks(room, dario, 4, 4), MinMarks(room, 4, 4)])
    assert own == UserDelivery(dario, [AccountRead(2, room, 4, 4, 1, 0)])
    assert await told.receipt(dario, room, read=4) == []


async def test_a_large_room_is_told_the_minimum_when_it_grew(chat: Chat, told: _Told) -> None:
    people = await chat.people(*(f"p{n}" for n in range(SMALL_ROOM_MEMBERS + 1)))
    room = await chat.group(*people)
    await chat.handle(chat.send(people[0], room))
    seq = (await chat.head(people[0], room)).seq
    first = await told.receipt(people[1], room, delivered=seq)
    assert [type(d) for d in first] == [MarksDelivery]  # a fresh service tells it once
    # Marks start at the join, so the earliest of the others holds the minimum until they move.
    lowest_of_all = people[2]
    for user in people[3:]:
        assert await told.receipt(user, room, delivered=seq) == []
    last = await told.receipt(lowest_of_all, room, delivered=seq)
    (delivery,) = last
    assert isinstance(delivery, MarksDelivery)
    (lowest,) = delivery.marks
    assert isinstance(lowest, MinMarks)
    assert lowest.min_delivered == seq
    assert lowest.min_read < seq


async def test_receipts_of_strangers_and_for_empty_rooms_are_dropped(chat: Chat, told: _Told) -> None:
    mira, eve = await chat.people("mira", "eve")
    room = await chat.group(mira)
    assert await told.receipt(eve, room, read=1) == []
    assert await told.receipt(eve, new_id(), read=1) == []
    await chat.rooms.leave(mira, room)
    assert await told.receipt(mira, room, read=1) == []


async def test_typing_reaches_rooms_one_is_in(chat: Chat, told: _Told) -> None:
    mira, eve = await chat.people("mira", "eve")
    room = await chat.group(mira)
    twice = [TypingRecord(mira, room)] * 2
    await told.service.handle_typing([*twice, TypingRecord(eve, room)])
    assert told.deliveries == [TypingDelivery(room, mira)]


async def test_a_minimum_that_could_not_be_told_is_told_when_the_batch_comes_again(
    chat: Chat, told: _Told
) -> None:
    people = await chat.people(*(f"p{n}" for n in range(SMALL_ROOM_MEMBERS + 1)))
    room = await chat.group(*people)
    told.away = True
    with pytest.raises(BusUnavailableError):
        await told.receipt(people[0], room, delivered=1)
    told.away = False
    assert [type(d) for d in await told.receipt(people[0], room, delivered=1)] == [MarksDelivery]
    assert await told.receipt(people[0], room, delivered=1) == []
