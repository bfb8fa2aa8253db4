"""argon2id (RFC 9106; OWASP: 46 MiB, one pass, one lane), in two threads of its own."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from argon2 import PasswordHasher, Type
from argon2.exceptions import Argon2Error, InvalidHashError

MEMORY_KIB: Final = 46 * 1024
_THREADS: Final = 2
_TIMEOUT_S: Final = 30.0


class Argon2Hasher:
    """At most two hashes at a time, so 92 MiB; the library lets go of the interpreter lock."""

    def __init__(self, *, memory_kib: int = MEMORY_KIB) -> None:
        self._argon2 = PasswordHasher(time_cost=1, memory_cost=memory_kib, parallelism=1, type=Type.ID)
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="argon2")
        # What an unknown account is checked against, so that it takes as long as a known one.
        self._nobody = self._argon2.hash("nobody")

    async def hash(self, password: str) -> str:
        """A fresh salted hash."""
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(_TIMEOUT_S):
            return await loop.run_in_executor(self._threads, self._argon2.hash, password)

    async def verify(self, password_hash: str | None, password: str) -> bool:
        """Whether it fits."""
        loop = asyncio.get_running_loop()
        known = password_hash or self._nobody
        async with asyncio.timeout(_TIMEOUT_S):
            fits = await loop.run_in_executor(self._threads, self._fits, known, password)
        return fits and password_hash is not None

    def close(self) -> None:
        """End the threads."""
        self._threads.shutdown()

    def _fits(self, known: str, password: str) -> bool:
        try:
            return self._argon2.verify(known, password)
        except (Argon2Error, InvalidHashError):
            return False
