from __future__ import annotations

import stat
import sys
from pathlib import Path

import pytest

from desktop.storage.profile import AccountRecord, Profile


def record(number: int, **changes: str) -> AccountRecord:
    values = {
        "account_id": f"a{number}",
        "server_id": "ab" * 32,
        "server_name": "Home",
        "address": "https://h:1",
        "user_id": "u",
        "username": "ada",
        "display_name": "Ada",
    }
    return AccountRecord(**{**values, **changes})  # type: ignore[arg-type]  # a factory of keyword arguments


def test_everything_is_there_again(tmp_path: Path) -> None:
    profile = Profile(tmp_path / "new" / "folder")
    profile.put_account(record(1))
    profile.put_account(record(2))
    profile.put_account(record(1, display_name="Countess"))
    profile.set_setting("window.geometry", [1, 2, 3])
    profile.close()
    again = Profile(tmp_path / "new" / "folder")
    assert again.accounts == (record(1, display_name="Countess"), record(2))
    assert again.setting("window.geometry", list[int], []) == [1, 2, 3]
    assert again.setting("window.geometry", str, "other kind") == "other kind"
    assert again.profile_id == profile.profile_id
    again.remove_account("a1")
    assert [one.account_id for one in again.accounts] == ["a2"]
    again.close()


@pytest.mark.skipif(
    sys.platform == "win32", reason="Windows has no such bits; the folder is the person's own"
)
def test_only_its_owner_may_read_it(tmp_path: Path) -> None:
    profile = Profile(tmp_path)
    profile.set_setting("theme", "dark")
    profile.close()
    assert stat.S_IMODE((tmp_path / "profile.json").stat().st_mode) == 0o600


def test_a_damaged_file_is_set_aside(tmp_path: Path) -> None:
    (tmp_path / "profile.json").write_text("{", encoding="utf-8")
    profile = Profile(tmp_path)
    assert profile.damaged
    assert profile.accounts == ()
    assert (tmp_path / "profile.damaged").exists()


def test_the_notice_is_said_once(tmp_path: Path) -> None:
    profile = Profile(tmp_path)
    assert profile.say_secrets_notice()
    profile.close()
    assert not Profile(tmp_path).say_secrets_notice()
