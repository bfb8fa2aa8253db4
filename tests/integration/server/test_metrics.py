"""What a server that runs tells of itself."""

from __future__ import annotations

import httpx2
import pytest

from server.bootstrap import Server
from server.kernel.telemetry import Stage
from tests.support.client import client, direct_room, register
from tests.support.metrics import metrics_of

_COUNT = "parley_message_stage_seconds_count"


async def test_every_message_passes_every_stage_once(server: Server) -> None:
    mira, dario = await register(server.url, "mira"), await register(server.url, "dario")
    room = (await direct_room(server.url, mira, dario)).room_id
    async with client(server.url, mira) as a, client(server.url, dario):
        for number in range(5):
            await a.say(room, f"message {number}")
        found = await metrics_of(server.url)
    assert {stage: found[_COUNT, frozenset({stage})] for stage in Stage} == dict.fromkeys(Stage, 5)
    assert found["parley_sessions", frozenset()] == 2
    assert found["parley_deliveries", frozenset()] == 10
    registered = frozenset({"POST", "/api/v1/auth/register", "201"})
    assert found["parley_rest_request_seconds_count", registered] == 2
    assert found["parley_database_waiting", frozenset({"write"})] == 0
    assert found["parley_database_connections", frozenset()] == 3
    assert found["parley_outbox_rows", frozenset()] == 0
    assert found["parley_outbox_age_seconds", frozenset()] == 0


@pytest.mark.parametrize("path", ["/metrics", "/readyz", "/healthz"])
async def test_pages_of_the_operator_are_measured_too(server: Server, path: str) -> None:
    async with httpx2.AsyncClient(trust_env=False) as http:
        assert (await http.get(f"{server.url}{path}")).status_code == 200
    found = await metrics_of(server.url)
    assert found["parley_rest_request_seconds_count", frozenset({"GET", path, "200"})] == 1
