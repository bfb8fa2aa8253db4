"""One server per data folder: a lock that ends with its process, however that ends."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Final

from server.kernel.database import DatabaseUnavailableError

LOCK_FILE: Final = "parley.lock"


class FolderInUseError(DatabaseUnavailableError):
    """Another server holds the folder."""


class FolderNotWritableError(DatabaseUnavailableError):
    """The folder can't be made or written to."""


class FolderLock:
    """Held from ``acquire`` to ``release``, also against another server in this same process."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._handle: int | None = None

    def acquire(self) -> None:
        """Make the folder if need be, and lock it.

        Raises:
            FolderInUseError: another server holds it.
            FolderNotWritableError: no permission, a file in the way, a read-only disk.
        """
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            handle = os.open(self._folder / LOCK_FILE, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as problem:
            raise FolderNotWritableError(
                f"the folder {self._folder} can't be written to ({problem.strerror}): "
                "choose another, or change its permissions"
            ) from problem
        try:
            _lock(handle)
        except OSError as problem:
            os.close(handle)
            raise FolderInUseError(f"another Parley server is using the folder {self._folder}") from problem
        self._handle = handle

    def release(self) -> None:
        """Let the next one in; not held is fine. The file stays: removing it would let two in."""
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None


if sys.platform == "win32":
    import msvcrt

    def _lock(handle: int) -> None:
        msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)

else:
    import fcntl

    def _lock(handle: int) -> None:
        # flock, not lockf: a lockf lock is the whole process's, and two servers in it would both have it.
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
