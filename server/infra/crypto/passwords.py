"""argon2id (RFC 9106; OWASP: 46 MiB, one pass, one lane), in two threads of its own."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, ParamSpec, TypeVar

from argon2 import PasswordHasher, Type
from argon2.exceptions import Argon2Error, InvalidHashError

from common.errors import Code, ParleyError

P = ParamSpec("P")
T = TypeVar("T")

MEMORY_KIB: Final = 46 * 1024
_THREADS: Final = 2
_TIMEOUT_S: Final = 30.0
_MAX_WAITING: Final = 1_024
"""About what two threads do within the time-out."""


class Argon2Hasher:
    """At most two hashes at a time, so 92 MiB; the library lets go of the interpreter lock."""

    def __init__(self, *, memory_kib: int = MEMORY_KIB) -> None:
        self._argon2 = PasswordHasher(time_cost=1, memory_cost=memory_kib, parallelism=1, type=Type.ID)
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="argon2")
        self._waiting = 0
        # What an unknown account is checked against, so that it takes as long as a known one.
        self._nobody = self._argon2.hash("nobody")

    async def hash(self, password: str) -> str:
        """A fresh salted hash.

        Raises:
            ParleyError: ``unavailable``, when too many are waiting.
        """
        return await self._run(self._argon2.hash, password)

    async def verify(self, password_hash: str | None, password: str) -> bool:
        """Whether it fits.

        Raises:
            ParleyError: ``unavailable``, when too many are waiting.
        """
        fits = await self._run(self._fits, password_hash or self._nobody, password)
        return fits and password_hash is not None

    def outdated(self, password_hash: str) -> bool:
        """Whether a login should hash anew."""
        try:
            return self._argon2.check_needs_rehash(password_hash)
        except InvalidHashError:
            return False

    def close(self) -> None:
        """End the threads."""
        self._threads.shutdown()

    async def _run(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        if self._waiting >= _MAX_WAITING:
            raise _busy()
        loop = asyncio.get_running_loop()
        self._waiting += 1
        try:
            async with asyncio.timeout(_TIMEOUT_S):
                return await loop.run_in_executor(self._threads, functools.partial(work, *args, **kwargs))
        except TimeoutError:
            raise _busy() from None
        finally:
            self._waiting -= 1

    def _fits(self, known: str, password: str) -> bool:
        try:
            return self._argon2.verify(known, password)
        except (Argon2Error, InvalidHashError):
            return False


def _busy() -> ParleyError:
    return ParleyError(Code.UNAVAILABLE, "too many people are signing in at once", retry_after_ms=2_000)
