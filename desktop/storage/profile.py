"""A profile: one folder with settings, accounts, their caches, and the server when this computer hosts."""

from __future__ import annotations

import contextlib
import os
import queue
import threading
from pathlib import Path
from typing import Final, TypeVar

import msgspec

from common.ids import new_id

T = TypeVar("T")
_FILE: Final = "profile.json"


class AccountRecord(msgspec.Struct, kw_only=True, frozen=True, omit_defaults=True):
    """An account that this profile is signed in to."""

    account_id: str
    server_id: str
    server_name: str
    address: str
    """As ``common.address.parse_address`` reads it, with its scheme."""
    user_id: str
    username: str
    display_name: str
    hosted_here: bool = False


class _Stored(msgspec.Struct, kw_only=True):
    profile_id: str
    accounts: list[AccountRecord] = []
    settings: dict[str, msgspec.Raw] = {}
    secrets_notice_said: bool = False


class Profile:
    """Settings and accounts in memory; a thread of its own writes each change, atomically."""

    def __init__(self, folder: Path) -> None:
        """Read the folder, make it where it is new.

        Raises:
            OSError: it can't be made or read.
        """
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.folder = folder
        self.damaged = False
        self._stored = self._read()
        self._writes: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None

    @property
    def profile_id(self) -> str:
        """Keys this profile's secrets: a keyring is one name space per person."""
        return self._stored.profile_id

    @property
    def accounts(self) -> tuple[AccountRecord, ...]:
        """In the order they were added."""
        return tuple(self._stored.accounts)

    @property
    def server_folder(self) -> Path:
        """Data of the server inside this program."""
        return self.folder / "server"

    def account_folder(self, account_id: str) -> Path:
        """Cache and outbox of one account."""
        return self.folder / "accounts" / account_id

    def put_account(self, record: AccountRecord) -> None:
        """Add or replace, in its place."""
        accounts = self._stored.accounts
        for index, one in enumerate(accounts):
            if one.account_id == record.account_id:
                accounts[index] = record
                break
        else:
            accounts.append(record)
        self._write()

    def remove_account(self, account_id: str) -> None:
        self._stored.accounts = [one for one in self._stored.accounts if one.account_id != account_id]
        self._write()

    def setting(self, name: str, kind: type[T], default: T) -> T:
        """A value of the window (geometry, theme...), or ``default`` where none or another kind is kept."""
        raw = self._stored.settings.get(name)
        if raw is None:
            return default
        try:
            return msgspec.json.decode(raw, type=kind)
        except msgspec.DecodeError:
            return default

    def set_setting(self, name: str, value: object) -> None:
        """Keep anything that JSON can say."""
        raw = msgspec.Raw(msgspec.json.encode(value))
        if self._stored.settings.get(name) != raw:
            self._stored.settings[name] = raw
            self._write()

    def say_secrets_notice(self) -> bool:
        """True once in the life of the profile."""
        said, self._stored.secrets_notice_said = self._stored.secrets_notice_said, True
        if not said:
            self._write()
        return not said

    def close(self) -> None:
        """Wait until everything is written."""
        if self._thread is not None:
            self._writes.put(None)
            self._thread.join(timeout=10)
            self._thread = None

    def _read(self) -> _Stored:
        path = self.folder / _FILE
        try:
            return msgspec.json.decode(path.read_bytes(), type=_Stored)
        except FileNotFoundError:
            pass
        except (msgspec.DecodeError, UnicodeDecodeError):
            self.damaged = True
            path.replace(path.with_suffix(".damaged"))
        return _Stored(profile_id=new_id())

    def _write(self) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._main, name="profile", daemon=True)
            self._thread.start()
        self._writes.put(msgspec.json.format(msgspec.json.encode(self._stored), indent=1))

    def _main(self) -> None:
        while (data := self._writes.get()) is not None:
            # Only the newest state matters: a dragged splitter changes it a hundred times.
            while not self._writes.empty():
                newer = self._writes.get()
                if newer is None:
                    self._save(data)
                    return
                data = newer
            self._save(data)

    def _save(self, data: bytes) -> None:
        with contextlib.suppress(OSError):  # a full disk: the next change writes it all again
            write_atomically(self.folder / _FILE, data)


def write_atomically(path: Path, data: bytes) -> None:
    """Replace a file by one that only its owner may read, so that a crash leaves the old or the new.

    Raises:
        OSError: it can't be written; the old one stays.
    """
    part = path.with_suffix(".part")
    handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)
