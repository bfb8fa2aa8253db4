"""A forgotten password."""

from __future__ import annotations

from typing import Any

import pytest

from common.errors import Code, ParleyError
from common.ids import new_id
from common.protocol import rest
from server.users.resets import TRIES

House = Any  # the fixture's class lives in conftest.py, which can't be imported
ADDRESS = "192.0.2.1"
NEW = "battery staple"


async def refused(call: Any) -> Code:
    with pytest.raises(ParleyError) as refusal:
        await call
    return refusal.value.code


async def forgotten(house: House) -> tuple[Any, rest.Tokens, str]:
    """The admin, the tokens of who forgot, and a code for them."""
    admin = await house.identity(await house.register("ann"))
    ben = await house.register("ben")
    return admin, ben, (await house.resets.create_code(admin, ben.user.id)).code


def reset(house: House, code: str, username: str = "ben", new: str = NEW) -> Any:
    return house.resets.reset(rest.PasswordReset(username, code, new), ADDRESS)


async def test_a_code_sets_the_password_once(house: House) -> None:
    _, ben, code = await forgotten(house)
    signed_in = await reset(house, code)
    assert signed_in.user.id == ben.user.id
    assert (await house.login("ben", NEW)).user.id == ben.user.id
    assert await refused(house.login("ben")) is Code.WRONG_CREDENTIALS
    assert await refused(reset(house, code)) is Code.WRONG_CREDENTIALS


async def test_it_may_be_typed_anyhow(house: House) -> None:
    _, _, code = await forgotten(house)
    await reset(house, f" {code.lower().replace('-', ' ')} ")


async def test_every_device_is_signed_out(house: House) -> None:
    _, ben, code = await forgotten(house)
    await reset(house, code)
    assert await house.signed_out_in_outbox() == {ben.device_id}
    assert await refused(house.users.refresh(ben.refresh_token)) is Code.UNAUTHENTICATED


async def test_after_some_tries_the_right_code_is_of_no_use(house: House) -> None:
    _, _, code = await forgotten(house)
    for _ in range(TRIES):
        assert await refused(reset(house, "AAAA-AAAA-AAAA-AAAA")) is Code.WRONG_CREDENTIALS
    assert await refused(reset(house, code)) is Code.WRONG_CREDENTIALS


async def test_it_ends(house: House) -> None:
    _, _, code = await forgotten(house)
    house.clock.advance(ms=house.limits.reset_code_ms)
    assert await refused(reset(house, code)) is Code.WRONG_CREDENTIALS


async def test_a_newer_one_takes_its_place(house: House) -> None:
    admin, ben, code = await forgotten(house)
    newer = (await house.resets.create_code(admin, ben.user.id)).code
    assert await refused(reset(house, code)) is Code.WRONG_CREDENTIALS
    await reset(house, newer)


async def test_it_is_for_one_account(house: House) -> None:
    _, _, code = await forgotten(house)
    assert await refused(reset(house, code, username="ann")) is Code.WRONG_CREDENTIALS
    assert await refused(reset(house, code, username="nobody")) is Code.WRONG_CREDENTIALS


async def test_a_changed_password_ends_it(house: House) -> None:
    _, ben, code = await forgotten(house)
    identity = await house.identity(ben)
    await house.users.change_password(identity, rest.PasswordChange("correct horse", "third one here"))
    assert await refused(reset(house, code)) is Code.WRONG_CREDENTIALS


async def test_a_weak_password_costs_no_try(house: House) -> None:
    _, _, code = await forgotten(house)
    for _ in range(TRIES + 1):
        assert await refused(reset(house, code, new="short")) is Code.PASSWORD_TOO_WEAK
    await reset(house, code)


async def test_tries_are_limited_by_address(house: House) -> None:
    await forgotten(house)
    ended = set()
    for _ in range(house.limits.login_failures * 10 + 1):
        ended.add(await refused(reset(house, "x", username="nobody")))
    assert Code.RATE_LIMITED in ended


async def test_only_an_admin_gives_codes(house: House) -> None:
    admin, ben, _ = await forgotten(house)
    other = await house.identity(ben)
    assert await refused(house.resets.create_code(other, admin.user_id)) is Code.FORBIDDEN
    assert await refused(house.resets.create_code(admin, new_id())) is Code.NOT_FOUND
    assert await refused(house.resets.create_code(admin, "no id")) is Code.NOT_FOUND


async def test_whoever_sits_at_the_server_needs_no_code(house: House) -> None:
    _, ben, code = await forgotten(house)
    await house.resets.reset_locally("Ben", NEW)
    assert (await house.login("ben", NEW)).user.id == ben.user.id
    assert await refused(reset(house, code)) is Code.WRONG_CREDENTIALS
    assert await refused(house.resets.reset_locally("nobody", NEW)) is Code.NOT_FOUND
    assert await refused(house.resets.reset_locally("ben", "short")) is Code.PASSWORD_TOO_WEAK
