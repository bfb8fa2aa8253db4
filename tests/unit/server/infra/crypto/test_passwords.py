"""argon2id at OWASP's cost, and no queue without an end."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from common.errors import Code, ParleyError
from server.infra.crypto import passwords
from server.infra.crypto.passwords import MEMORY_KIB, Argon2Hasher


@pytest.fixture
def hasher() -> Iterator[Argon2Hasher]:
    hasher = Argon2Hasher(memory_kib=64)
    yield hasher
    hasher.close()


async def test_the_default_costs_what_owasp_asks() -> None:
    hasher = Argon2Hasher()
    try:
        assert (await hasher.hash("secret")).startswith(f"$argon2id$v=19$m={MEMORY_KIB},t=1,p=1$")
    finally:
        hasher.close()
    assert MEMORY_KIB >= 46 * 1024


async def test_only_the_password_itself_fits(hasher: Argon2Hasher) -> None:
    known = await hasher.hash("correct horse")
    assert await hasher.verify(known, "correct horse")
    assert not await hasher.verify(known, "correct horse ")
    assert known != await hasher.hash("correct horse")


async def test_nobody_has_no_password_and_a_damaged_hash_fits_none(hasher: Argon2Hasher) -> None:
    assert not await hasher.verify(None, "nobody")
    assert not await hasher.verify("not a hash", "secret")


async def test_a_flood_is_told_to_come_back(hasher: Argon2Hasher, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passwords, "_MAX_WAITING", 2)
    answers = await asyncio.gather(*(hasher.hash("secret") for _ in range(5)), return_exceptions=True)
    refused = [answer for answer in answers if isinstance(answer, ParleyError)]
    assert [error.code for error in refused] == [Code.UNAVAILABLE] * 3
    assert await hasher.hash("secret")
