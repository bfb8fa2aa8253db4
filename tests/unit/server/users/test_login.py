"""Signing in while something else happens: a reset, another login, a limiter that is away."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from common.errors import Code, ParleyError
from common.protocol import rest
from server.infra.crypto.passwords import Argon2Hasher
from server.infra.redis.connection import connect
from server.infra.redis.limiter import RedisLimiter
from server.users import repository
from server.users.passwords import OwnPassword

PASSWORD = "correct horse"
NEW_PASSWORD = "battery staple"
House = Any  # the fixture's class lives in conftest.py, which can't be imported


async def refused(call: Any) -> Code:
    with pytest.raises(ParleyError) as refusal:
        await call
    return refusal.value.code


class Interrupted:
    """A hasher in whose time something else happens, once: the hash is slow."""

    def __init__(self, hasher: Argon2Hasher, meanwhile: Callable[[], Awaitable[object]]) -> None:
        self._hasher = hasher
        self._meanwhile: list[Callable[[], Awaitable[object]]] = [meanwhile]

    async def verify(self, password_hash: str | None, password: str) -> bool:
        good = await self._hasher.verify(password_hash, password)
        while self._meanwhile:
            await self._meanwhile.pop()()
        return good

    async def hash(self, password: str) -> str:
        return await self._hasher.hash(password)

    def outdated(self, password_hash: str) -> bool:
        return self._hasher.outdated(password_hash)


def interrupt(house: House, meanwhile: Callable[[], Awaitable[object]]) -> None:
    hasher = Interrupted(house.users._hasher, meanwhile)
    house.users._hasher = hasher
    house.users._own_password = OwnPassword(means=house.means, hasher=hasher)
    house.deletion._own_password = house.users._own_password


async def make_outdated(house: House, user_id: str) -> None:
    weaker = Argon2Hasher(memory_kib=32)
    old = await weaker.hash(PASSWORD)
    weaker.close()
    await house.database.write(repository.change_password, user_id, old)


def reset(house: House) -> Callable[[], Awaitable[object]]:
    return lambda: house.resets.reset_locally("ann", NEW_PASSWORD)


@pytest.mark.parametrize("outdated", [False, True])
async def test_a_login_with_the_old_password_does_not_outlive_a_reset(house: House, outdated: bool) -> None:
    ann = (await house.register("ann")).user
    if outdated:
        await make_outdated(house, ann.id)
    interrupt(house, reset(house))
    assert await refused(house.login("ann")) is Code.WRONG_CREDENTIALS
    assert await house.database.read(repository.devices_of, ann.id) == []
    # Nor was the old one put back.
    assert await refused(house.login("ann")) is Code.WRONG_CREDENTIALS
    assert await house.login("ann", NEW_PASSWORD)


async def test_a_change_with_the_old_password_does_not_undo_a_reset(house: House) -> None:
    identity = await house.identity(await house.register("ann"))
    interrupt(house, reset(house))
    change = rest.PasswordChange(PASSWORD, "of somebody else")
    assert await refused(house.users.change_password(identity, change)) is Code.WRONG_CREDENTIALS
    assert await house.login("ann", NEW_PASSWORD)


async def test_the_old_password_deletes_no_account_after_a_reset(house: House) -> None:
    identity = await house.identity(await house.register("ann"))
    interrupt(house, reset(house))
    deletion = house.deletion.delete_own(identity, rest.AccountDelete(PASSWORD))
    assert await refused(deletion) is Code.WRONG_CREDENTIALS
    assert await house.login("ann", NEW_PASSWORD)


async def test_two_logins_at_once_on_an_outdated_hash_are_both_let_in(house: House) -> None:
    ann = (await house.register("ann")).user
    await make_outdated(house, ann.id)
    await asyncio.gather(*(house.login("ann") for _ in range(2)))
    assert len(await house.database.read(repository.devices_of, ann.id)) == 3


async def test_tries_on_many_names_side_by_side_count_too(house: House) -> None:
    most = house.limits.login_failures * 10
    answers = await asyncio.gather(
        *(refused(house.login(f"user{number}", "wrong")) for number in range(most + 20))
    )
    assert answers.count(Code.WRONG_CREDENTIALS) == most
    assert answers.count(Code.RATE_LIMITED) == 20


async def test_who_signs_in_and_who_is_locked_out_of_one_name_count_for_no_address(house: House) -> None:
    await house.register("ann")
    await house.register("ben")
    for _ in range(house.limits.login_failures * 10 + 1):
        await house.login("ann")
    for _ in range(house.limits.login_failures * 10 + 1):
        await refused(house.login("ben", "wrong"))
    assert await refused(house.login("ben")) is Code.RATE_LIMITED
    assert await house.login("ann")


async def test_nobody_signs_in_while_tries_can_not_be_counted(house: House) -> None:
    ann = await house.register("ann")
    identity = await house.identity(ann)
    # Port 1 is for nobody.
    away = connect("redis://127.0.0.1:1")
    for service in (house.users, house.resets, house.users._own_password):
        service._limiter = RedisLimiter(away)
    try:
        for call in (
            house.login("ann"),
            house.login("ann", "wrong"),
            house.register("ben"),
            house.resets.reset(rest.PasswordReset("ann", "code", NEW_PASSWORD), "192.0.2.1"),
            house.users.change_password(identity, rest.PasswordChange(PASSWORD, NEW_PASSWORD)),
        ):
            assert await refused(call) is Code.UNAVAILABLE
    finally:
        await away.aclose()
    assert len(await house.database.read(repository.devices_of, ann.user.id)) == 1
    # Who is signed in stays so.
    assert await house.users.refresh(ann.refresh_token)
