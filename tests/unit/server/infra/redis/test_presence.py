"""Routes that were lost are not relied on, and a Redis that is away holds nothing up."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
import redis.asyncio as redis

from common.ids import new_id
from server.infra.redis.connection import RedisUnavailableError, connect
from server.infra.redis.presence import RedisPresence
from tests.support.logs import LogGuard
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
    expect_log("presence_not_written")
    away = connect("redis://127.0.0.1:1")
    presence = RedisPresence(away)
    await presence.add_session(USER, DEVICE, 0)
    await presence.add_routes(0, [ROOM], [USER])
    assert not presence.reliable
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


async def hang(presence: RedisPresence) -> None:
    """All that a hello and a message ask of it."""
    await presence.add_session(USER, DEVICE, 0)
    await presence.add_routes(0, (), [USER])
    await presence.add_routes(0, [ROOM], ())
    assert await presence.routes([ROOM], [USER]) is None
    await presence.remove_routes(0, [ROOM], [USER])


async def test_a_redis_that_takes_connections_and_never_answers_is_asked_once(
    expect_log: Callable[..., None],
) -> None:
    expect_log("presence_not_written")
    asked = 0

    async def never(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal asked
        asked += 1
        await reader.read()
        writer.close()

    async with await asyncio.start_server(never, "127.0.0.1", 0) as listener:
        client = connect(f"redis://127.0.0.1:{listener.sockets[0].getsockname()[1]}")
        presence = RedisPresence(client)
        # A desktop waits so long for its welcome. The library's own tries alone take longer.
        async with asyncio.timeout(15):
            await hang(presence)
        assert not presence.reliable
        assert asked == 1
        await client.aclose()


async def test_an_answer_that_came_too_late_is_not_taken_for_the_next(
    presence: RedisPresence, client: redis.Redis, log_guard: LogGuard
) -> None:
    for event in ("presence_not_written", "presence_not_refreshed"):
        log_guard.allow(event)
    await client.client_pause(1_500)
    await presence.add_session(USER, DEVICE, 0)
    assert not presence.reliable

    async def back() -> bool:
        return presence.reliable and await presence.online([USER]) == {USER}

    await until_async(back)
    await client.set("key", "value")
    assert await client.get("key") == "value"


class Slowly:
    """In place of a method: what it is to send waits for ``go``."""

    def __init__(self, method: Callable[..., Awaitable[Any]]) -> None:
        self.began, self.go = asyncio.Event(), asyncio.Event()
        self._method = method

    async def __call__(self, *args: Any) -> Any:
        self.began.set()
        await self.go.wait()
        return await self._method(*args)


async def test_who_comes_while_the_route_of_who_went_is_removed_keeps_it(
    client: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    presence = RedisPresence(client)
    await presence.add_routes(0, [ROOM], [])
    removal = Slowly(presence._remove)
    monkeypatch.setattr(presence, "_remove", removal)
    going = asyncio.ensure_future(presence.remove_routes(0, [ROOM], []))
    await removal.began.wait()
    coming = asyncio.ensure_future(presence.add_routes(0, [ROOM], []))
    others = asyncio.ensure_future(presence.add_routes(0, [new_id()], []))
    # They wait for nothing of it.
    await others
    removal.go.set()
    await asyncio.gather(going, coming)
    assert await client.zscore(f"parley:rooms:{ROOM}", "0") is not None


async def test_what_came_before_its_removal_began_stays(
    client: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    presence = RedisPresence(client)
    other = new_id()
    await presence.add_routes(0, [ROOM, other], [])
    removal = Slowly(presence._remove)
    monkeypatch.setattr(presence, "_remove", removal)
    first = asyncio.ensure_future(presence.remove_routes(0, [other], []))
    await removal.began.wait()
    second = asyncio.ensure_future(presence.remove_routes(0, [ROOM], []))
    await asyncio.sleep(0)
    await presence.add_routes(0, [ROOM], [])
    removal.go.set()
    await asyncio.gather(first, second)
    assert await client.zscore(f"parley:rooms:{ROOM}", "0") is not None
    assert await client.zscore(f"parley:rooms:{other}", "0") is None


async def test_what_fails_during_a_refresh_is_written_by_the_next(
    client: redis.Redis, expect_log: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    expect_log("presence_not_written")
    presence = RedisPresence(client, look_ms=LOOK_MS)
    await presence.start()
    refresh = Slowly(presence._refresh)
    monkeypatch.setattr(presence, "_refresh", refresh)
    await refresh.began.wait()

    async def refused(*_: object) -> None:
        raise RedisUnavailableError

    with monkeypatch.context() as patched:
        patched.setattr(presence, "_add", refused)
        await presence.add_routes(0, [ROOM], [])
    # Of a refresh that was past it already.
    presence._routes.entries.clear()
    second = Slowly(refresh._method)
    monkeypatch.setattr(presence, "_refresh", second)
    refresh.go.set()
    await second.began.wait()
    assert not presence.reliable
    presence._routes.put([(f"parley:rooms:{ROOM}", "0")])
    second.go.set()

    async def written() -> bool:
        return presence.reliable and await client.zscore(f"parley:rooms:{ROOM}", "0") is not None

    await until_async(written)
    await presence.stop()
