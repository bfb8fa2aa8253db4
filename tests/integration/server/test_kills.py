"""Promises 1 to 3 of the protocol over kills at random moments."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from pathlib import Path

import pytest

from common.ids import new_id
from common.protocol import requests
from common.protocol.pushes import MessageNew
from common.protocol.rest import Tokens
from tests.support.client import Client, client, direct_room, register
from tests.support.serving import serve

_SENDS = 40


class Journal:
    """What one sender sent and what was acknowledged to it."""

    def __init__(self) -> None:
        self.bodies: dict[str, str] = {}
        self.acknowledged: dict[str, int] = {}

    def draft(self, body: str) -> None:
        self.bodies[new_id()] = body

    @property
    def waiting(self) -> list[str]:
        return [key for key in self.bodies if key not in self.acknowledged]


def _draft(key: str, room_id: str, body: str) -> Callable[[int], requests.Request]:
    return lambda request_id: requests.MessageSend(request_id, key, room_id, body)


async def _talk(url: str, tokens: Tokens, room_id: str, journal: Journal) -> None:
    """Send everything that is not acknowledged, oldest first, until the server is gone."""
    try:
        async with client(url, tokens) as one:
            for key in journal.waiting:
                await one.send(_draft(key, room_id, journal.bodies[key]))
            while journal.waiting:
                key = journal.waiting[0]
                push = await one.acknowledgement(key)
                journal.acknowledged[key] = push.seq
    except (OSError, ConnectionError, EOFError, TimeoutError):
        pass
    except Exception as error:
        if type(error).__module__.split(".")[0] != "websockets":
            raise


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
                asyncio.ensure_future(_talk(url, tokens, room_id, journals[tokens.device_id]))
                for tokens in (mira, dario)
            ]
            await asyncio.wait(talks, timeout=chance.uniform(0.0, 0.12))
            child.kill()
            await asyncio.gather(*talks)
            child, url = serve(tmp_path)
        for tokens in (mira, dario):
            await _talk(url, tokens, room_id, journals[tokens.device_id])
        async with client(url, mira) as reader:
            await _check(reader, room_id, journals)
    finally:
        child.kill()


async def _check(reader: Client, room_id: str, journals: dict[str, Journal]) -> None:
    stored: list[MessageNew] = []
    before = None
    while True:
        page = await reader.history(room_id, before=before)
        stored[:0] = [MessageNew(room_id, m.seq, m) for m in page.messages]
        if page.at_start:
            break
        before = page.from_seq
    keys = [push.message.client_msg_id for push in stored]
    assert len(keys) == len(set(keys)), "a message is there twice"
    assert [push.message.msg_no for push in stored] == list(range(1, len(stored) + 1))
    by_key = {push.message.client_msg_id: push for push in stored}
    for journal in journals.values():
        assert not journal.waiting, "a draft did not arrive"
        for key, seq in journal.acknowledged.items():
            assert by_key[key].seq == seq, "an acknowledged message moved or is missing"
            assert by_key[key].message.body == journal.bodies[key]
