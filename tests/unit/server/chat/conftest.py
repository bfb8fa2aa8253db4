"""A chat context on an empty database, of each kind: its SQL is one text for all."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from server.kernel.database import Database
from tests.contract.adapters import DATABASES
from tests.support.chat import Chat


@pytest.fixture(params=list(DATABASES.values()), ids=list(DATABASES))
async def database(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Database]:
    async with request.param(tmp_path) as opened:
        yield opened


@pytest.fixture
def chat(database: Database) -> Chat:
    return Chat(database)
