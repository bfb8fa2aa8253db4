"""Promises 1 to 3 while gateways and cores are killed."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path

import pytest

from common.ids import new_id
from tests.support.client import client, direct_room, register
from tests.support.house import House
from tests.support.journal import Journal, check, talk
from tests.support.services import services
from tests.support.stores import postgres_url, redis_client

_SENDS = 40
_VICTIMS = (("gateway-0",), ("core-0",), ("gateway-0", "core-0"))


@pytest.mark.kills
async def test_kills_of_either_role_lose_and_double_nothing(
    tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    seed = random.randrange(2**32)
    request.node.add_report_section("call", "seed", str(seed))
    chance = random.Random(seed)
    flags = ["--database-url", await postgres_url(tmp_path), "--redis-url", services().url("redis")]
    flags += ["--kafka-servers", services().url("kafka"), "--kafka-prefix", f"{new_id()}."]
    house = House(tmp_path / "house", flags)
    async with redis_client():
        try:
            await asyncio.to_thread(house.open)
            (url,) = house.urls
            mira, dario = await register(url, "mira"), await register(url, "dario")
            room_id = (await direct_room(url, mira, dario)).room_id
            journals = {mira.device_id: Journal(), dario.device_id: Journal()}
            for number, victims in enumerate(_VICTIMS):
                for journal in journals.values():
                    for n in range(_SENDS):
                        journal.draft(f"round {number}, message {n}")
                talks = [
                    asyncio.ensure_future(talk(url, tokens, room_id, journals[tokens.device_id]))
                    for tokens in (mira, dario)
                ]
                await asyncio.wait(talks, timeout=chance.uniform(0.0, 0.15))
                for role in victims:
                    await asyncio.to_thread(house.kill, role)
                for role in reversed(victims):
                    await asyncio.to_thread(house.start, role)
                await asyncio.gather(*talks)
            for tokens in (mira, dario):
                await talk(url, tokens, room_id, journals[tokens.device_id])
            async with client(url, mira) as reader:
                await check(reader, room_id, journals)
        finally:
            house.close()
