from __future__ import annotations

from desktop.views.page.place import SETTING, remember, remembered
from tests.support.fake_account import FakeAccount, context


def test_each_account_has_its_room() -> None:
    work, home = FakeAccount("Workshop LAN"), FakeAccount("Home")
    around = context(work, home)
    assert remembered(around, work.real) is None
    remember(around, work.real, "a")
    remember(around, home.real, "b")
    remember(around, work.real, "c")
    assert (remembered(around, work.real), remembered(around, home.real)) == ("c", "b")
    remember(around, work.real, None)
    assert (remembered(around, work.real), remembered(around, home.real)) == (None, "b")


def test_what_is_kept_of_an_account_that_is_gone_goes_with_the_next() -> None:
    work = FakeAccount("Workshop LAN")
    around = context(work)
    around.settings.set_setting(SETTING, {"Gone": "x"})
    remember(around, work.real, "a")
    assert around.settings.setting(SETTING, dict[str, str], {}) == {"Workshop LAN": "a"}
