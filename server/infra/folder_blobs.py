"""The blob store in a folder: a file a blob, replaced at once or not at all."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
from pathlib import Path
from typing import Final

from common.errors import Code, ParleyError
from common.ids import new_id
from server.infra.durable import rename_durably
from server.kernel.blobs import check_key
from server.kernel.database import StorageFullError

_SUFFIX: Final = ".blob"
"""Keeps the blob ``a`` and the folder of ``a/b`` apart."""
_TEMPORARY: Final = ".tmp"
_NO_SPACE: Final = frozenset({errno.ENOSPC, errno.EFBIG, getattr(errno, "EDQUOT", errno.ENOSPC)})


class FolderBlobs:
    """Blobs below ``folder``, made at start. Files are read and written in worker threads."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def start(self) -> None:
        """Make the folder, and remove what a crash left half written.

        Raises:
            ParleyError: ``unavailable``, the folder can't be made.
        """
        await asyncio.to_thread(self._open)

    async def stop(self) -> None:
        """Nothing is held open."""

    async def put(self, key: str, data: bytes) -> None:
        """Store durably.

        Raises:
            StorageFullError: no space; what was there stays.
            ParleyError: ``unavailable``, the disk refuses.
            ValueError: not a key; a bug of the caller.
        """
        await asyncio.to_thread(_write, self._path(key), data)

    async def get(self, key: str) -> bytes | None:
        """The bytes, or None."""
        return await asyncio.to_thread(_read, self._path(key))

    async def delete(self, key: str) -> None:
        """Remove; a missing one is fine."""
        await asyncio.to_thread(_remove, self._path(key))

    async def keys(self) -> list[str]:
        """All of them, sorted; of a folder that does not exist none."""
        return await asyncio.to_thread(self._keys)

    def _keys(self) -> list[str]:
        found = self._folder.rglob(f"*{_SUFFIX}")
        return sorted(path.relative_to(self._folder).as_posix().removesuffix(_SUFFIX) for path in found)

    def _path(self, key: str) -> Path:
        return self._folder / f"{check_key(key)}{_SUFFIX}"

    def _open(self) -> None:
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            for left in self._folder.rglob(f"*{_TEMPORARY}"):
                left.unlink(missing_ok=True)
        except OSError as problem:
            raise ParleyError(
                Code.UNAVAILABLE, f"the folder {self._folder} can't be written to ({problem.strerror})"
            ) from problem


def _write(path: Path, data: bytes) -> None:
    temporary = path.with_name(f"{new_id()}{_TEMPORARY}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        rename_durably(temporary, path)
    except OSError as problem:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise _port_error(problem) from problem


def _read(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as problem:
        raise _port_error(problem) from problem


def _remove(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
    except OSError as problem:
        raise _port_error(problem) from problem


def _port_error(problem: OSError) -> ParleyError:
    if problem.errno in _NO_SPACE:
        return StorageFullError()
    return ParleyError(Code.UNAVAILABLE, "the server's files can't be reached", retry_after_ms=1_000)
