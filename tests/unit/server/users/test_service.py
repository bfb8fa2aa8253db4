"""Accounts and devices: signing in, staying signed in, signing out (abuse cases 19 to 22 and 28)."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from common.errors import Code, ParleyError
from common.ids import new_id
from common.protocol import rest
from common.protocol.pushes import AccountProfile
from server.infra.crypto.passwords import Argon2Hasher
from server.users import repository

PASSWORD = "correct horse"
NEW_PASSWORD = "battery staple"
ADDRESS = "192.0.2.1"
House = Any  # the fixture's class lives in conftest.py, which can't be imported


async def refused(call: Any) -> ParleyError:
    with pytest.raises(ParleyError) as refusal:
        await call
    return refusal.value


async def test_the_first_account_is_admin_and_no_other(house: House) -> None:
    assert (await house.register("ann")).user.admin
    assert not (await house.register("ben")).user.admin


async def test_a_token_tells_who_and_which_device(house: House) -> None:
    signed_in = await house.register("ann")
    identity = await house.users.authenticate(signed_in.access_token)
    assert (identity.user_id, identity.device_id) == (signed_in.user.id, signed_in.device_id)


async def test_a_token_expires(house: House) -> None:
    signed_in = await house.register("ann")
    house.clock.advance(ms=house.limits.access_token_ms)
    error = await refused(house.users.authenticate(signed_in.access_token))
    assert error.code is Code.TOKEN_EXPIRED


@pytest.mark.parametrize(
    ("username", "display_name", "code"),
    [
        ("ann", "Somebody", Code.NAME_TAKEN),
        ("ANN", "Somebody", Code.NAME_NOT_ALLOWED),
        ("\uff41nn", "Somebody", Code.NAME_TAKEN),
        ("somebody", "Ann", Code.NAME_TAKEN),
        ("somebody", "\u00c1nn", Code.NAME_NOT_ALLOWED),
        ("\u0430nn", "Somebody", Code.NAME_NOT_ALLOWED),
    ],
)
async def test_names_are_unique_by_what_they_look_like(
    house: House, username: str, display_name: str, code: Code
) -> None:
    await house.register("ann")
    assert (await refused(house.register(username, display_name))).code is code


async def test_a_display_name_can_not_become_a_twin(house: House) -> None:
    await house.register("ann")
    ben = await house.users.authenticate((await house.register("ben")).access_token)
    error = await refused(house.profiles.change(ben, rest.ProfileChange(display_name="ANN")))
    assert error.code is Code.NAME_NOT_ALLOWED


async def test_a_short_password_is_refused(house: House) -> None:
    error = await refused(house.users.register(rest.Register("ann", "Ann", "short"), ADDRESS))
    assert error.code is Code.PASSWORD_TOO_WEAK


async def test_signing_in_takes_any_way_of_typing_the_name(house: House) -> None:
    await house.register("ann")
    assert (await house.login(" \uff21NN ")).user.username == "ann"


async def test_a_wrong_name_and_a_wrong_password_are_answered_alike(house: House) -> None:
    await house.register("ann")
    wrong = await refused(house.login("ann", "not the password"))
    unknown = await refused(house.login("nobody", "not the password"))
    assert (wrong.code, wrong.message) == (unknown.code, unknown.message)
    assert wrong.code is Code.WRONG_CREDENTIALS


async def test_failures_lock_one_account_for_one_address_for_a_while(house: House) -> None:
    await house.register("ann")
    for _ in range(house.limits.login_failures):
        assert (await refused(house.login("ann", "wrong"))).code is Code.WRONG_CREDENTIALS
    locked = await refused(house.login("ann"))
    assert locked.code is Code.RATE_LIMITED
    assert locked.retry_after_ms is not None
    assert await house.login("ann", address="192.0.2.2")
    house.clock.advance(ms=locked.retry_after_ms)
    assert await house.login("ann")


async def test_unknown_names_are_locked_like_known_ones(house: House) -> None:
    for _ in range(house.limits.login_failures):
        await refused(house.login("nobody", "wrong"))
    assert (await refused(house.login("nobody", "wrong"))).code is Code.RATE_LIMITED


async def test_tries_side_by_side_count_too(house: House) -> None:
    await house.register("ann")
    answers = await asyncio.gather(*(refused(house.login("ann", "wrong")) for _ in range(20)))
    tried = [error for error in answers if error.code is Code.WRONG_CREDENTIALS]
    assert len(tried) == house.limits.login_failures


async def test_spraying_one_password_over_many_names_is_stopped(house: House) -> None:
    for number in range(house.limits.login_failures * 10):
        await refused(house.login(f"user{number}", "wrong"))
    assert (await refused(house.login("another", "wrong"))).code is Code.RATE_LIMITED


async def test_right_passwords_are_never_limited(house: House) -> None:
    await house.register("ann")
    for _ in range(house.limits.login_failures * 2):
        await house.login("ann")


async def test_registrations_from_one_address_are_limited(house: House) -> None:
    for _ in range(house.limits.registrations_per_hour):
        await refused(house.users.register(rest.Register("ann", "Ann", "short"), ADDRESS))
    assert (await refused(house.register("ann"))).code is Code.RATE_LIMITED


async def test_a_refreshed_device_stays_the_same(house: House) -> None:
    first = await house.register("ann")
    second = await house.users.refresh(first.refresh_token)
    third = await house.users.refresh(second.refresh_token)
    assert first.device_id == second.device_id == third.device_id
    assert len({first.refresh_token, second.refresh_token, third.refresh_token}) == 3


async def test_a_lost_answer_is_tolerated_any_number_of_times(house: House) -> None:
    first = await house.register("ann")
    successors = [await house.users.refresh(first.refresh_token) for _ in range(3)]
    assert await house.users.refresh(successors[-1].refresh_token)


async def test_an_older_refresh_token_signs_the_device_out(house: House) -> None:
    first = await house.register("ann")
    second = await house.users.refresh(first.refresh_token)
    third = await house.users.refresh(second.refresh_token)
    assert (await refused(house.users.refresh(first.refresh_token))).code is Code.UNAUTHENTICATED
    assert (await refused(house.users.refresh(third.refresh_token))).code is Code.UNAUTHENTICATED
    assert await house.signed_out_in_outbox() == {first.device_id}
    assert (await refused(house.users.authenticate(third.access_token))).code is Code.UNAUTHENTICATED


@pytest.mark.parametrize("token", ["", ".", "..", "x.y.z", "é.é.é", f"{'0' * 36}.a.b"])
async def test_a_made_up_refresh_token_is_refused(house: House, token: str) -> None:
    assert (await refused(house.users.refresh(token))).code is Code.UNAUTHENTICATED


async def test_knowing_a_device_id_signs_nobody_out(house: House) -> None:
    signed_in = await house.register("ann")
    await refused(house.users.refresh(f"{signed_in.device_id}.guess.guess"))
    assert await house.users.refresh(signed_in.refresh_token)


async def test_a_refresh_token_ends_after_its_time_unused(house: House) -> None:
    signed_in = await house.register("ann")
    house.clock.advance(ms=house.limits.refresh_token_ms + 1)
    assert (await refused(house.users.refresh(signed_in.refresh_token))).code is Code.UNAUTHENTICATED


async def test_an_access_token_does_not_refresh_nor_a_refresh_token_open(house: House) -> None:
    signed_in = await house.register("ann")
    assert (await refused(house.users.refresh(signed_in.access_token))).code is Code.UNAUTHENTICATED
    assert (await refused(house.users.authenticate(signed_in.refresh_token))).code is Code.UNAUTHENTICATED


@pytest.mark.parametrize("everywhere", [False, True])
async def test_logout_ends_this_or_every_device(house: House, everywhere: bool) -> None:
    laptop = await house.register("ann")
    phone = await house.login("ann")
    identity = await house.users.authenticate(laptop.access_token)
    await house.users.logout(identity, everywhere=everywhere)
    gone = await house.signed_out_in_outbox()
    assert gone == ({laptop.device_id, phone.device_id} if everywhere else {laptop.device_id})
    assert (await refused(house.users.authenticate(laptop.access_token))).code is Code.UNAUTHENTICATED
    assert (await refused(house.users.refresh(laptop.refresh_token))).code is Code.UNAUTHENTICATED
    if not everywhere:
        assert await house.users.refresh(phone.refresh_token)


async def test_a_new_password_signs_the_other_devices_out(house: House) -> None:
    laptop = await house.register("ann")
    phone = await house.login("ann")
    identity = await house.users.authenticate(laptop.access_token)
    await house.users.change_password(identity, rest.PasswordChange(PASSWORD, NEW_PASSWORD))
    assert await house.signed_out_in_outbox() == {phone.device_id}
    assert await house.users.authenticate(laptop.access_token)
    assert (await refused(house.login("ann"))).code is Code.WRONG_CREDENTIALS
    assert await house.login("ann", NEW_PASSWORD)


async def test_the_current_password_can_not_be_guessed_without_end(house: House) -> None:
    identity = await house.users.authenticate((await house.register("ann")).access_token)
    guess = rest.PasswordChange("a guess", NEW_PASSWORD)
    for _ in range(house.limits.login_failures):
        assert (await refused(house.users.change_password(identity, guess))).code is Code.WRONG_CREDENTIALS
    right = rest.PasswordChange(PASSWORD, NEW_PASSWORD)
    assert (await refused(house.users.change_password(identity, right))).code is Code.RATE_LIMITED


async def test_a_restart_remembers_who_was_signed_out(house: House) -> None:
    laptop = await house.register("ann")
    identity = await house.users.authenticate(laptop.access_token)
    await house.users.logout(identity, everywhere=False)
    await house.users.start()
    assert (await refused(house.users.authenticate(laptop.access_token))).code is Code.UNAUTHENTICATED


async def test_only_own_devices_are_listed_and_revoked(house: House) -> None:
    ann, ben = await house.register("ann"), await house.register("ben")
    identity = await house.users.authenticate(ann.access_token)
    listed = (await house.users.devices(identity)).devices
    assert [(device.id, device.name, device.current) for device in listed] == [
        (ann.device_id, "Laptop", True)
    ]
    for foreign in (ben.device_id, new_id(), "no id"):
        assert (await refused(house.users.revoke_device(identity, foreign))).code is Code.NOT_FOUND
    await house.users.revoke_device(identity, ann.device_id)
    assert await house.signed_out_in_outbox() == {ann.device_id}


async def test_a_changed_profile_is_an_event_of_the_account(house: House) -> None:
    signed_in = await house.register("ann")
    identity = await house.users.authenticate(signed_in.access_token)
    change = rest.ProfileChange(display_name="Ann Lee", about="Hello", avatar_colour=3)
    user = await house.profiles.change(identity, change)
    assert (user.display_name, user.about, user.avatar_colour) == ("Ann Lee", "Hello", 3)
    answer = await house.users.account_events(7, identity.user_id, 0)
    assert (answer.id, answer.head, answer.events) == (7, 1, [AccountProfile(1, user)])
    assert (await house.users.account(identity.user_id)).user == user


async def test_the_directory_finds_by_either_name_and_pages(house: House) -> None:
    for number in range(5):
        await house.register(f"user{number}", f"Person {number}")
    await house.register("zoe", "Zoë 100%")
    assert [user.username for user in (await house.users.people("ZOË", "", 10)).users] == ["zoe"]
    assert [user.username for user in (await house.users.people("100%", "", 10)).users] == ["zoe"]
    assert [user.username for user in (await house.users.people("user3", "", 10)).users] == ["user3"]
    seen: list[str] = []
    after: str | None = ""
    while after is not None:
        page = await house.users.people("person", after, 2)
        seen += [user.username for user in page.users]
        after = page.next_after
    assert sorted(seen) == [f"user{number}" for number in range(5)]


async def test_a_hash_of_older_parameters_is_made_anew_at_the_next_login(house: House) -> None:
    signed_in = await house.register("ann")
    weaker = Argon2Hasher(memory_kib=32)
    old = await weaker.hash(PASSWORD)
    weaker.close()
    await house.database.write(repository.change_password, signed_in.user.id, old)
    await house.login("ann")
    known = (await house.users.account(signed_in.user.id)).password_hash
    assert known != old
    await house.login("ann")
    assert (await house.users.account(signed_in.user.id)).password_hash == known


async def test_of_many_who_come_at_once_to_an_empty_server_one_is_admin(house: House) -> None:
    found = await asyncio.gather(*(house.register(f"user{number}") for number in range(5)))
    assert sum(tokens.user.admin for tokens in found) == 1


async def test_changes_of_a_profile_side_by_side_are_all_kept(house: House) -> None:
    identity = await house.identity(await house.register("ann"))
    await asyncio.gather(
        house.profiles.change(identity, rest.ProfileChange(about="Hello")),
        house.profiles.change(identity, rest.ProfileChange(avatar_colour=3)),
        house.profiles.change(identity, rest.ProfileChange(display_name="Ann Lee")),
    )
    user = (await house.users.account(identity.user_id)).user
    assert (user.display_name, user.about, user.avatar_colour) == ("Ann Lee", "Hello", 3)


CONTROL = "a\x00b"


@pytest.mark.parametrize(
    "call",
    [
        pytest.param(
            lambda house: house.users.register(rest.Register("ben", "Ben", PASSWORD, CONTROL), ADDRESS),
            id="register",
        ),
        pytest.param(
            lambda house: house.users.login(rest.Login("ann", PASSWORD, CONTROL), ADDRESS), id="login"
        ),
        pytest.param(lambda house: house.users.login(rest.Login(CONTROL, PASSWORD), ADDRESS), id="name"),
        pytest.param(
            lambda house: house.resets.reset(
                rest.PasswordReset("ann", "code", NEW_PASSWORD, CONTROL), ADDRESS
            ),
            id="reset",
        ),
        pytest.param(
            lambda house: house.resets.reset(rest.PasswordReset(CONTROL, "code", NEW_PASSWORD), ADDRESS),
            id="name of a reset",
        ),
        pytest.param(lambda house: house.users.people(CONTROL, "", 9), id="query"),
        pytest.param(lambda house: house.users.people("", CONTROL, 9), id="after"),
    ],
)
async def test_control_characters_are_refused_on_every_database(house: House, call: Any) -> None:
    """SQLite keeps a NUL, and no PostgreSQL ever takes it from there."""
    signed_in = await house.register("ann")
    assert (await refused(call(house))).code is Code.BAD_TEXT
    assert len((await house.users.devices(await house.identity(signed_in))).devices) == 1


async def test_what_is_no_id_is_nobody(house: House) -> None:
    ann = (await house.register("ann")).user
    found = await house.users.people_by_id(["", "zz", CONTROL, "a" * 36, ann.id])
    assert found.users == [ann]
