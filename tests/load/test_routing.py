"""The scaling rule, by counts: who has to do with a message, and who has not."""

from __future__ import annotations

import pytest

from tests.load.crowds import channels, people_by_message, talks
from tests.load.routing import Population, Room, Work, population, replay, room_of_all

_GATEWAYS = 40
_PER_GATEWAY = 6


@pytest.fixture(scope="module")
def people() -> Population:
    return population(gateways=_GATEWAYS, per_gateway=_PER_GATEWAY)


async def _replay(people: Population, *, partitions: int = _GATEWAYS, times: int = 1) -> Work:
    return await replay(people, gateways=_GATEWAYS * times, partitions=partitions * times, cores=4 * times)


def _of_gateway(people: Population, ordinal: int) -> list[Room]:
    return [room for room in people.rooms if ordinal in people.gateways_of(room)]


async def test_a_gateway_reads_what_is_for_its_own_sessions_and_nothing_else(people: Population) -> None:
    work = await _replay(people)
    for ordinal, done in enumerate(work.gateways):
        rooms = _of_gateway(people, ordinal)
        assert done.sessions == _PER_GATEWAY
        assert done.read == done.own == sum(room.messages for room in rooms)
        here = [sum(people.gateway_of[user] == ordinal for user in room.members) for room in rooms]
        assert done.written == sum(room.messages * members for room, members in zip(rooms, here, strict=True))


async def test_as_many_gateways_and_people_again_elsewhere_change_nothing_here(people: Population) -> None:
    others = population(first_gateway=_GATEWAYS, gateways=_GATEWAYS, per_gateway=_PER_GATEWAY, seed=2)
    alone = await _replay(people)
    both = await _replay(people + others, times=2)
    assert both.gateways[:_GATEWAYS] == alone.gateways
    assert sum(done.read for done in both.gateways[_GATEWAYS:]) > 0
    assert {room.id: both.published[room.id] for room in people.rooms} == alone.published


async def test_more_people_elsewhere_in_the_same_room_change_nothing_here() -> None:
    few = population(gateways=_GATEWAYS, per_gateway=1)
    more = population(first_gateway=_GATEWAYS, gateways=_GATEWAYS, per_gateway=1)
    room = room_of_all(few, 5)
    larger = Room(room.id, (*room.members, *more.gateway_of), room.messages)
    before = await _replay(Population(few.gateway_of, [room]))
    after = await _replay(Population((few + more).gateway_of, [larger]), times=2)
    assert after.gateways[:_GATEWAYS] == before.gateways
    assert {done.read for done in after.gateways} == {5}
    # It is the core that pays, by gateways and not by members.
    assert (before.published[room.id], after.published[room.id]) == (5 * _GATEWAYS, 10 * _GATEWAYS)


async def test_a_core_pays_for_its_own_messages_once_a_gateway_with_members(people: Population) -> None:
    work = await _replay(people)
    assert sum(core.messages for core in work.cores) == sum(room.messages for room in people.rooms)
    for core in work.cores:
        assert 0 < core.messages == core.asked
    for room in people.rooms:
        assert work.published[room.id] == room.messages * len(people.gateways_of(room))
    assert sum(core.published for core in work.cores) == sum(work.published.values())


async def test_gateways_that_share_a_partition_read_for_each_other_and_write_the_same(
    people: Population,
) -> None:
    alone = await _replay(people)
    partitions = _GATEWAYS // 4
    shared = await _replay(people, partitions=partitions)
    for ordinal, done in enumerate(shared.gateways):
        sharers = range(ordinal % partitions, _GATEWAYS, partitions)
        assert done.read == sum(alone.gateways[one].read for one in sharers)
        assert (done.own, done.written) == (alone.gateways[ordinal].own, alone.gateways[ordinal].written)


def test_rooms_are_those_of_real_conversations() -> None:
    assert len(talks()) > 100
    assert all(talk.messages >= talk.people >= 1 for talk in talks())
    assert 2 < people_by_message(talks()) < 20 < people_by_message(channels())
