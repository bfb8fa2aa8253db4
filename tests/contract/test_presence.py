from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from common.ids import new_id
from server.kernel.presence import Presence
from tests.contract.adapters import PRESENCES

USER, OTHER, DEVICE, PHONE, ROOM, HALL = (new_id() for _ in range(6))


@pytest.fixture(params=list(PRESENCES.values()), ids=list(PRESENCES))
async def presence(request: pytest.FixtureRequest) -> AsyncIterator[Presence]:
    async with request.param() as opened:
        await opened.start()
        yield opened
        await opened.stop()


async def test_a_user_is_online_while_any_device_is(presence: Presence) -> None:
    await presence.add_session(USER, DEVICE, 0)
    await presence.add_session(USER, PHONE, 0)
    assert await presence.online([USER, OTHER]) == {USER}
    await presence.remove_session(USER, DEVICE, 0)
    assert await presence.online([USER, OTHER]) == {USER}
    await presence.remove_session(USER, PHONE, 0)
    assert await presence.online([USER, OTHER]) == set()


async def test_adding_again_refreshes_and_does_not_count_twice(presence: Presence) -> None:
    await presence.add_session(USER, DEVICE, 0)
    await presence.add_session(USER, DEVICE, 0)
    await presence.remove_session(USER, DEVICE, 0)
    assert await presence.online([USER]) == set()


async def test_a_device_that_moved_to_another_gateway_stays_online(presence: Presence) -> None:
    await presence.add_session(USER, DEVICE, 0)
    await presence.add_session(USER, DEVICE, 1)
    await presence.remove_session(USER, DEVICE, 0)
    assert await presence.online([USER]) == {USER}


async def test_unknown_ones_are_ignored(presence: Presence) -> None:
    await presence.remove_session(USER, DEVICE, 0)
    await presence.remove_routes(0, [ROOM], [USER])
    assert await presence.online([]) == set()
    assert await presence.routes([ROOM], []) == {}
    assert await presence.routes([], [USER]) == {}


async def test_routes_lead_to_every_gateway_with_members(presence: Presence) -> None:
    await presence.add_routes(0, [ROOM, HALL], [USER])
    await presence.add_routes(2, [ROOM], [USER, OTHER])
    found = await presence.routes([ROOM, HALL, new_id()], [USER, OTHER, new_id()])
    assert found == {ROOM: {0, 2}, HALL: {0}, USER: {0, 2}, OTHER: {2}}
    assert await presence.routes([], [OTHER]) == {OTHER: {2}}
    assert presence.reliable


async def test_a_route_taken_back_leads_nowhere(presence: Presence) -> None:
    await presence.add_routes(0, [ROOM], [USER])
    await presence.add_routes(1, [ROOM], [USER])
    await presence.remove_routes(0, [ROOM], [USER])
    assert await presence.routes([ROOM], []) == {ROOM: {1}}
    assert await presence.routes([], [USER]) == {USER: {1}}
    await presence.remove_routes(1, [ROOM], [])
    assert await presence.routes([ROOM], []) == {}
    assert await presence.routes([], [USER]) == {USER: {1}}


async def test_an_answer_is_the_callers_to_change(presence: Presence) -> None:
    await presence.add_routes(0, [ROOM], [USER])
    found = await presence.routes([ROOM], [])
    assert found is not None
    found[ROOM].add(9)
    assert await presence.routes([ROOM], []) == {ROOM: {0}}


async def test_stop_takes_everything_back(presence: Presence) -> None:
    await presence.add_session(USER, DEVICE, 0)
    await presence.add_routes(0, [ROOM], [USER])
    await presence.stop()
    await presence.start()
    assert await presence.online([USER]) == set()
    assert await presence.routes([ROOM], []) == {}
