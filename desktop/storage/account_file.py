"""Opening an account's file: a damaged one is set aside, and what waits to be sent is saved from it."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sqlite3
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from desktop.storage.cache import Loaded, load
from desktop.storage.outbox import Draft, add_draft, load_outbox
from desktop.storage.worker import DamagedError, Worker

log: Final = logging.getLogger(__name__)
FILE: Final = "account.db"


@dataclass(frozen=True, slots=True)
class AccountFile:
    """An open file with what it holds."""

    worker: Worker
    loaded: Loaded
    drafts: list[Draft]
    outbox_lost: bool = False
    """The file was damaged and messages that waited in it could not be read: to be said aloud."""


async def open_account_file(folder: Path) -> AccountFile:
    """Open or make it.

    Raises:
        StorageError: the folder can't be written.
    """
    await asyncio.to_thread(folder.mkdir, mode=0o700, parents=True, exist_ok=True)
    path = folder / FILE
    try:
        worker, loaded, drafts = await _open(path)
    except DamagedError as problem:
        log.warning("cache set aside: %s", problem.text)
        saved = salvage(path)
        set_aside(path)
        worker, loaded, _ = await _open(path)
        for draft in saved or []:
            await worker.run(lambda db, draft=draft: add_draft(db, draft), durable=True)  # type: ignore[misc]  # a default binds the loop variable
        return AccountFile(worker, loaded, saved or [], outbox_lost=saved is None)
    return AccountFile(worker, loaded, drafts)


async def _open(path: Path) -> tuple[Worker, Loaded, list[Draft]]:
    worker = Worker(path)
    await worker.open()
    try:
        return worker, await worker.run(load), await worker.run(load_outbox)
    except BaseException:
        await worker.close()
        raise


def salvage(path: Path) -> list[Draft] | None:
    """The outbox of a damaged file, or None where it can't be read."""
    with contextlib.suppress(sqlite3.Error), contextlib.closing(sqlite3.connect(path)) as connection:
        return load_outbox(connection)
    return None


def set_aside(path: Path) -> Path:
    """Rename the damaged file with its journals, so that nothing is thrown away."""
    aside = path.with_name(f"{path.name}.damaged-{int(time.time())}")
    for suffix in ("", "-wal", "-shm"):
        part = path.with_name(path.name + suffix)
        with contextlib.suppress(FileNotFoundError):
            part.replace(path.with_name(aside.name + suffix))
    return aside
