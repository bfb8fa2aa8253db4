from __future__ import annotations

import asyncio
import errno
from typing import Any

import pytest

from common.errors import Code
from common.ids import new_id
from common.protocol import rest
from common.protocol.types import User
from desktop.net.problems import LostError, NetError, RefusedError, SignedOutError
from desktop.net.tokens import Tokens

USER = User(id=new_id(), username="ada", display_name="Ada")


class FakeServer:
    """Answers refreshes: rotates, and loses or refuses what the test wants."""

    def __init__(self) -> None:
        self.shown: list[str] = []
        self.problems: list[NetError] = []
        self.stored: str | None = "r0"
        self.unreadable: OSError | None = None
        self.full = False
        self.now = 0.0

    async def post(self, path: str, kind: type[Any], body: rest.Refresh) -> rest.Tokens:
        self.shown.append(body.refresh_token)
        await asyncio.sleep(0)
        if self.problems:
            raise self.problems.pop(0)
        number = len(self.shown)
        return rest.Tokens(USER, new_id(), f"a{number}", 600, f"r{number}")

    async def load(self) -> str | None:
        if self.unreadable is not None:
            raise self.unreadable
        return self.stored

    async def store(self, secret: str) -> None:
        if self.full:
            raise OSError(errno.ENOSPC, "no space left")
        self.stored = secret

    def tokens(self) -> Tokens:
        return Tokens(self, load=self.load, store=self.store, clock=lambda: self.now)  # type: ignore[arg-type]  # the one method it needs


async def test_one_refresh_serves_all_who_wait() -> None:
    server = FakeServer()
    tokens = server.tokens()
    found = await asyncio.gather(*(tokens.access() for _ in range(5)))
    assert {one.text for one in found} == {"a1"}
    assert server.shown == ["r0"]
    assert server.stored == "r1"


async def test_a_token_is_used_until_shortly_before_it_ends() -> None:
    server = FakeServer()
    tokens = server.tokens()
    await tokens.access()
    server.now = 570.0
    assert (await tokens.access()).text == "a1"
    server.now = 585.0
    assert (await tokens.access()).text == "a2"


async def test_a_lost_reply_shows_the_old_token_again() -> None:
    server = FakeServer()
    server.problems = [LostError("no answer")]
    tokens = server.tokens()
    with pytest.raises(LostError):
        await tokens.access()
    await tokens.access()
    assert server.shown == ["r0", "r0"]


async def test_a_refused_refresh_means_signed_out() -> None:
    server = FakeServer()
    server.problems = [RefusedError("revoked", code=Code.UNAUTHENTICATED)]
    with pytest.raises(SignedOutError):
        await server.tokens().access()


async def test_no_kept_secret_means_signed_out() -> None:
    server = FakeServer()
    server.stored = None
    with pytest.raises(SignedOutError):
        await server.tokens().access()


async def test_a_call_that_is_refused_tries_once_with_a_new_token() -> None:
    server = FakeServer()
    used: list[str] = []

    async def use(token: str) -> str:
        used.append(token)
        if token == "a1":
            raise RefusedError("expired", code=Code.TOKEN_EXPIRED)
        return token

    assert await server.tokens().call(use) == "a2"
    assert used == ["a1", "a2"]


async def test_another_refusal_is_passed_on() -> None:
    async def use(token: str) -> str:
        raise RefusedError("no", code=Code.FORBIDDEN)

    with pytest.raises(RefusedError, match="no"):
        await FakeServer().tokens().call(use)


async def test_a_full_disk_is_tried_again_with_the_token_that_is_kept() -> None:
    server = FakeServer()
    server.full = True
    tokens = server.tokens()
    with pytest.raises(NetError, match="disk full") as full:
        await tokens.access()
    assert not isinstance(full.value, SignedOutError)
    server.full = False
    await tokens.access()
    assert server.shown == ["r0", "r0"]


async def test_a_keyring_that_does_not_answer_is_no_sign_out() -> None:
    server = FakeServer()
    server.unreadable = TimeoutError()
    tokens = server.tokens()
    with pytest.raises(NetError, match="keyring") as silent:
        await tokens.access()
    assert not isinstance(silent.value, SignedOutError)
    assert silent.value.retry_after_ms is None
    # One that refused is not asked every few seconds: each time it may ask the person.
    server.unreadable = PermissionError("locked")
    with pytest.raises(NetError, match="keyring") as locked:
        await tokens.access()
    assert locked.value.retry_after_ms == 60_000
    server.unreadable = None
    assert (await tokens.access()).text == "a1"
