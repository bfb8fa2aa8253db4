"""Refresh tokens: in the system's keyring, else in a file that only its owner may read.

Keyrings block (a locked one asks the person), so each call runs in a thread of its own with a time-out;
entries are one name space per person, so they are keyed by profile, server and account.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Final, Protocol, TypeVar

import msgspec

from desktop.storage.profile import write_atomically

T = TypeVar("T")
SERVICE: Final = "parley"
TIMEOUT_S: Final = 5.0
_FILE: Final = "secrets.json"


class Keyring(Protocol):
    """The three verbs of the ``keyring`` library; any of them may raise anything."""

    def get_password(self, service_name: str, username: str) -> str | None: ...

    def set_password(self, service_name: str, username: str, password: str) -> None: ...

    def delete_password(self, service_name: str, username: str) -> None: ...


def system_keyring() -> Keyring:
    """The keyring of this system; importing it looks for backends, hence in the thread of the first call."""
    import keyring

    return keyring.get_keyring()


class Secrets:
    """Secrets of one profile, by name. ``in_file`` turns True when the keyring did not work."""

    def __init__(
        self,
        folder: Path,
        *,
        profile_id: str,
        keyring: Callable[[], Keyring] = system_keyring,
        timeout_s: float = TIMEOUT_S,
    ) -> None:
        self._path = folder / _FILE
        self._profile_id = profile_id
        self._open = keyring
        self._timeout_s = timeout_s
        self._keyring: Keyring | None = None
        self._broken = False
        self._file_lock = threading.Lock()

    @property
    def in_file(self) -> bool:
        """Something is kept in the file, to be said once."""
        return self._broken

    async def get(self, name: str) -> str | None:
        """The secret, wherever it is kept; the file holds what was set when the keyring failed."""
        found = await _in_thread(lambda: self._read_file().get(name), self._timeout_s)
        if found is not None:
            return found
        return await self._ask(lambda ring: ring.get_password(SERVICE, self._key(name)))

    async def set(self, name: str, secret: str) -> None:
        """Keep a secret.

        Raises:
            OSError: neither keyring nor file took it.
        """

        def store(ring: Keyring) -> bool:
            ring.set_password(SERVICE, self._key(name), secret)
            return True

        if await self._ask(store):
            await _in_thread(lambda: self._change_file(name, None), self._timeout_s)
        else:
            await _in_thread(lambda: self._change_file(name, secret), self._timeout_s)

    async def delete(self, name: str) -> None:
        """Forget a secret in both places."""
        await _in_thread(lambda: self._change_file(name, None), self._timeout_s)
        await self._ask(lambda ring: ring.delete_password(SERVICE, self._key(name)))

    def _key(self, name: str) -> str:
        return f"{self._profile_id}:{name}"

    async def _ask(self, use: Callable[[Keyring], T]) -> T | None:
        if self._broken:
            return None

        def call() -> T:
            if self._keyring is None:
                self._keyring = self._open()
            return use(self._keyring)

        try:
            return await _in_thread(call, self._timeout_s)
        except Exception:  # noqa: BLE001 - none there, locked, no session bus, timed out: backends raise anything
            self._broken = True
            return None

    def _read_file(self) -> dict[str, str]:
        with contextlib.suppress(OSError, msgspec.DecodeError):
            return msgspec.json.decode(self._path.read_bytes(), type=dict[str, str])
        return {}

    def _change_file(self, name: str, secret: str | None) -> None:
        with self._file_lock:
            kept = self._read_file()
            if kept.get(name) == secret:
                return
            if secret is None:
                del kept[name]
            else:
                kept[name] = secret
            write_atomically(self._path, msgspec.json.encode(kept))


async def _in_thread(call: Callable[[], T], timeout_s: float) -> T:
    """Run in a daemon thread: one that hangs in a keyring must not keep the program from ending."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[T] = loop.create_future()

    def finish(result: T | None, problem: BaseException | None) -> None:
        if future.done():
            return
        if problem is not None:
            future.set_exception(problem)
        else:
            future.set_result(result)  # type: ignore[arg-type]  # None only where T allows it

    def main() -> None:
        result: T | None = None
        problem: BaseException | None = None
        try:
            result = call()
        except Exception as error:  # noqa: BLE001 - handed to who asked
            problem = error
        with contextlib.suppress(RuntimeError):  # the loop is gone: so is who asked
            loop.call_soon_threadsafe(finish, result, problem)

    threading.Thread(target=main, name="secrets", daemon=True).start()
    async with asyncio.timeout(timeout_s):
        return await future
