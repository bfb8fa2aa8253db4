"""A message reaches members at another gateway whatever Redis does; a gateway that ends loses none."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import replace
from functools import partial
from operator import eq
from pathlib import Path
from typing import Any

import pytest
import redis.asyncio as redis

from common.errors import CloseCode
from common.ids import new_id
from common.limits import BODY_MAX_BYTES
from common.protocol import requests
from common.protocol.codec import encode
from common.protocol.pushes import MessageEdited, MessageNew, ServerClosing
from server.bootstrap import Server
from server.gateway import gateway as gateway_module
from server.infra.kafka.bus import KafkaBus
from server.kernel.bus import Held, Topic
from server.settings import Role, Settings
from tests.support.client import client, direct_room, register
from tests.support.logs import LogGuard
from tests.support.services import services
from tests.support.stores import postgres_url, redis_client

IN_TIME_S = 5.0


@pytest.fixture
async def cache() -> AsyncIterator[redis.Redis]:
    async with redis_client() as opened:
        yield opened


@pytest.fixture
async def gateways(tmp_path: Path, cache: redis.Redis, quiet_kafka: None) -> AsyncIterator[list[Server]]:
    """Two, and a core behind them."""
    settings = Settings(
        data=tmp_path / "keys",
        port=0,
        database_url=await postgres_url(tmp_path),
        redis_url=services().url("redis"),
        kafka_servers=services().url("kafka"),
        kafka_prefix=f"{new_id()}.",
    )
    async with AsyncExitStack() as stack:
        started = []
        for role, ordinal in ((Role.CORE, 0), (Role.GATEWAY, 0), (Role.GATEWAY, 1)):
            server = Server(replace(settings, role=role, ordinal=ordinal))
            await server.start()
            stack.push_async_callback(server.stop)
            started.append(server)
        yield started[1:]


async def test_the_last_message_of_a_room_arrives_after_redis_was_emptied(
    gateways: list[Server], cache: redis.Redis
) -> None:
    here, there = gateways
    mira, dario = await register(here.url, "mira"), await register(there.url, "dario")
    room = (await direct_room(here.url, mira, dario)).room_id
    async with client(here.url, mira) as a, client(there.url, dario) as b:
        # As after a long time: routes are relied on.
        await cache.set("parley:routes:epoch", 0)
        await a.say(room, "before")
        await b.until(MessageNew, lambda push: push.message.body == "before")
        await cache.flushall()
        await a.say(room, "last")
        async with asyncio.timeout(IN_TIME_S):
            await b.until(MessageNew, lambda push: push.message.body == "last")


async def test_a_route_that_is_lost_alone_is_made_good_by_comparing(
    gateways: list[Server], cache: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    here, there = gateways
    mira, dario = await register(here.url, "mira"), await register(there.url, "dario")
    room = (await direct_room(here.url, mira, dario)).room_id
    async with client(here.url, mira) as a, client(there.url, dario) as b:
        await cache.set("parley:routes:epoch", 0)
        # Only this room's, while all others are relied on.
        await cache.delete(f"parley:rooms:{room}")
        said = asyncio.ensure_future(a.say(room, "last"))
        heard = asyncio.ensure_future(b.until(MessageNew, lambda push: push.message.body == "last"))
        async with asyncio.timeout(IN_TIME_S):
            while not (said.done() and heard.done()):
                for server in gateways:
                    assert server._gateway is not None
                    server._gateway.compare_soon()
                await asyncio.wait({said, heard}, timeout=0.05)
        assert said.result() == heard.result()


async def test_messages_go_on_while_redis_is_away(
    gateways: list[Server], monkeypatch: pytest.MonkeyPatch, log_guard: LogGuard
) -> None:
    log_guard.expect("routes_not_read")
    # Each looks every few seconds.
    log_guard.allow("presence_not_refreshed")
    here, there = gateways
    mira, dario = await register(here.url, "mira"), await register(there.url, "dario")
    room = (await direct_room(here.url, mira, dario)).room_id

    def refused(*_: object, **__: object) -> None:
        raise redis.ConnectionError("away")

    async with client(here.url, mira) as a, client(there.url, dario) as b:
        monkeypatch.setattr(redis.Redis, "pipeline", refused)
        said = [await a.say(room, f"{number}") for number in range(3)]
        async with asyncio.timeout(IN_TIME_S):
            heard = [await b.until(MessageNew, partial(eq, one)) for one in said]
        assert heard == said
        monkeypatch.undo()


async def test_a_gateway_that_ends_answers_what_it_took(
    gateways: list[Server], monkeypatch: pytest.MonkeyPatch
) -> None:
    here, there = gateways
    mira, dario = await register(here.url, "mira"), await register(there.url, "dario")
    room = (await direct_room(here.url, mira, dario)).room_id
    async with client(here.url, mira) as a, client(there.url, dario) as b:
        taken = asyncio.Event()
        submit = KafkaBus.submit

        async def told(bus: KafkaBus, topic: Topic[Any], key: str, payload: object) -> Held:
            held = await submit(bus, topic, key, payload)

            async def then() -> None:
                await held()
                taken.set()

            return then

        monkeypatch.setattr(KafkaBus, "submit", told)
        said = asyncio.ensure_future(a.say(room, "on its way"))
        async with asyncio.timeout(IN_TIME_S):
            await taken.wait()
        stopping = asyncio.ensure_future(here.stop())
        assert (await said).message.body == "on its way"
        closing = await a.until(ServerClosing)
        assert 0 < closing.retry_after_ms <= gateway_module._RETRY_SPREAD_MAX_MS
        assert await a.until_closed() == CloseCode.RESTART
        await stopping
        assert (await b.until(MessageNew)).message.body == "on its way"


async def test_one_sender_s_repeats_of_a_large_message_hold_up_nobody(gateways: list[Server]) -> None:
    """Together their answers are more than one record of Kafka may hold."""
    here, there = gateways
    mira, dario = await register(here.url, "mira"), await register(there.url, "dario")
    room = (await direct_room(here.url, mira, dario)).room_id
    async with client(here.url, mira) as a, client(there.url, dario) as b:
        key = new_id()
        seq = (await a.say(room, "a", key)).seq
        large = "\N{BEER MUG}" * (BODY_MAX_BYTES // 4)
        await a.send(lambda i: requests.MessageEdit(i, new_id(), room, seq, large))
        await b.until(MessageEdited)
        again = (encode(requests.MessageSend(number, key, room, "a")) for number in range(1_000, 1_040))
        await a.raw(b"\n".join(again).decode())
        said = await b.say(room, "and on")
        assert (await a.until(MessageNew, partial(eq, said))) == said
        answers = [push for push in a.pushes if isinstance(push, MessageNew) and push.seq == seq]
        assert [push.message.body for push in answers[1:]] == [large] * 40
