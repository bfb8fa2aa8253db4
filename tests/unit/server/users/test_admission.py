"""Invites, registration and the server's name."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from common.errors import Code, ParleyError
from common.ids import new_id
from common.protocol import rest
from common.protocol.rest import Registration
from server.users.admission import Policy

House = Any  # the fixture's class lives in conftest.py, which can't be imported


async def refused(call: Any) -> Code:
    with pytest.raises(ParleyError) as refusal:
        await call
    return refusal.value.code


async def closed(house: House) -> Any:
    """The identity of the admin of a server that only the invited enter."""
    admin = await house.identity(await house.register("ann"))
    await house.admission.change(admin, rest.ServerChange(registration=Registration.INVITE))
    return admin


async def test_without_a_code_nobody_enters(house: House) -> None:
    await closed(house)
    assert await refused(house.register("ben")) is Code.REGISTRATION_CLOSED
    assert await refused(house.register("ben", invite="")) is Code.REGISTRATION_CLOSED


async def test_a_code_lets_in_as_many_as_it_says(house: House) -> None:
    admin = await closed(house)
    invite = await house.admission.create(admin, rest.InviteCreate(max_uses=2))
    assert invite.code
    await house.register("ben", invite=invite.code)
    await house.register("cat", invite=invite.code)
    assert await refused(house.register("dan", invite=invite.code)) is Code.INVITE_INVALID


async def test_of_two_who_race_for_the_last_use_one_enters(house: House) -> None:
    admin = await closed(house)
    invite = await house.admission.create(admin, rest.InviteCreate(max_uses=1))
    names = ("ben", "cat", "dan", "eve")
    ended = await asyncio.gather(
        *(house.register(name, invite=invite.code) for name in names), return_exceptions=True
    )
    assert sum(isinstance(one, rest.Tokens) for one in ended) == 1


async def test_a_refused_registration_uses_nothing_up(house: House) -> None:
    admin = await closed(house)
    invite = await house.admission.create(admin, rest.InviteCreate(max_uses=1))
    assert await refused(house.register("ann", invite=invite.code)) is Code.NAME_TAKEN
    await house.register("ben", invite=invite.code)


async def test_an_old_a_revoked_and_an_invented_code_are_refused(house: House) -> None:
    admin = await closed(house)
    short = await house.admission.create(admin, rest.InviteCreate(expires_in_s=60))
    gone = await house.admission.create(admin, rest.InviteCreate())
    await house.admission.revoke(admin, gone.id)
    house.clock.advance(ms=60_000)
    for code in (short.code, gone.code, "invented"):
        assert await refused(house.register("ben", invite=code)) is Code.INVITE_INVALID
    assert await refused(house.admission.revoke(admin, gone.id)) is Code.NOT_FOUND
    assert await refused(house.admission.revoke(admin, "no id")) is Code.NOT_FOUND
    assert await refused(house.admission.revoke(admin, new_id())) is Code.NOT_FOUND


async def test_the_list_shows_good_ones_and_no_codes(house: House) -> None:
    admin = await closed(house)
    used = await house.admission.create(admin, rest.InviteCreate(max_uses=1))
    await house.register("ben", invite=used.code)
    good = await house.admission.create(admin, rest.InviteCreate())
    listed = (await house.admission.invites(admin)).invites
    assert [(one.id, one.code) for one in listed] == [(good.id, None)]


async def test_only_admins_decide(house: House) -> None:
    await house.register("ann")
    ben = await house.identity(await house.register("ben"))
    admission = house.admission
    assert await refused(admission.create(ben, rest.InviteCreate())) is Code.FORBIDDEN
    assert await refused(admission.invites(ben)) is Code.FORBIDDEN
    assert await refused(admission.revoke(ben, new_id())) is Code.FORBIDDEN
    assert await refused(admission.change(ben, rest.ServerChange(name="Mine"))) is Code.FORBIDDEN
    assert (await admission.policy()).name == "Workshop LAN"


async def test_what_an_admin_set_outlives_the_program(house: House) -> None:
    admin = await house.identity(await house.register("ann"))
    change = rest.ServerChange(name="Ship", registration=Registration.INVITE)
    await house.admission.change(admin, change)
    assert await house.new_admission().policy() == Policy("Ship", Registration.INVITE)


async def test_another_process_decides_by_what_an_admin_set_at_once(house: House) -> None:
    admin = await house.identity(await house.register("ann"))
    elsewhere = house.new_admission()
    assert (await elsewhere.policy()).registration is Registration.OPEN
    await house.admission.change(admin, rest.ServerChange(registration=Registration.INVITE))
    with pytest.raises(ParleyError) as refusal:
        await house.database.write(elsewhere.admit, None)
    assert refusal.value.code is Code.REGISTRATION_CLOSED
    # What it shows follows a little later.
    house.clock.advance(ms=5_000)
    assert (await elsewhere.policy()).registration is Registration.INVITE


async def test_a_name_that_breaks_the_screen_is_refused(house: House) -> None:
    admin = await house.identity(await house.register("ann"))
    change = rest.ServerChange(name="a\u202eb")
    assert await refused(house.admission.change(admin, change)) is Code.NAME_NOT_ALLOWED
