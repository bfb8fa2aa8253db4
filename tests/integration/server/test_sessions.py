"""The life of a connection, and what hostile clients get."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import httpx2
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from common.errors import CloseCode, Code
from common.ids import new_id
from common.limits import Limits
from common.protocol import requests
from common.protocol.pushes import Error, MessageNew
from server.bootstrap import Server
from server.http.serving import PortBusyError
from server.settings import Settings
from tests.support.client import PASSWORD, Rest, client, direct_room, register


@pytest.fixture
def limits() -> Limits:
    return Limits(messages_per_second=1.0, messages_burst=3, send_queue_bytes=64 * 1024)


@pytest.fixture
async def slow_server(tmp_path: Path) -> AsyncIterator[Server]:
    """Where nobody gets anything back during a test."""
    limits = Limits(messages_per_second=0.001, messages_burst=3, requests_per_second=0.001, requests_burst=7)
    running = Server(Settings(data=tmp_path / "slow", port=0, limits=limits))
    await running.start()
    yield running
    await running.stop()


async def test_a_second_socket_of_a_device_replaces_the_first(server: Server) -> None:
    mira = await register(server.url, "mira")
    async with client(server.url, mira) as first, client(server.url, mira):
        assert await first.until_closed() == CloseCode.REPLACED


async def test_logging_out_closes_the_socket_and_ends_the_token(server: Server) -> None:
    mira = await register(server.url, "mira")
    rest = Rest(server.url, mira.access_token)
    async with client(server.url, mira) as a:
        assert (await rest.call("POST", "/auth/logout", all=True)).status_code == 204
        assert await a.until_closed() == CloseCode.UNAUTHENTICATED
    answer = await Rest(server.url, mira.access_token).call("GET", "/users/me")
    assert (answer.status_code, answer.json()["code"]) == (401, Code.UNAUTHENTICATED)


async def test_no_hello_first_is_refused_and_closed(server: Server) -> None:
    mira = await register(server.url, "mira")
    async with client(server.url, mira, hello=False) as a:
        await a.raw('{"type":"typing","id":1,"room_id":"01934567-89ab-7def-8123-456789abcdef"}')
        assert (await a.until(Error)).code == Code.UNAUTHENTICATED
        assert await a.until_closed() == CloseCode.UNAUTHENTICATED


async def test_a_future_version_is_closed_with_4406(server: Server) -> None:
    mira = await register(server.url, "mira")
    async with client(server.url, mira, hello=False) as a:
        await a.send(lambda i: requests.Hello(i, [99], mira.access_token))
        assert (await a.until(Error)).code == Code.UNSUPPORTED
        assert await a.until_closed() == CloseCode.VERSION


async def test_good_lines_of_a_frame_run_and_bad_ones_get_their_own_error(server: Server) -> None:
    mira, dario = await register(server.url, "mira"), await register(server.url, "dario")
    room = (await direct_room(server.url, mira, dario)).room_id
    async with client(server.url, mira) as a:
        good = f'{{"type":"history","id":71,"room_id":"{room}"}}'
        await a.raw(f'{{"type":"fly","id":70}}\n\n{good}\nnonsense')
        codes = [(await a.refusal(request_id)).code for request_id in (70, -1)]
        assert codes == [Code.UNSUPPORTED, Code.BAD_JSON]
        assert (await a.history(room)).messages == []


async def test_a_flood_is_rate_limited_and_the_connection_lives(server: Server) -> None:
    mira, dario = await register(server.url, "mira"), await register(server.url, "dario")
    room = (await direct_room(server.url, mira, dario)).room_id
    async with client(server.url, mira) as a:
        for _ in range(3):
            await a.say(room, "within the burst")
        for _ in range(3):
            await a.send(lambda i: requests.MessageSend(i, new_id(), room, "too fast"))
        refused = await a.until(Error)
        assert refused.code == Code.RATE_LIMITED
        assert refused.retry_after_ms
        assert (await a.history(room)).at_end


async def test_abuse_12_a_flood_by_rest_is_rate_limited_and_shares_its_allowance_with_the_socket(
    slow_server: Server,
) -> None:
    server = slow_server
    mira, dario = await register(server.url, "mira"), await register(server.url, "dario")
    room = (await direct_room(server.url, mira, dario)).room_id

    async def post() -> httpx2.Response:
        rest = Rest(server.url, mira.access_token)
        return await rest.call("POST", f"/rooms/{room}/messages", client_msg_id=new_id(), body="by a bot")

    async def rename() -> httpx2.Response:
        rest = Rest(server.url, mira.access_token)
        return await rest.call("PATCH", "/users/me", about="by a bot")

    assert [(await each()).status_code for each in (post, rename, post)] == [200, 200, 200]
    for each in (post, rename):
        refused = await each()
        assert refused.status_code == 429
        assert refused.json()["code"] == Code.RATE_LIMITED
        assert int(refused.headers["Retry-After"]) >= 1
    async with client(server.url, mira) as a:
        again = await a.send(lambda i: requests.MessageSend(i, new_id(), room, "by the socket"))
        assert (await a.refusal(again)).code == Code.RATE_LIMITED
        assert len((await a.history(room)).messages) == 2


async def test_reading_by_rest_is_rate_limited_too(slow_server: Server) -> None:
    server = slow_server
    mira, dario = await register(server.url, "mira"), await register(server.url, "dario")
    codes = [
        (await Rest(server.url, who.access_token).call("GET", "/rooms/")).status_code
        for who in (*[mira] * 8, dario)
    ]
    assert codes == [*[200] * 7, 429, 200]


@pytest.mark.parametrize(
    ("path", "origin", "status"), [("/else", None, 404), ("/ws", "https://evil.example", 403)]
)
async def test_foreign_paths_and_pages_get_no_socket(
    server: Server, path: str, origin: str | None, status: int
) -> None:
    address = f"{server.url.replace('http', 'ws', 1)}{path}"
    with pytest.raises(InvalidStatus) as refused:
        async with connect(address, origin=origin, proxy=None):  # type: ignore[arg-type]  # a NewType of str
            pass
    assert refused.value.response.status_code == status


async def test_a_wrong_password_and_an_unknown_name_get_the_same_words(server: Server) -> None:
    await register(server.url, "mira")
    wrong = await Rest(server.url).call("POST", "/auth/login", username="mira", password="wrong wrong")
    unknown = await Rest(server.url).call("POST", "/auth/login", username="nobody", password=PASSWORD)
    assert wrong.status_code == unknown.status_code == 401
    assert wrong.json() == unknown.json()


async def test_a_look_alike_name_is_refused(server: Server) -> None:
    await register(server.url, "mira")
    twin = await Rest(server.url).call(
        "POST",
        "/auth/register",
        username="mir\N{CYRILLIC SMALL LETTER A}",
        display_name="Mira!",
        password=PASSWORD,
    )
    assert (twin.status_code, twin.json()["code"]) == (400, Code.NAME_NOT_ALLOWED)


async def test_a_refresh_token_rotates_forgives_a_lost_reply_and_punishes_reuse(server: Server) -> None:
    first = (await register(server.url, "mira")).refresh_token

    async def refresh(token: str) -> tuple[int, str]:
        answer = await Rest(server.url).call("POST", "/auth/refresh", refresh_token=token)
        return answer.status_code, answer.json().get("refresh_token", "")

    _, second = await refresh(first)
    lost, third = await refresh(first)  # the reply with ``second`` never came
    assert (lost, third != second) == (200, True)
    used, fourth = await refresh(third)
    assert used == 200
    assert (await refresh(first))[0] == 401
    assert (await refresh(fourth))[0] == 401


async def test_a_busy_port_is_told_in_words(server: Server, tmp_path: Path) -> None:
    port = int(server.url.rsplit(":", 1)[1])
    other = Server(Settings(data=tmp_path / "other", port=port))
    with pytest.raises(PortBusyError, match=f"port {port}"):
        await other.start()


async def test_somebody_elses_room_is_not_found(server: Server) -> None:
    mira, dario = await register(server.url, "mira"), await register(server.url, "dario")
    eve = await register(server.url, "eve")
    room = (await direct_room(server.url, mira, dario)).room_id
    async with client(server.url, mira) as a, client(server.url, eve) as e:
        await a.say(room, "between us")
        for make in (
            lambda i: requests.Sync(i, room, 0),
            lambda i: requests.History(i, room),
            lambda i: requests.MessageSend(i, mira.device_id, room, "let me in"),
        ):
            request = await e.send(make)
            assert (await e.refusal(request)).code == Code.NOT_FOUND
        assert not [p for p in e.pushes if isinstance(p, MessageNew)]
