"""A desktop whose own files were damaged: it opens, fetches again, and keeps what a person wrote."""

from __future__ import annotations

import contextlib
import gc
import logging
import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from desktop.storage import account_file
from desktop.storage.account_file import FILE
from desktop.storage.salvage import Salvaged, salvage
from tests.integration.desktop.conftest import Place, messages, online
from tests.integration.desktop.stage import said
from tests.support.logs import LogGuard
from tests.support.wait import until


async def closed(place: Place) -> Path:
    """Ada wrote half a sentence and left; her account's file."""
    desk = place.desk("ada")
    account = await desk.join(place.url, "Ada")
    account.set_draft(account.rooms[0].room_id, "unfinished")
    file = desk.profile.account_folder(account.record.account_id) / FILE
    await place.desks.pop().close()
    return file


async def test_a_copy_that_can_not_be_decoded_is_fetched_again_and_texts_stay(
    place: Place, expect_log: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    expect_log("cache set aside", level=logging.WARNING)
    with contextlib.closing(sqlite3.connect(await closed(place))) as connection, connection:
        connection.execute("UPDATE rooms SET head = x'c1'")
    threads: list[threading.Thread] = []

    def watched(path: Path) -> Salvaged:
        threads.append(threading.current_thread())
        return salvage(path)

    monkeypatch.setattr(account_file, "salvage", watched)
    desk = place.desk("ada")
    await desk.accounts.start()
    await online(desk.account)
    await until(lambda: desk.account.rooms[0].draft == "unfinished")
    assert desk.account.draft(desk.account.rooms[0].room_id) == "unfinished"
    assert desk.accounts.waiting(desk.account) == 1
    assert desk.notices == []
    assert threading.main_thread() not in threads


async def test_a_folder_that_is_none_is_said_and_the_program_goes_on(place: Place) -> None:
    folder = (await closed(place)).parent
    folder.rename(folder.with_name("elsewhere"))
    folder.write_text("a file where the folder should be")
    desk = place.desk("ada")
    await desk.accounts.start()
    assert desk.accounts.items == []
    assert [("can't be written" in notice) for notice in desk.notices] == [True]


async def test_damage_found_in_use_is_said_and_repaired_at_the_next_start(
    place: Place, log_guard: LogGuard
) -> None:
    log_guard.expect("cache set aside", level=logging.WARNING)
    # Where an event comes after the damage.
    log_guard.allow("events not stored", level=logging.ERROR)
    desk = place.desk("ada")
    account = await desk.join(place.url, "Ada")
    room = account.rooms[0].room_id
    await said(account, room, "hello")
    gc.collect()  # the timeline that sent it: this one is read from the file
    await account.core.worker.run(lambda db: db.execute("UPDATE items SET data = x'c1'").rowcount, write=True)
    timeline = account.timeline(room)
    words = f"{account.record.server_name}: The local copy of this account is damaged."
    await until(lambda: any(notice.startswith(words) for notice in desk.notices))
    await until(lambda: timeline.loading)  # told a turn of the loop after the notice
    await place.desks.pop().close()
    again = place.desk("ada")
    await again.accounts.start()
    await online(again.account)
    shown = again.account.timeline(room)
    await until(lambda: [m.body for m in messages(shown)] == ["hello"])
