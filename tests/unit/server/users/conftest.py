"""A users context on an empty SQLite database, with a clock that stands still."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from common.limits import Limits
from common.protocol import rest
from common.protocol.types import User
from server.infra.crypto.passwords import Argon2Hasher
from server.infra.crypto.tokens import SignedTokens
from server.infra.memory.limiter import MemoryLimiter
from server.infra.sqlite.database import SqliteDatabase
from server.kernel.database import Tx
from server.users.service import UsersService
from tests.support.clock import ManualClock

PASSWORD = "correct horse"
ADDRESS = "192.0.2.1"


class NoRooms:
    """`Residence` of a server without rooms."""

    async def welcome(self, tx: Tx, user: User) -> None:
        pass

    async def rooms_of(self, tx: Tx, user_id: str) -> Sequence[str]:
        return ()


class House:
    """The service and what a test needs of its surroundings."""

    def __init__(self, database: SqliteDatabase, hasher: Argon2Hasher, limits: Limits) -> None:
        self.database = database
        self.clock = ManualClock()
        self.limits = limits
        self.users = UsersService(
            database=database,
            clock=self.clock,
            limiter=MemoryLimiter(self.clock),
            hasher=hasher,
            tokens=SignedTokens(key=Ed25519PrivateKey.generate(), server_id="0" * 64, clock=self.clock),
            residence=NoRooms(),
            kick=lambda: None,
            limits=limits,
        )

    async def register(self, username: str, display_name: str | None = None) -> rest.Tokens:
        request = rest.Register(username, display_name or username.title(), PASSWORD, "Laptop")
        return await self.users.register(request, ADDRESS)

    async def login(self, username: str, password: str = PASSWORD, address: str = ADDRESS) -> rest.Tokens:
        return await self.users.login(rest.Login(username, password, "Phone"), address)


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    database = SqliteDatabase(tmp_path / "parley.db")
    hasher = Argon2Hasher(memory_kib=64)
    await database.start()
    try:
        yield House(database, hasher, Limits())
    finally:
        hasher.close()
        await database.stop()
