from __future__ import annotations

import errno
import stat
import sys
import threading
from pathlib import Path

import keyring.errors
import pytest

from desktop.storage import secrets as secrets_module
from desktop.storage.secrets import Keyring, Secrets, SecretsError
from tests.support.wait import until


class FakeKeyring:
    def __init__(self) -> None:
        self.kept: dict[tuple[str, str], str] = {}

    def get_password(self, service_name: str, username: str) -> str | None:
        return self.kept.get((service_name, username))

    def set_password(self, service_name: str, username: str, password: str) -> None:
        self.kept[service_name, username] = password

    def delete_password(self, service_name: str, username: str) -> None:
        del self.kept[service_name, username]


class NoKeyring:
    """What the library gives where nothing keeps secrets."""

    problem: Exception = keyring.errors.NoKeyringError("no keyring here")

    def get_password(self, service_name: str, username: str) -> str | None:
        raise self.problem

    def set_password(self, service_name: str, username: str, password: str) -> None:
        self.get_password(service_name, username)

    def delete_password(self, service_name: str, username: str) -> None:
        self.get_password(service_name, username)


class LockedKeyring(NoKeyring):
    """The person closed its prompt."""

    problem = keyring.errors.KeyringLocked("failed to unlock")


class SlowKeyring(FakeKeyring):
    """Does not answer before ``release`` is set: it asks the person for a password."""

    def __init__(self) -> None:
        super().__init__()
        self.release = threading.Event()
        self.asked = 0

    def get_password(self, service_name: str, username: str) -> str | None:
        self.asked += 1
        self.release.wait(10)
        return super().get_password(service_name, username)

    def set_password(self, service_name: str, username: str, password: str) -> None:
        self.asked += 1
        self.release.wait(10)
        super().set_password(service_name, username, password)


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
    kept = secrets(tmp_path, NoKeyring())
    assert await kept.get("account") is None
    await kept.set("account", "a")
    assert kept.in_file
    assert await secrets(tmp_path, NoKeyring()).get("account") == "a"
    if sys.platform != "win32":
        assert stat.S_IMODE((tmp_path / "secrets.json").stat().st_mode) == 0o600
    await kept.delete("account")
    assert await kept.get("account") is None


async def test_a_keyring_that_works_again_takes_them_from_the_file(tmp_path: Path) -> None:
    await secrets(tmp_path, NoKeyring()).set("account", "a")
    ring = FakeKeyring()
    kept = secrets(tmp_path, ring)
    await kept.set("account", "b")
    assert list(ring.kept.values()) == ["b"]
    assert await kept.get("account") == "b"


async def test_a_keyring_that_hangs_has_the_file_take_its_place(tmp_path: Path) -> None:
    ring = SlowKeyring()
    kept = secrets(tmp_path, ring, timeout_s=0.3)
    try:
        await kept.set("account", "a")
        assert kept.in_file
        assert await kept.get("account") == "a"
        # The first one may still arrive: it must not follow a newer one.
        await kept.set("account", "b")
        assert ring.asked == 1
        assert await kept.get("account") == "b"
    finally:
        ring.release.set()
    await until(lambda: ring.kept and not kept._asked)
    assert await kept.get("account") == "b"
    await kept.set("account", "c")
    assert list(ring.kept.values()) == ["c"]
    assert await kept.get("account") == "c"


async def test_a_keyring_that_is_slow_is_no_missing_secret_and_asked_once(tmp_path: Path) -> None:
    ring = SlowKeyring()
    ring.kept["parley", "p:account"] = "a"
    kept = secrets(tmp_path, ring, timeout_s=0.2)
    try:
        for _ in range(2):
            with pytest.raises(TimeoutError):
                await kept.get("account")
        assert ring.asked == 1
    finally:
        ring.release.set()
    await until(lambda: not kept._asked)
    assert await kept.get("account") == "a"


async def test_a_locked_keyring_is_no_missing_secret_and_asked_again(tmp_path: Path) -> None:
    kept = secrets(tmp_path, LockedKeyring())
    with pytest.raises(SecretsError):
        await kept.get("account")
    ring = FakeKeyring()
    ring.kept["parley", "p:account"] = "a"
    kept._keyring = ring
    assert await kept.get("account") == "a"
    # What is not there raises in the library: no reason to give the keyring up.
    await kept.delete("another")
    assert await kept.get("account") == "a"


async def test_a_file_that_can_not_be_read_is_no_missing_secret(tmp_path: Path) -> None:
    (tmp_path / "secrets.json").mkdir()
    kept = secrets(tmp_path, FakeKeyring())
    with pytest.raises(OSError, match="secrets"):
        await kept.get("account")


async def test_the_last_secret_is_deleted_from_a_full_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = secrets(tmp_path, NoKeyring())
    await kept.set("account", "a")

    def full(path: Path, data: bytes) -> None:
        raise OSError(errno.ENOSPC, "no space left")

    monkeypatch.setattr(secrets_module, "write_atomically", full)
    await kept.delete("account")
    assert await kept.get("account") is None
    assert not (tmp_path / "secrets.json").exists()
    with pytest.raises(OSError, match="no space"):
        await kept.set("account", "b")
