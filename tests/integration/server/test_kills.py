"""Promises 1 to 3 of the protocol over kills at random moments."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path

import pytest

from tests.support.client import client, direct_room, register
from tests.support.journal import Journal, check, talk
from tests.support.serving import serve

_SENDS = 40


@pytest.mark.kills
async def test_acknowledged_messages_survive_kills_once_and_in_order(
    tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    rounds = int(request.config.getoption("--kills"))
    seed = random.randrange(2**32)
    request.node.add_report_section("call", "seed", str(seed))
    chance = random.Random(seed)
    child, url = serve(tmp_path)
    mira, dario = await register(url, "mira"), await register(url, "dario")
    room_id = (await direct_room(url, mira, dario)).room_id
    journals = {mira.device_id: Journal(), dario.device_id: Journal()}
    try:
        for number in range(rounds):
            for journal in journals.values():
                for n in range(_SENDS):
                    journal.draft(f"round {number}, message {n}")
            talks = [
                asyncio.ensure_future(talk(url, tokens, room_id, journals[tokens.device_id]))
                for tokens in (mira, dario)
            ]
            await asyncio.wait(talks, timeout=chance.uniform(0.0, 0.12))
            child.kill()
            await asyncio.gather(*talks)
            child, url = serve(tmp_path)
        for tokens in (mira, dario):
            await talk(url, tokens, room_id, journals[tokens.device_id])
        async with client(url, mira) as reader:
            await check(reader, room_id, journals)
    finally:
        child.kill()
