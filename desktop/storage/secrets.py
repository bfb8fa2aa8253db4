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
from typing import Any, Final, Protocol, TypeVar

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


class SecretsError(OSError):
    """It is not known whether the secret is kept: the keyring is locked, or it failed."""


class NoKeyringError(SecretsError):
    """There is none on this computer."""


class Secrets:
    """Secrets of one profile, by name. ``in_file`` turns True when the keyring did not take one."""

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
        self._in_file = False
        self._asked: dict[str, asyncio.Future[Any]] = {}
        self._file_lock = threading.Lock()

    @property
    def in_file(self) -> bool:
        """Something is kept in the file, to be said once."""
        return self._in_file

    async def get(self, name: str) -> str | None:
        """The secret, wherever it is kept, or None; the file holds what was set when the keyring failed.

        Raises:
            OSError: whether there is one can't be told: not readable, locked. ``TimeoutError``: not yet told;
                the keyring may be asking the person. The same question is not asked twice meanwhile.
        """
        found = await self._in_time(_in_thread(lambda: self._read_file().get(name)))
        if found is not None:
            return found
        try:
            return await self._ask(f"get {name}", lambda ring: ring.get_password(SERVICE, self._key(name)))
        except NoKeyringError:
            return None

    async def set(self, name: str, secret: str) -> None:
        """Keep a secret.

        Raises:
            OSError: neither keyring nor file took it.
        """
        taken = await self._set_in_keyring(name, secret)
        self._in_file = self._in_file or not taken
        await self._in_time(_in_thread(lambda: self._change_file(name, None if taken else secret)))

    async def delete(self, name: str) -> None:
        """Forget a secret in both places; in the keyring as far as it lets itself be asked.

        Raises:
            OSError: it is still in the file.
        """
        with contextlib.suppress(OSError):  # backends also raise when it is not there
            await self._ask(f"delete {name}", lambda ring: ring.delete_password(SERVICE, self._key(name)))
        await self._in_time(_in_thread(lambda: self._change_file(name, None)))

    def _key(self, name: str) -> str:
        return f"{self._profile_id}:{name}"

    async def _set_in_keyring(self, name: str, secret: str) -> bool:
        question = f"set {name}"
        if question in self._asked:
            # An earlier one hangs: it may still arrive, and must not replace a newer secret.
            return False
        try:
            await self._ask(question, lambda ring: ring.set_password(SERVICE, self._key(name), secret))
        except OSError:
            return False
        return True

    async def _ask(self, question: str, use: Callable[[Keyring], T]) -> T:
        """Use the keyring; a question that is still open is waited for again.

        Raises:
            OSError: no answer, in time or at all.
        """

        def call() -> T:
            try:
                if self._keyring is None:
                    self._keyring = self._open()
                return use(self._keyring)
            except Exception as problem:  # backends raise anything
                raise _explain(problem) from problem

        asked = self._asked.get(question)
        if asked is None:
            asked = self._asked[question] = _in_thread(call)
            asked.add_done_callback(lambda _: self._asked.pop(question))
        return await self._in_time(asked)

    async def _in_time(self, answer: asyncio.Future[T]) -> T:
        async with asyncio.timeout(self._timeout_s):
            return await asyncio.shield(answer)

    def _read_file(self) -> dict[str, str]:
        # What can't be read now may be read later: only what is not there, or no list of secrets, is empty.
        with contextlib.suppress(FileNotFoundError, msgspec.DecodeError):
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
            if not kept:
                self._path.unlink()  # also where the disk is full
                return
            write_atomically(self._path, msgspec.json.encode(kept))


def _explain(problem: Exception) -> OSError:
    """What a backend raised: none there, or no answer from one that is."""
    if isinstance(problem, OSError):
        return problem
    if isinstance(problem, ImportError) or _says_none(problem):
        return NoKeyringError(str(problem))
    return SecretsError(str(problem))


def _says_none(problem: Exception) -> bool:
    import keyring.errors

    return isinstance(problem, keyring.errors.NoKeyringError)


def _in_thread(call: Callable[[], T]) -> asyncio.Future[T]:
    """Run in a daemon thread: one that hangs in a keyring must not keep the program from ending."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[T] = loop.create_future()
    # Who asked may have given up by then: an error that nobody takes is no noise.
    future.add_done_callback(lambda done: done.cancelled() or done.exception())

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
    return future
