"""What PostgreSQL is asked for a message, and when the one who asked goes on."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from common.protocol.types import Mention
from server.infra.postgres import database as adapter
from server.infra.postgres.database import PostgresDatabase
from server.kernel.database import Tx
from tests.support.chat import Chat
from tests.support.stores import postgres_url

_PATIENCE_S = 10.0
_ids_as_bytes = adapter._ids_as_bytes


async def _put(tx: Tx) -> None:
    await tx.execute("INSERT INTO meta (key, value) VALUES ('k', 'v')")


async def test_a_lone_message_takes_five_statements(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    async def watched(connection: Any) -> None:
        await _ids_as_bytes(connection)
        connection.add_query_logger(lambda query: asked.append(query.query))

    monkeypatch.setattr(adapter, "_ids_as_bytes", watched)
    database = PostgresDatabase(await postgres_url(tmp_path), connections=1)
    await database.start()
    try:
        chat = Chat(database)
        mira, dario, tess = await chat.people("mira", "dario", "tess")
        room = await chat.group(mira, dario, tess)
        asked.clear()
        await chat.handle(chat.send(mira, room, "hello"))
        begin, lock, look, change, commit = asked
        assert (begin, commit) == ("BEGIN;", "COMMIT;")
        assert lock.endswith("FOR UPDATE")
        assert (look.count("SELECT"), change.count("INSERT"), change.count("UPDATE")) == (2, 1, 2)
        # What is several rows goes by itself, all of them at once; here each is also looked up.
        asked.clear()
        mentions = [Mention(0, 5, dario), Mention(6, 4, tess)]
        await chat.handle(chat.send(mira, room, "dario tess", mentions=mentions))
        assert len(asked) == 7
    finally:
        await database.stop()


async def test_an_answer_does_not_wait_until_the_connection_is_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    let_go = asyncio.Event()
    let_go.set()

    async def slow(_: Any) -> None:
        await let_go.wait()

    monkeypatch.setattr(adapter, "_nothing", slow)
    database = PostgresDatabase(await postgres_url(tmp_path), connections=1)
    await database.start()
    try:
        let_go.clear()
        async with asyncio.timeout(_PATIENCE_S):
            await database.write(_put)
        assert database.usage().in_use == 1
    finally:
        let_go.set()
        await database.stop()


async def test_a_connection_that_does_not_come_back_is_told_to_the_operator(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, expect_log: Callable[..., None]
) -> None:
    expect_log("connection_not_given_back")
    broken = False

    async def reset(_: Any) -> None:
        if broken:
            raise LookupError("of the reset")

    monkeypatch.setattr(adapter, "_nothing", reset)
    database = PostgresDatabase(await postgres_url(tmp_path), connections=1)
    await database.start()
    try:
        broken = True
        await database.write(_put)
    finally:
        await database.stop()
