"""What a desktop does when its own disk or keyring keeps the sign-in from being read or written."""

from __future__ import annotations

import errno

import pytest

from desktop.services.state import Link, ServiceError
from tests.integration.desktop.conftest import PASSWORD, Desk, Place, online
from tests.support.wait import until


class BadDay:
    """Reading and writing of sign-ins fail as long as ``problem`` is set."""

    def __init__(self, desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
        self.problem: OSError | None = None
        secrets = desk.accounts._secrets
        get, set_, delete = secrets.get, secrets.set, secrets.delete

        def check() -> None:
            if self.problem is not None:
                raise self.problem

        async def bad_get(name: str) -> str | None:
            check()
            return await get(name)

        async def bad_set(name: str, secret: str) -> None:
            check()
            await set_(name, secret)

        async def bad_delete(name: str) -> None:
            check()
            await delete(name)

        monkeypatch.setattr(secrets, "get", bad_get)
        monkeypatch.setattr(secrets, "set", bad_set)
        monkeypatch.setattr(secrets, "delete", bad_delete)


@pytest.mark.parametrize(
    "problem", [OSError(errno.ENOSPC, "no space left"), TimeoutError()], ids=["full", "stalled"]
)
async def test_the_link_outlives_a_bad_day_of_the_disk(
    place: Place, monkeypatch: pytest.MonkeyPatch, problem: OSError
) -> None:
    await place.desk("ada").join(place.url, "Ada")
    await place.desks.pop().close()
    desk = place.desk("ada")
    day = BadDay(desk, monkeypatch)
    day.problem = problem
    await desk.accounts.start()
    await until(lambda: desk.account.link.link is Link.WAITING)
    assert desk.account.link.reason
    day.problem = None
    desk.account.try_now()
    await online(desk.account)


async def test_a_new_sign_in_that_can_not_be_kept_says_why(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = place.desk("ada")
    await desk.join(place.url, "Ada")
    day = BadDay(desk, monkeypatch)
    day.problem = OSError(errno.ENOSPC, "no space left")
    with pytest.raises(ServiceError, match="disk full"):
        await desk.account.sign_in_again(PASSWORD)
    found = await desk.accounts.find(place.url)
    with pytest.raises(ServiceError, match="disk full"):
        await desk.accounts.register(found, name="Bob", username="bob", password=PASSWORD)
    assert len(desk.accounts.items) == 1


async def test_signing_out_wipes_the_copy_also_when_the_sign_in_stays(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = place.desk("ada")
    account = await desk.join(place.url, "Ada")
    day = BadDay(desk, monkeypatch)
    day.problem = OSError(errno.ENOSPC, "no space left")
    desk.notices.clear()
    await desk.accounts.sign_out(account)
    assert list((desk.folder / "accounts").iterdir()) == []
    assert desk.accounts.items == []
    assert len(desk.notices) == 1
