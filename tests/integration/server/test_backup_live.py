"""A backup of a server that people write to is one moment of it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sized
from functools import partial
from pathlib import Path
from typing import Any

from server.bootstrap import Server
from server.settings import Settings
from server.transfer.archive import Reader
from server.transfer.backup import backup
from tests.support.client import Client, client, group_room, register
from tests.support.lived_in import UNLIMITED
from tests.support.wait import until

BACKUPS = 4


async def talk(one: Client, room: str, ended: asyncio.Event) -> int:
    count = 0
    while not ended.is_set():
        await one.say(room, f"message {count}")
        count += 1
    return count


async def test_every_backup_is_one_moment(tmp_path: Path) -> None:
    settings = Settings(data=tmp_path / "data", port=0, limits=UNLIMITED)
    server = Server(settings)
    await server.start()
    try:
        ada = await register(server.url, "ada")
        room = (await group_room(server.url, ada)).room_id
        ended = asyncio.Event()
        async with client(server.url, ada) as one:
            talking = asyncio.ensure_future(talk(one, room, ended))
            counts = []
            for number in range(BACKUPS):
                await until(partial(reached, one.pushes, len(one.pushes) + 5))
                file = tmp_path / str(number)
                await backup(settings, file)
                counts.append(consistent(file))
            ended.set()
            assert await talking >= counts[-1]
        assert sorted(set(counts)) == counts
    finally:
        await server.stop()


def consistent(file: Path) -> int:
    """The messages in it; each room's counters are those of its rows."""
    with contextlib.closing(Rows(file)) as rows:
        last: dict[bytes, int] = {}
        numbers: dict[bytes, int] = {}
        for room, seq, msg_no in rows.columns("messages", "room_id", "seq", "msg_no"):
            last[room] = max(last.get(room, 0), seq)
            numbers[room] = max(numbers.get(room, 0), msg_no)
        for room, seq in rows.columns("events", "room_id", "seq"):
            last[room] = max(last.get(room, 0), seq)
        for room, seq, msg_no in rows.columns("rooms", "id", "seq", "msg_no"):
            assert (seq, msg_no) == (last.get(room, 0), numbers.get(room, 0))
        return sum(numbers.values())


def reached(pushes: Sized, count: int) -> bool:
    return len(pushes) >= count


class Rows:
    def __init__(self, file: Path) -> None:
        self._reader = Reader(file)

    def close(self) -> None:
        self._reader.__exit__()

    def columns(self, table: str, *names: str) -> list[tuple[Any, ...]]:
        found = next(each for each in self._reader.tables if each.name == table)
        places = [found.columns.index(name) for name in names]
        return [tuple(row[place] for place in places) for rows in self._reader.pages(found) for row in rows]
