"""A client written from docs/protocol.md alone: nothing of Parley's is imported, JSON is spelled out.

What it relies on is what others rely on. A test that has to change here is a break of the protocol.
"""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
import sys
import time
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import httpx2
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

ROOT: Final = Path(__file__).parents[2]
PATIENCE_S: Final = 20.0
PASSWORD: Final = "correct horse"
Json = dict[str, Any]


def uuid7() -> str:
    """RFC 9562, from the clock and random bits."""
    stamp = (time.time_ns() // 1_000_000) & (2**48 - 1)
    bits = (stamp << 80) | (uuid.uuid4().int & (2**80 - 1))
    bits = (bits & ~(0xF << 76)) | (0x7 << 76)
    bits = (bits & ~(0x3 << 62)) | (0x2 << 62)
    return str(uuid.UUID(int=bits))


@pytest.fixture
def url(tmp_path: Path) -> Iterator[str]:
    """A server as anybody starts it."""
    command = [sys.executable, "-u", "-m", "server", "serve", "--data", str(tmp_path), "--port", "0"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        match = re.fullmatch(r"listening on (http://127\.0\.0\.1:\d+)\n", line)
        assert match is not None, line
        try:
            yield match[1]
        finally:
            process.terminate()
            process.wait(PATIENCE_S)


async def call(url: str, method: str, path: str, token: str = "", **body: Any) -> tuple[int, Any]:
    """Status and JSON of a REST call."""
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    async with httpx2.AsyncClient(trust_env=False, timeout=PATIENCE_S) as http:
        answer = await http.request(method, f"{url}/api/v1{path}", json=body or None, headers=headers)
        return answer.status_code, answer.json() if answer.content else None


async def register(url: str, name: str) -> Json:
    status, tokens = await call(
        url, "POST", "/auth/register", username=name, display_name=name.title(), password=PASSWORD
    )
    assert status == 201, tokens
    assert tokens.keys() >= {"user", "device_id", "access_token", "expires_in_s", "refresh_token"}
    return dict(tokens)


class Socket:
    """Lines out, lines in; unknown types and fields are passed over, as the document asks."""

    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection
        self._lines: list[Json] = []
        self._next_id = 0

    async def send(self, **request: Any) -> int:
        self._next_id += 1
        await self._connection.send(json.dumps({"id": self._next_id, **request}))
        return self._next_id

    async def until(self, **wanted: Any) -> Json:
        """The next line that has these fields."""
        async with asyncio.timeout(PATIENCE_S):
            while True:
                for number, line in enumerate(self._lines):
                    if all(line.get(name) == value for name, value in wanted.items()):
                        del self._lines[number]
                        return line
                frame = await self._connection.recv()
                self._lines += [json.loads(line) for line in str(frame).split("\n") if line]

    async def closed(self) -> int | None:
        """The close code."""
        async with asyncio.timeout(PATIENCE_S):
            try:
                while True:
                    await self._connection.recv()
            except ConnectionClosed:
                return self._connection.close_code


@asynccontextmanager
async def opened(url: str, tokens: Json) -> AsyncIterator[tuple[Socket, list[Json]]]:
    """A signed-in socket, and the heads of the rooms."""
    async with connect(f"{url.replace('http', 'ws', 1)}/ws", proxy=None) as connection:
        socket = Socket(connection)
        await socket.send(type="hello", versions=[1], token=tokens["access_token"])
        welcome = await socket.until(type="welcome")
        assert welcome["user"]["id"] == tokens["user"]["id"]
        assert welcome["limits"]["in_flight_per_connection"] > 0
        await socket.until(type="ready")
        heads = [head for line in socket._lines if line["type"] == "heads" for head in line["rooms"]]
        yield socket, heads


async def test_a_server_says_who_it_is(url: str) -> None:
    status, server = await call(url, "GET", "/server")
    assert (status, server["product"], server["registration"]) == (200, "parley", "open")
    assert re.fullmatch(r"[0-9a-f]{64}", server["server_id"])
    assert 1 in server["versions"]


async def test_two_people_talk_and_a_late_one_catches_up(url: str) -> None:
    mira, dario = await register(url, "mira"), await register(url, "dario")
    status, room = await call(url, "POST", "/rooms/direct", mira["access_token"], user_id=dario["user"]["id"])
    assert (status, room["kind"], room["peer"]["username"]) == (200, "direct", "dario")
    room_id = room["room_id"]
    async with opened(url, mira) as (a, _), opened(url, dario) as (b, heads):
        assert room_id in {head["room_id"] for head in heads}
        key = uuid7()
        sent = {"type": "message.send", "client_msg_id": key, "room_id": room_id, "body": "Grüße 👋"}
        await a.send(**sent)
        mine = await a.until(type="message.new", room_id=room_id)
        assert mine["message"]["client_msg_id"] == key
        theirs = await b.until(type="message.new", room_id=room_id)
        assert theirs["message"]["body"] == "Grüße 👋"
        assert theirs["seq"] == mine["seq"] == mine["message"]["seq"]
        # The same again is the same message; another body under the key is refused.
        await a.send(**sent)
        again = await a.until(type="message.new", room_id=room_id)
        assert again["seq"] == mine["seq"]
        refused = await a.send(**{**sent, "body": "another"})
        assert (await a.until(type="error", id=refused))["code"] == "id_reused"

        asked = await b.send(
            type="reaction.add", client_msg_id=uuid7(), room_id=room_id, seq=mine["seq"], emoji="👍"
        )
        assert (await b.until(type="ok", id=asked))["seq"] == mine["seq"] + 1
        reaction = await a.until(type="reaction.added", target=mine["seq"])
        assert (reaction["emoji"], reaction["user_id"]) == ("👍", dario["user"]["id"])
        await a.send(
            type="message.edit", client_msg_id=uuid7(), room_id=room_id, seq=mine["seq"], body="Hello"
        )
        assert (await b.until(type="message.edited"))["body"] == "Hello"
        await b.send(type="receipt", room_id=room_id, delivered=mine["seq"] + 2, read=mine["seq"] + 2)
        marks = await a.until(type="marks", user_id=dario["user"]["id"])
        assert marks["read"] == mine["seq"] + 2
        await b.send(type="typing", room_id=room_id)
        await a.until(type="typing", room_id=room_id, user_id=dario["user"]["id"])

    async with opened(url, dario) as (b, heads):
        head = next(head for head in heads if head["room_id"] == room_id)
        assert (head["read"], head.get("unread", 0)) == (mine["seq"] + 2, 0)
        asked = await b.send(type="sync", room_id=room_id, after_seq=mine["seq"] - 1)
        answer = await b.until(type="sync.events", id=asked)
        assert answer["head"] == mine["seq"] + 2
        kinds = [event["type"] for event in answer["events"]]
        assert kinds == ["message.new", "reaction.added", "message.edited"]
        folded = answer["events"][0]["message"]
        assert (folded["body"], folded["rev"]) == ("Hello", mine["seq"] + 2)
        asked = await b.send(type="history", room_id=room_id, limit=10)
        page = await b.until(type="history.page", id=asked)
        assert [message["body"] for message in page["messages"]] == ["Hello"]
        assert page["messages"][0]["reactions"] == [{"emoji": "👍", "user_ids": [dario["user"]["id"]]}]
        assert page["at_end"]


async def test_bad_lines_get_their_own_error_and_the_connection_lives(url: str) -> None:
    mira = await register(url, "mira")
    async with opened(url, mira) as (a, heads):
        room_id = heads[0]["room_id"] if heads else ""
        await a._connection.send('nonsense\n{"type":"fly","id":70}\n\n{"type":"typing","id":71,"x":1}')
        assert (await a.until(type="error", id=-1))["code"] == "bad_json"
        assert (await a.until(type="error", id=70))["code"] == "unsupported"
        assert (await a.until(type="error", id=71))["code"] == "bad_field"
        asked = await a.send(type="history", room_id=uuid7())
        assert (await a.until(type="error", id=asked))["code"] == "not_found"
        if room_id:
            asked = await a.send(type="history", room_id=room_id)
            await a.until(type="history.page", id=asked)


async def test_tokens_are_renewed_and_ended_as_promised(url: str) -> None:
    mira = await register(url, "mira")
    status, fresh = await call(url, "POST", "/auth/refresh", refresh_token=mira["refresh_token"])
    assert status == 200
    assert fresh["refresh_token"] != mira["refresh_token"]
    status, me = await call(url, "GET", "/users/me", fresh["access_token"])
    assert (status, me["username"]) == (200, "mira")
    async with opened(url, fresh) as (a, _):
        asked = await a.send(type="session.renew", token=mira["access_token"])
        await a.until(type="ok", id=asked)
        assert (await call(url, "POST", "/auth/logout", fresh["access_token"], all=False))[0] == 204
        assert await a.closed() == 4401
    status, problem = await call(url, "GET", "/users/me", fresh["access_token"])
    assert (status, problem["code"]) == (401, "unauthenticated")


async def test_close_codes_say_what_was_wrong(url: str) -> None:
    mira = await register(url, "mira")
    address = f"{url.replace('http', 'ws', 1)}/ws"
    async with connect(address, proxy=None) as connection:
        a = Socket(connection)
        await a.send(type="hello", versions=[99], token=mira["access_token"])
        assert (await a.until(type="error"))["code"] == "unsupported"
        assert await a.closed() == 4406
    async with connect(address, proxy=None) as connection:
        a = Socket(connection)
        await a.send(type="hello", versions=[1], token="x.y.z")
        assert (await a.until(type="error"))["code"] == "unauthenticated"
        assert await a.closed() == 4401
    async with opened(url, mira) as (a, _), opened(url, mira) as _:
        assert await a.closed() == 4409


def test_it_imports_nothing_of_ours() -> None:
    source = Path(__file__).read_text()
    assert not re.search(r"^(?:from|import) (?:common|server|desktop|tests)\b", source, re.MULTILINE)
