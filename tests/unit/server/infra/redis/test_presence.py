"""Routes that were lost are not relied on, and a Redis that is away holds nothing up."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable

import pytest
import redis.asyncio as redis

from common.ids import new_id
from server.infra.redis.connection import connect
from server.infra.redis.presence import RedisPresence
from tests.support.stores import redis_client
from tests.support.wait import until_async

ROOM, USER, DEVICE = (new_id() for _ in range(3))
LOOK_MS = 50


@pytest.fixture
async def client() -> AsyncIterator[redis.Redis]:
    async with redis_client() as opened:
        yield opened


@pytest.fixture
async def presence(client: redis.Redis) -> AsyncIterator[RedisPresence]:
    opened = RedisPresence(client, look_ms=LOOK_MS)
    await opened.start()
    yield opened
    await opened.stop()


async def test_after_it_was_emptied_routes_count_when_all_had_time_to_write_them_again(
    presence: RedisPresence, client: redis.Redis
) -> None:
    await presence.add_routes(3, [ROOM], [USER])

    async def counts() -> bool:
        return await presence.routes([ROOM], [USER]) == {ROOM: {3}, USER: {3}}

    assert await presence.routes([ROOM], []) is None  # nobody knows how old they are
    await until_async(counts)
    await client.flushall()
    assert await presence.routes([ROOM], []) is None
    await until_async(counts)


async def test_without_redis_deliveries_go_everywhere_and_sessions_begin(
    expect_log: Callable[..., None],
) -> None:
    for event in ("routes_not_read", "presence_not_written", "presence_not_taken_back"):
        expect_log(event)
    away = connect("redis://127.0.0.1:1")
    presence = RedisPresence(away)
    await presence.add_session(USER, DEVICE, 0)
    await presence.add_routes(0, [ROOM], [USER])
    assert not presence.reliable
    assert await presence.routes([ROOM], [USER]) is None
    # Not asked again for a moment: it answers at once.
    assert await presence.routes([ROOM], [USER]) is None
    await presence.remove_routes(0, [ROOM], [USER])
    await presence.stop()
    await away.aclose()


async def test_what_could_not_be_written_is_written_when_it_is_back(
    presence: RedisPresence,
    client: redis.Redis,
    expect_log: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    expect_log("presence_not_written")

    def refused(*_: object, **__: object) -> None:
        raise redis.ConnectionError("away")

    with monkeypatch.context() as patched:
        patched.setattr(client, "pipeline", refused)
        await presence.add_session(USER, DEVICE, 0)
        assert not presence.reliable

    async def back() -> bool:
        return presence.reliable and await presence.online([USER]) == {USER}

    await until_async(back)


async def test_what_stays_is_refreshed_in_parts_and_all_of_it_in_time(client: redis.Redis) -> None:
    presence = RedisPresence(client, look_ms=20, sessions_ttl_ms=2_000, routes_ttl_ms=2_000)
    await presence.start()
    rooms = [new_id() for _ in range(50)]
    await presence.add_routes(0, rooms, [])

    async def ends() -> list[float]:
        return [await client.zscore(f"parley:rooms:{room}", "0") or 0.0 for room in rooms]

    async def all_written_again() -> bool:
        return all(now > before for now, before in zip(await ends(), first, strict=True))

    first = await ends()
    # The first look writes everything: this process does not know yet since when Redis has it.
    await until_async(all_written_again)
    await client.config_resetstat()
    first = await ends()
    await until_async(all_written_again)
    calls = (await client.info("commandstats"))["cmdstat_zadd"]["calls"]
    looks = (await client.info("commandstats"))["cmdstat_time"]["calls"]
    await presence.stop()
    # A 33rd of a life at each look, not all of it; and all of it within a third of a life or little more.
    assert 50 <= calls <= 2 * (looks + 1)
