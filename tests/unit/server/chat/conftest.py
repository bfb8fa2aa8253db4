"""A chat context on an empty SQLite database."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from server.infra.sqlite.database import SqliteDatabase
from tests.support.chat import Chat


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[SqliteDatabase]:
    database = SqliteDatabase(tmp_path / "parley.db")
    await database.start()
    try:
        yield database
    finally:
        await database.stop()


@pytest.fixture
def chat(database: SqliteDatabase) -> Chat:
    return Chat(database)
