"""Opening an account's file: a damaged one is set aside, and what a person wrote is saved from it."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from desktop.storage.cache import Loaded, load
from desktop.storage.outbox import Draft, load_outbox
from desktop.storage.salvage import put_back, salvage
from desktop.storage.worker import DamagedError, Worker, damage_mark, explain_os

log: Final = logging.getLogger(__name__)
FILE: Final = "account.db"
_JOURNALS: Final = ("", "-wal", "-shm")


@dataclass(frozen=True, slots=True)
class AccountFile:
    """An open file with what it holds."""

    worker: Worker
    loaded: Loaded
    drafts: list[Draft]
    words_lost: bool = False
    """The file was damaged, and messages that waited in it or unsent texts could not be read: to be said."""


async def open_account_file(folder: Path) -> AccountFile:
    """Open or make it.

    Raises:
        StorageError: the folder can't be written, the disk is full.
    """
    path = folder / FILE
    try:
        await asyncio.to_thread(_make, path)
        try:
            if await asyncio.to_thread(damage_mark(path).exists):
                raise DamagedError("Found while it was open.")
            return AccountFile(*await _open(path))
        except DamagedError as problem:
            log.warning("cache set aside: %s", problem.text)
            whole = await _rescue(path)
            return AccountFile(*await _open(path), words_lost=not whole)
    except OSError as problem:
        raise explain_os(problem) from problem


async def _open(path: Path) -> tuple[Worker, Loaded, list[Draft]]:
    worker = Worker(path)
    await worker.open()
    try:
        return worker, await worker.run(load), await worker.run(load_outbox)
    except BaseException:
        await worker.close()
        raise


async def _rescue(path: Path) -> bool:
    """A new file in place of the damaged one, with what a person wrote; whether that is all of it.

    The new one is complete before the old one goes: a full disk or a crash between leaves one that has it.
    """
    fresh = _fresh(path)
    saved = await asyncio.to_thread(salvage, path)
    await asyncio.to_thread(_remove, fresh)
    worker = Worker(fresh)
    await worker.open()
    try:
        await worker.run(lambda db: put_back(db, saved), durable=True)
    finally:
        await worker.close()
    await asyncio.to_thread(_swap, path, fresh)
    return saved.whole


def _fresh(path: Path) -> Path:
    return path.with_name(f"{path.name}.new")


def _make(path: Path) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not path.exists() and _fresh(path).exists():
        _fresh(path).replace(path)


def _remove(path: Path) -> None:
    for suffix in _JOURNALS:
        path.with_name(path.name + suffix).unlink(missing_ok=True)


def _swap(path: Path, fresh: Path) -> None:
    set_aside(path)
    fresh.replace(path)
    damage_mark(path).unlink(missing_ok=True)


def set_aside(path: Path) -> Path:
    """Rename the damaged file with its journals, so that nothing is thrown away."""
    aside = path.with_name(f"{path.name}.damaged-{int(time.time())}")
    for suffix in _JOURNALS:
        part = path.with_name(path.name + suffix)
        with contextlib.suppress(FileNotFoundError):
            part.replace(path.with_name(aside.name + suffix))
    return aside
