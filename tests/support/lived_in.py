"""An embedded server that people used: every table that people can fill has rows."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec
from PIL import Image

from common.ids import new_id
from common.limits import Limits
from common.protocol import requests
from common.protocol.rest import Tokens
from common.protocol.types import Mention, Message
from server.bootstrap import Server
from server.settings import Settings
from tests.support.client import PATIENCE_S, Client, Rest, client, direct_room, group_room, register
from tests.support.conversations import conversation

UNLIMITED: Final = Limits(messages_per_second=0, requests_per_second=0)
NAMES: Final = ("ada", "ben", "carla")


@dataclass(frozen=True, slots=True, kw_only=True)
class Lived:
    """Ada is the admin; ``group`` has all three, ``direct`` Ada and Ben."""

    folder: Path
    server_id: str
    people: Sequence[Tokens]
    group: str
    direct: str


def texts(count: int) -> list[str]:
    """Real messages, without what the protocol refuses."""
    found = (" ".join(line.text.split()) for line in conversation())
    kept = ("".join(c for c in text if c.isprintable()) for text in found)
    return [text for text in kept if text][:count]


async def live_in(folder: Path, *, messages: int = 300) -> Lived:
    """Start a server in the folder, use it, stop it."""
    server = Server(Settings(data=folder, port=0, limits=UNLIMITED))
    await server.start()
    try:
        people = [await register(server.url, name) for name in NAMES]
        ada, ben, carla = people
        group = (await group_room(server.url, *people, title="Harbour")).room_id
        direct = (await direct_room(server.url, ada, ben)).room_id
        said = texts(messages)
        async with (
            client(server.url, ada) as a,
            client(server.url, ben) as b,
            client(server.url, carla) as c,
        ):
            for number in range(0, len(said), 50):
                await asyncio.gather(
                    *(
                        (a, b, c)[n % 3].say(group if n % 5 else direct, body)
                        for n, body in enumerate(said[number : number + 50], number)
                        if n % 5 or n % 3 < 2  # Carla is not in the direct room
                    )
                )
            await _change(a, b, c, group)
        await _administer(server.url, ada, ben)
        return Lived(folder=folder, server_id=server.server_id, people=people, group=group, direct=direct)
    finally:
        await server.stop()


async def _change(ada: Client, ben: Client, carla: Client, group: str) -> None:
    key = new_id()
    mention = [Mention(start=0, len=4, user_id=ben.tokens.user.id)]
    await ada.send(
        lambda i: requests.MessageSend(i, key, group, "@ben look: naïve ☕ 日本語", mentions=mention)
    )
    said = await ada.acknowledgement(key)
    wrong = await ada.say(group, "wrong")
    await ben.answer(lambda i: requests.ReactionAdd(i, new_id(), group, said.seq, "👍"))
    await carla.answer(lambda i: requests.ReactionAdd(i, new_id(), group, said.seq, "🎉"))
    await ada.answer(lambda i: requests.MessageEdit(i, new_id(), group, said.seq, "@ben look here"))
    await ada.answer(lambda i: requests.MessageDelete(i, new_id(), group, wrong.seq))
    await ben.answer(lambda i: requests.Receipt(i, group, read=said.seq))
    unread = [Mention(start=0, len=6, user_id=carla.tokens.user.id)]
    last = new_id()
    await ben.send(lambda i: requests.MessageSend(i, last, group, "@carla and you?", mentions=unread))
    await ben.acknowledgement(last)


async def _administer(url: str, ada: Tokens, ben: Tokens) -> None:
    picture = io.BytesIO()
    Image.new("RGB", (64, 64), "#3050a0").save(picture, "PNG")
    rest = Rest(url, ada.access_token)
    async with rest._http as http:
        put = await http.put(
            "/users/me/avatar", content=picture.getvalue(), headers={"content-type": "image/png"}
        )
        assert put.status_code == 200, put.text
        for path, body in (
            ("/invites", {"max_uses": 3, "expires_in_s": 3_600}),
            (f"/users/{ben.user.id}/reset-code", {}),
        ):
            made = await http.post(path, content=msgspec.json.encode(body))
            assert made.status_code in {200, 201}, made.text


async def histories(url: str, lived: Lived, tokens: Sequence[Tokens]) -> list[bytes]:
    """All that each of these people can read in the two rooms, as bytes to compare."""
    found = []
    for one in tokens:
        async with asyncio.timeout(PATIENCE_S), client(url, one) as opened:
            rooms = sorted({head.room_id for head in opened.heads} & {lived.group, lived.direct})
            found.extend([await _history(opened, room) for room in rooms])
    return found


async def _history(opened: Client, room: str) -> bytes:
    pages: list[Message] = []
    before: int | None = None
    while True:
        page = await opened.history(room, before=before)
        pages = [*page.messages, *pages]
        if page.at_start:
            return msgspec.json.encode(pages)
        before = page.from_seq
