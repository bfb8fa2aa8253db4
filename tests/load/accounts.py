"""Accounts of load runs: made once per server, used again by their refresh tokens.

Signing in costs the server an argon2 hash of 46 MiB each, so tokens are kept in a state file by
server id; where one was lost, the account signs in again by its name and the fixed password.
"""

from __future__ import annotations

import asyncio
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

import httpx2
import msgspec

from common.errors import Code
from common.ids import new_id
from common.protocol.rest import Problem, ServerInfo, Tokens
from common.protocol.types import Head
from tests.load.wire import LoadError

PASSWORD: Final = "load-tool-password"
REQUEST_TIMEOUT_S: Final = 120.0
AT_ONCE: Final = 4


class _Kept(msgspec.Struct):
    """The state file: refresh tokens by account number, client_msg_ids of group rooms by name."""

    tokens: dict[int, str] = {}
    rooms: dict[str, str] = {}


@dataclass(frozen=True, slots=True)
class LoadUser:
    """An account that is signed in."""

    number: int
    user_id: str
    token: str


class Accounts:
    """REST calls of the set-up phase."""

    def __init__(self, url: str, invite: str | None, *, state_dir: Path | None = None) -> None:
        self._url = url.rstrip("/")
        self._invite = invite
        self._state_dir = state_dir or Path(tempfile.gettempdir()) / "parley-load"
        self._kept = _Kept()
        # The load tool does not authenticate the server it was pointed at.
        self._http = httpx2.AsyncClient(
            base_url=self._url,
            verify=False,
            trust_env=False,
            timeout=REQUEST_TIMEOUT_S,
        )
        self._file: Path | None = None

    async def __aenter__(self) -> Self:
        """Ask who the server is and load what is kept for it."""
        info = msgspec.json.decode(await self._get("/api/v1/server"), type=ServerInfo)
        self._file = self._state_dir / f"{info.server_id}.json"
        if self._file.exists():
            self._kept = msgspec.json.decode(self._file.read_bytes(), type=_Kept)
        return self

    async def __aexit__(self, *exc: object) -> None:
        """Keep the tokens for the next run."""
        await self._http.aclose()
        if self._file is not None:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            self._file.write_bytes(msgspec.json.encode(self._kept))

    async def users(self, count: int) -> list[LoadUser]:
        """The first ``count`` accounts, made where they are missing."""
        gate = asyncio.Semaphore(AT_ONCE)

        async def one(number: int) -> LoadUser:
            async with gate:
                return await self._user(number)

        # The first alone: on a fresh server it becomes the admin, and the limiter shows early.
        first = await one(0)
        rest = await asyncio.gather(*(one(number) for number in range(1, count)))
        return [first, *rest]

    async def direct_room(self, user: LoadUser, other: LoadUser) -> str:
        """The room of two."""
        return await self._room(user, "/api/v1/rooms/direct", {"user_id": other.user_id})

    async def group_room(self, user: LoadUser, name: str, members: list[LoadUser]) -> str:
        """A group of ``user`` and ``members``; the same name gives the same room again."""
        key = self._kept.rooms.setdefault(name, new_id())
        body = {
            "client_msg_id": key,
            "title": name,
            "member_ids": [member.user_id for member in members],
        }
        return await self._room(user, "/api/v1/rooms", body)

    async def metrics(self, url: str | None = None) -> dict[str, float]:
        """The unlabelled samples of a server's ``/metrics``."""
        text = (await self._get(f"{url or self._url}/metrics")).decode()
        pairs = (line.rsplit(" ", 1) for line in text.splitlines() if line and line[0] != "#")
        return {name: float(value) for name, value in pairs if "{" not in name}

    async def _user(self, number: int) -> LoadUser:
        kept = self._kept.tokens.get(number)
        tokens = None
        if kept is not None:
            tokens = await self._try("/api/v1/auth/refresh", {"refresh_token": kept})
        name = f"load{number}"
        if tokens is None:
            tokens = await self._try("/api/v1/auth/login", {"username": name, "password": PASSWORD})
        if tokens is None:
            body = {"username": name, "display_name": f"Load {number}", "password": PASSWORD}
            if self._invite is not None:
                body["invite"] = self._invite
            tokens = msgspec.json.decode(await self._post("/api/v1/auth/register", body), type=Tokens)
        self._kept.tokens[number] = tokens.refresh_token
        return LoadUser(number, tokens.user.id, tokens.access_token)

    async def _try(self, path: str, body: dict[str, Any]) -> Tokens | None:
        answer = await self._http.post(path, content=msgspec.json.encode(body))
        if answer.is_success:
            return msgspec.json.decode(answer.content, type=Tokens)
        problem = msgspec.json.decode(answer.content, type=Problem)
        if problem.code in {Code.WRONG_CREDENTIALS, Code.UNAUTHENTICATED}:
            return None
        raise _refusal(path, problem)

    async def _room(self, user: LoadUser, path: str, body: dict[str, Any]) -> str:
        answer = await self._post(path, body, token=user.token)
        return msgspec.json.decode(answer, type=Head).room_id

    async def _post(self, path: str, body: dict[str, Any], token: str | None = None) -> bytes:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        answer = await self._http.post(path, content=msgspec.json.encode(body), headers=headers)
        if not answer.is_success:
            raise _refusal(path, msgspec.json.decode(answer.content, type=Problem))
        return answer.content

    async def _get(self, path: str) -> bytes:
        try:
            answer = await self._http.get(path)
        except httpx2.HTTPError as problem:
            msg = f"can't reach {self._url}: {problem}"
            raise LoadError(msg) from problem
        if not answer.is_success:
            msg = f"GET {path} gives {answer.status_code}"
            raise LoadError(msg)
        return answer.content


def _refusal(path: str, problem: Problem) -> LoadError:
    hint = " (are the server's limits off?)" if problem.code == Code.RATE_LIMITED else ""
    return LoadError(f"{path} refused with {problem.code}: {problem.message}{hint}")
