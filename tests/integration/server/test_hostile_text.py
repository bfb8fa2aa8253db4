"""No text that a call takes breaks a database: every field and parameter, of the calls as they are found."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, cast
from urllib.parse import quote

import httpx2
import pytest
from protocol_calls import PREFIX, calls
from protocol_shapes import example_json

from common.ids import new_id
from common.limits import Limits
from server.bootstrap import Server
from server.settings import Settings
from server.transfer.backup import backup
from tests.support.client import PATIENCE_S, group_room, register
from tests.support.services import services
from tests.support.stores import postgres_url, redis_client

HOSTILE: Final = ("a\x00b", "\x85")
OPEN: Final = Limits(
    messages_per_second=0,
    requests_per_second=0,
    login_failures=0,
    registrations_per_hour=0,
    rooms_per_hour=0,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Try:
    """One call with one hostile text."""

    method: str
    path: str
    query: str = ""
    body: Any = None

    @property
    def target(self) -> str:
        return self.path + (f"?{self.query}" if self.query else "")


def tries(ids: dict[str, str], text: str) -> Iterator[Try]:
    for call in calls():
        parts = call.path.removeprefix(PREFIX).split("/")
        path = "/".join(ids.get(part, part) for part in parts)
        usual = Try(
            method=call.method,
            path=path,
            body=None if call.body is None else example_json(cast("Any", call.body)),
        )
        for at, part in enumerate(parts):
            if part in ids:
                named = [ids.get(other, other) for other in parts]
                named[at] = quote(text)
                yield replace(usual, path="/".join(named))
        for parameter in call.query:
            yield replace(usual, query=f"{parameter['name']}={quote(text)}")
        for name, value in (usual.body or {}).items():
            if isinstance(value, str):
                yield replace(usual, body={**usual.body, name: text})


@asynccontextmanager
async def embedded(folder: Path) -> AsyncIterator[Settings]:
    yield Settings(data=folder / "data", port=0, limits=OPEN)


@asynccontextmanager
async def standalone(folder: Path) -> AsyncIterator[Settings]:
    async with redis_client():
        yield Settings(
            data=folder / "data",
            port=0,
            limits=OPEN,
            database_url=await postgres_url(folder),
            redis_url=services().url("redis"),
            kafka_servers=services().url("kafka"),
            kafka_prefix=f"{new_id()}.",
        )


@pytest.mark.usefixtures("quiet_kafka")
@pytest.mark.parametrize("kind", [embedded, standalone], ids=["sqlite", "postgres"])
async def test_no_call_breaks_and_what_is_kept_can_be_put_back(kind: Any, tmp_path: Path) -> None:
    async with kind(tmp_path) as settings:
        server = Server(settings)
        await server.start()
        try:
            mira, dario = await register(server.url, "mira"), await register(server.url, "dario")
            room = (await group_room(server.url, mira, dario)).room_id
            ids = {"{room_id}": room, "{member_id}": dario.user.id, "{user_id}": dario.user.id}
            ids |= {"{device_id}": new_id(), "{invite_id}": new_id()}
            headers = {"Authorization": f"Bearer {mira.access_token}"}
            tried = 0
            async with httpx2.AsyncClient(
                base_url=f"{server.url}{PREFIX}", headers=headers, trust_env=False, timeout=PATIENCE_S
            ) as http:
                for text in HOSTILE:
                    for each in tries(ids, text):
                        answer = await http.request(each.method, each.target, json=each.body)
                        assert answer.status_code < 500, (each, answer.text)
                        tried += 1
                # Whoever asks is signed in still: no try did what it said.
                assert (await http.get("/users/me")).status_code == 200
            assert tried > 100
            await backup(settings, tmp_path / "backup")
        finally:
            await server.stop()
