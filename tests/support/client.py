"""A client of a real server for tests: REST by httpx2, the socket by websockets."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, Final, TypeVar

import httpx2
import msgspec
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from common.ids import new_id
from common.protocol.codec import decode_pushes, encode
from common.protocol.pushes import Error, Heads, HistoryPage, MessageNew, Ok, Push, Ready, SyncEvents, Welcome
from common.protocol.requests import Hello, History, MessageSend, Request, Sync
from common.protocol.rest import Tokens
from common.protocol.types import Head

PATIENCE_S: Final = 20.0
PASSWORD: Final = "correct horse"
T = TypeVar("T", bound=Push)


class Rest:
    """Calls of one person, or of nobody before signing in."""

    def __init__(self, url: str, token: str | None = None) -> None:
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        self._http = httpx2.AsyncClient(
            base_url=f"{url}/api/v1", headers=headers, trust_env=False, timeout=PATIENCE_S
        )

    async def call(self, method: str, path: str, **body: Any) -> httpx2.Response:
        content = msgspec.json.encode(body) if body else None
        async with self._http as http:
            return await http.request(method, path, content=content)


async def register(url: str, name: str) -> Tokens:
    """A fresh account, signed in."""
    answer = await Rest(url).call(
        "POST", "/auth/register", username=name, display_name=name.title(), password=PASSWORD
    )
    assert answer.status_code == 201, answer.text
    return msgspec.json.decode(answer.content, type=Tokens)


async def direct_room(url: str, tokens: Tokens, other: Tokens) -> Head:
    answer = await Rest(url, tokens.access_token).call("POST", "/rooms/direct", user_id=other.user.id)
    assert answer.status_code == 200, answer.text
    return msgspec.json.decode(answer.content, type=Head)


async def group_room(url: str, tokens: Tokens, *others: Tokens, title: str = "Release 1.0") -> Head:
    answer = await Rest(url, tokens.access_token).call(
        "POST",
        "/rooms/",
        client_msg_id=new_id(),
        title=title,
        member_ids=[other.user.id for other in others],
    )
    assert answer.status_code == 201, answer.text
    return msgspec.json.decode(answer.content, type=Head)


class Client:
    """An open socket; everything that came stays in ``pushes``."""

    def __init__(self, socket: ClientConnection, tokens: Tokens) -> None:
        self._socket = socket
        self._ids = iter(range(1, 1_000_000))
        self.tokens = tokens
        self.pushes: list[Push] = []
        self.closed: int | None = None
        self._arrived = asyncio.Condition()

    async def read(self) -> None:
        """Until the socket closes."""
        try:
            async for frame in self._socket:
                payload = frame.encode() if isinstance(frame, str) else frame
                async with self._arrived:
                    self.pushes.extend(decode_pushes(payload))
                    self._arrived.notify_all()
        except ConnectionClosed:
            pass
        async with self._arrived:
            self.closed = self._socket.close_code or 1006
            self._arrived.notify_all()

    async def until(self, kind: type[T], matches: Callable[[T], bool] = lambda _: True) -> T:
        """The first push of a kind that matches, come or to come.

        Raises:
            TimeoutError: none came.
            ConnectionError: the socket closed first.
        """

        def found() -> T | None:
            return next((p for p in self.pushes if isinstance(p, kind) and matches(p)), None)

        async with asyncio.timeout(PATIENCE_S), self._arrived:
            await self._arrived.wait_for(lambda: found() is not None or self.closed is not None)
        push = found()
        if push is None:
            raise ConnectionError(f"closed with {self.closed}")
        return push

    async def until_closed(self) -> int:
        """The close code."""
        async with asyncio.timeout(PATIENCE_S), self._arrived:
            await self._arrived.wait_for(lambda: self.closed is not None)
        assert self.closed is not None
        return self.closed

    async def send(self, make: Callable[[int], Request]) -> int:
        """A request with a fresh id; the id."""
        request_id = next(self._ids)
        await self._socket.send(encode(make(request_id)).decode())
        return request_id

    async def raw(self, payload: str | bytes) -> None:
        await self._socket.send(payload)

    async def hello(self) -> None:
        await self.send(lambda i: Hello(i, [1], self.tokens.access_token))
        await self.until(Ready)

    @property
    def heads(self) -> list[Head]:
        """As they were when the socket was opened."""
        return [head for push in self.pushes if isinstance(push, Heads) for head in push.rooms]

    async def say(self, room_id: str, body: str, client_msg_id: str | None = None) -> MessageNew:
        """Send and wait for the acknowledgement."""
        key = client_msg_id or new_id()
        await self.send(lambda i: MessageSend(i, key, room_id, body))
        return await self.acknowledgement(key)

    async def acknowledgement(self, client_msg_id: str) -> MessageNew:
        """The push that says a send is stored."""
        return await self.until(MessageNew, lambda p: p.message.client_msg_id == client_msg_id)

    async def refusal(self, request_id: int) -> Error:
        """The error that answers a request."""
        return await self.until(Error, lambda p: p.id == request_id)

    async def answer(self, make: Callable[[int], Request]) -> Ok | Error:
        request_id = await self.send(make)
        both: Any = Ok | Error
        return await self.until(both, lambda p: p.id == request_id)

    async def sync(self, room_id: str, after: int = 0) -> SyncEvents:
        request_id = await self.send(lambda i: Sync(i, room_id, after))
        return await self.until(SyncEvents, lambda p: p.id == request_id)

    async def history(self, room_id: str, limit: int = 200, before: int | None = None) -> HistoryPage:
        request_id = await self.send(lambda i: History(i, room_id, before=before, limit=limit))
        return await self.until(HistoryPage, lambda p: p.id == request_id)

    @property
    def welcome(self) -> Welcome:
        return next(p for p in self.pushes if isinstance(p, Welcome))


@asynccontextmanager
async def client(url: str, tokens: Tokens, *, hello: bool = True) -> AsyncIterator[Client]:
    """Connected, and signed in unless told otherwise."""
    address = f"{url.replace('http', 'ws', 1)}/ws"
    async with connect(address, compression=None, proxy=None, open_timeout=PATIENCE_S) as socket:
        one = Client(socket, tokens)
        reader = asyncio.ensure_future(one.read())
        try:
            if hello:
                await one.hello()
            yield one
        finally:
            await socket.close()
            await reader
