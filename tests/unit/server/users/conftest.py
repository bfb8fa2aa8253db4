"""A users context on an empty database of each kind, with a clock that stands still."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import msgspec
import pytest

from common.limits import Limits
from common.protocol import rest
from common.protocol.rest import Registration
from common.protocol.types import User
from server.infra.crypto.identity import Sealer
from server.infra.crypto.passwords import Argon2Hasher
from server.infra.crypto.tokenkeys import TokenKeys
from server.infra.crypto.tokens import SignedTokens
from server.infra.folder_blobs import FolderBlobs
from server.infra.memory.limiter import MemoryLimiter
from server.infra.pictures import PillowPictures
from server.kernel.database import Database, Row, Tx
from server.kernel.identity import Identity
from server.users.admission import AdmissionService
from server.users.deletion import DeletionService
from server.users.event import SESSION_REVOKED, SessionsRevoked
from server.users.means import Means
from server.users.profiles import ProfileService
from server.users.resets import ResetService
from server.users.service import UsersService
from server.users.sessions import Sessions
from tests.contract.adapters import DATABASES
from tests.support.clock import ManualClock

PASSWORD = "correct horse"
ADDRESS = "192.0.2.1"


class NoRooms:
    """`Residence` of a server without rooms."""

    async def welcome(self, tx: Tx, user: User) -> None:
        pass

    async def rooms_of(self, tx: Tx, user_id: str) -> Sequence[str]:
        return ()

    async def leave_all(self, tx: Tx, gone: User) -> None:
        pass


class House:
    """The service and what a test needs of its surroundings."""

    def __init__(self, database: Database, hasher: Argon2Hasher, limits: Limits, folder: Path) -> None:
        self.database = database
        self.clock = ManualClock()
        self.limits = limits
        self.means = Means(
            database=database,
            clock=self.clock,
            limiter=MemoryLimiter(self.clock),
            limits=limits,
            kick=lambda: None,
        )
        self.keys = TokenKeys(
            database, sealer=Sealer(bytes(32)), clock=self.clock, token_ms=limits.access_token_ms
        )
        tokens = SignedTokens(keys=self.keys, server_id="0" * 64, clock=self.clock)
        sessions = Sessions(clock=self.clock, tokens=tokens, limits=limits)
        self.admission = self.new_admission()
        self.users = UsersService(
            means=self.means,
            hasher=hasher,
            sessions=sessions,
            admission=self.admission,
            residence=NoRooms(),
        )
        self.resets = ResetService(means=self.means, hasher=hasher, sessions=sessions)
        self.blobs = FolderBlobs(folder / "blobs")
        self.profiles = ProfileService(
            means=self.means, residence=NoRooms(), blobs=self.blobs, pictures=PillowPictures()
        )
        self.deletion = DeletionService(
            means=self.means, hasher=hasher, residence=NoRooms(), blobs=self.blobs
        )

    def new_admission(self) -> AdmissionService:
        """As after a restart."""
        return AdmissionService(means=self.means, name="Workshop LAN", registration=Registration.OPEN)

    async def signed_out_in_outbox(self) -> set[str]:
        """Takes what the transactions said about signed-out devices to the service, as the relay does."""

        async def rows(tx: Tx) -> list[Row]:
            found = await tx.fetch("SELECT payload FROM event_outbox WHERE topic = $1", SESSION_REVOKED.name)
            return list(found)

        found = await self.database.read(rows)
        events = [msgspec.json.decode(row[0], type=SessionsRevoked) for row in found]
        await self.users.note_revoked(events)
        return {device for event in events for device in event.device_ids}

    async def identity(self, tokens: rest.Tokens) -> Identity:
        return await self.users.authenticate(tokens.access_token)

    async def register(
        self, username: str, display_name: str | None = None, *, invite: str | None = None
    ) -> rest.Tokens:
        request = rest.Register(username, display_name or username.title(), PASSWORD, "Laptop", invite)
        return await self.users.register(request, ADDRESS)

    async def login(self, username: str, password: str = PASSWORD, address: str = ADDRESS) -> rest.Tokens:
        return await self.users.login(rest.Login(username, password, "Phone"), address)


@pytest.fixture(params=list(DATABASES.values()), ids=list(DATABASES))
async def house(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[House]:
    hasher = Argon2Hasher(memory_kib=64)
    try:
        async with request.param(tmp_path) as database:
            house = House(database, hasher, Limits(), tmp_path)
            await house.keys.look()
            yield house
    finally:
        hasher.close()
