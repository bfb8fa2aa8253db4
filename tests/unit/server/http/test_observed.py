"""Request ids, and what is told of each request."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import structlog
from httpx2 import ASGITransport, AsyncClient
from litestar import Litestar, get

from common.ids import is_id
from server.http.observed import REQUEST_ID, Observed

TOLD: list[tuple[str, str, int]] = []


@get("/rooms/{room_id:str}")
async def room(room_id: str) -> str:
    return str(structlog.contextvars.get_contextvars()["request_id"])


@pytest.fixture
async def rest() -> AsyncIterator[AsyncClient]:
    TOLD.clear()
    app = Observed(
        Litestar([room], logging_config=None),
        took=lambda method, route, status, _: TOLD.append((method, route, status)),
    )
    async with AsyncClient(transport=ASGITransport(app), base_url="http://test") as client:
        yield client


async def test_a_request_keeps_the_id_that_it_brings(rest: AsyncClient) -> None:
    answer = await rest.get("/rooms/1", headers={REQUEST_ID: "trace-7/ok"})
    assert (answer.headers[REQUEST_ID], answer.text) == ("trace-7/ok", "trace-7/ok")
    assert "request_id" not in structlog.contextvars.get_contextvars()


@pytest.mark.parametrize("brought", [None, "", "two words", "x" * 129, 'quote"', "umläut"])
async def test_what_can_not_be_an_id_is_replaced(rest: AsyncClient, brought: str | None) -> None:
    headers = {} if brought is None else {REQUEST_ID: brought.encode()}
    answer = await rest.get("/rooms/1", headers=headers)  # type: ignore[arg-type]  # bytes, as they come
    assert is_id(answer.headers[REQUEST_ID])


async def test_routes_are_told_by_their_templates(rest: AsyncClient) -> None:
    for method, path in (
        ("GET", "/rooms/1"),
        ("GET", "/nowhere/secret"),
        ("POST", "/rooms/1"),
        ("BREW", "/rooms/1"),
    ):
        assert (await rest.request(method, path)).headers[REQUEST_ID]
    assert TOLD == [
        ("GET", "/rooms/{room_id}", 200),
        ("GET", "none", 404),
        ("POST", "none", 405),
        ("other", "none", 405),
    ]
