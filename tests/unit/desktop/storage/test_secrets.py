from __future__ import annotations

import stat
import sys
import threading
from pathlib import Path

from desktop.storage.secrets import Keyring, Secrets


class FakeKeyring:
    def __init__(self) -> None:
        self.kept: dict[tuple[str, str], str] = {}

    def get_password(self, service_name: str, username: str) -> str | None:
        return self.kept.get((service_name, username))

    def set_password(self, service_name: str, username: str, password: str) -> None:
        self.kept[service_name, username] = password

    def delete_password(self, service_name: str, username: str) -> None:
        del self.kept[service_name, username]


class BrokenKeyring:
    def __init__(self) -> None:
        self.asked = 0

    def get_password(self, service_name: str, username: str) -> str | None:
        self.asked += 1
        raise RuntimeError("no keyring here")

    def set_password(self, service_name: str, username: str, password: str) -> None:
        self.get_password(service_name, username)

    def delete_password(self, service_name: str, username: str) -> None:
        self.get_password(service_name, username)


def secrets(folder: Path, ring: Keyring, profile: str = "p", timeout_s: float = 5.0) -> Secrets:
    return Secrets(folder, profile_id=profile, keyring=lambda: ring, timeout_s=timeout_s)


async def test_the_keyring_keeps_them_by_profile(tmp_path: Path) -> None:
    ring = FakeKeyring()
    first, second = secrets(tmp_path, ring, "one"), secrets(tmp_path, ring, "two")
    await first.set("account", "a")
    await second.set("account", "b")
    assert (await first.get("account"), await second.get("account")) == ("a", "b")
    assert not first.in_file
    assert not (tmp_path / "secrets.json").exists()
    await first.delete("account")
    assert await first.get("account") is None
    assert await second.get("account") == "b"


async def test_without_a_keyring_a_file_does(tmp_path: Path) -> None:
    ring = BrokenKeyring()
    kept = secrets(tmp_path, ring)
    await kept.set("account", "a")
    assert kept.in_file
    assert await secrets(tmp_path, BrokenKeyring()).get("account") == "a"
    if sys.platform != "win32":
        assert stat.S_IMODE((tmp_path / "secrets.json").stat().st_mode) == 0o600
    await kept.delete("account")
    assert await kept.get("account") is None
    assert ring.asked == 1


async def test_a_keyring_that_works_again_takes_them_from_the_file(tmp_path: Path) -> None:
    await secrets(tmp_path, BrokenKeyring()).set("account", "a")
    ring = FakeKeyring()
    kept = secrets(tmp_path, ring)
    await kept.set("account", "b")
    assert list(ring.kept.values()) == ["b"]
    assert await kept.get("account") == "b"


async def test_a_keyring_that_hangs_is_given_up(tmp_path: Path) -> None:
    release = threading.Event()

    class Hanging(FakeKeyring):
        def set_password(self, service_name: str, username: str, password: str) -> None:
            release.wait(10)

    kept = secrets(tmp_path, Hanging(), timeout_s=0.5)
    try:
        await kept.set("account", "a")
        assert kept.in_file
        assert await kept.get("account") == "a"
    finally:
        release.set()
