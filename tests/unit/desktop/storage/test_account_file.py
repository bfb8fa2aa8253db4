from __future__ import annotations

import contextlib
import errno
import logging
import sqlite3
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from common.ids import new_id
from common.protocol.types import User
from desktop.storage import account_file
from desktop.storage.account_file import FILE, open_account_file, set_aside
from desktop.storage.cache import save_users
from desktop.storage.outbox import Draft, add_draft, set_text
from desktop.storage.worker import DamagedError, StorageError

ROOM = new_id()


async def write(folder: Path, drafts: list[Draft], users: int, text: str = "") -> None:
    file = await open_account_file(folder)
    await file.worker.run(lambda db: set_text(db, ROOM, text), write=True)
    for draft in drafts:
        await file.worker.run(lambda db, draft=draft: add_draft(db, draft), durable=True)  # type: ignore[misc]  # a default binds the loop variable
    people = [User(id=new_id(), username=f"user{number}", display_name="x" * 60) for number in range(users)]
    await file.worker.run(lambda db: save_users(db, people), write=True)
    await file.worker.close()


def set_aside_files(folder: Path) -> list[Path]:
    return list(folder.glob(f"{FILE}.damaged-*"))


async def test_what_was_kept_is_there_again(tmp_path: Path) -> None:
    draft = Draft(room_id=new_id(), client_msg_id=new_id(), body="hi", created_at_ms=1)
    await write(tmp_path, [draft], 3)
    file = await open_account_file(tmp_path)
    assert file.drafts == [draft]
    assert len(file.loaded.users) == 3
    await file.worker.close()


async def test_a_damaged_cache_is_set_aside_and_the_outbox_saved(
    tmp_path: Path, expect_log: Callable[..., None]
) -> None:
    expect_log("cache set aside", level=logging.WARNING)
    draft = Draft(room_id=new_id(), client_msg_id=new_id(), body="hi", created_at_ms=1)
    await write(tmp_path, [draft], 2_000, "typed")
    path = tmp_path / FILE
    whole = path.read_bytes()
    # The people's pages are at the end, the small tables at the start.
    path.write_bytes(whole[: len(whole) // 2] + b"\xff" * (len(whole) - len(whole) // 2))
    file = await open_account_file(tmp_path)
    assert file.drafts == [draft]
    assert not file.words_lost
    assert file.loaded.users == []
    assert file.loaded.drafts == {ROOM: "typed"}
    assert set_aside_files(tmp_path)
    await file.worker.close()


async def test_a_lost_outbox_is_told(tmp_path: Path, expect_log: Callable[..., None]) -> None:
    expect_log("cache set aside", level=logging.WARNING)
    (tmp_path / FILE).write_bytes(b"rubbish" * 5_000)
    file = await open_account_file(tmp_path)
    assert file.words_lost
    assert file.drafts == []
    await file.worker.close()


def spoil(folder: Path, statement: str) -> None:
    """Something else than this program would write."""
    with contextlib.closing(sqlite3.connect(folder / FILE)) as connection, connection:
        connection.execute(statement)


@pytest.mark.parametrize(
    "statement",
    [
        pytest.param("UPDATE users SET data = x'c1'", id="no msgpack"),
        pytest.param("UPDATE users SET data = x'80'", id="a struct without its fields"),
        pytest.param("UPDATE outbox SET mentions = CAST('[1]' AS BLOB)", id="other mentions"),
        pytest.param("UPDATE meta SET value = CAST(x'ff' AS TEXT) WHERE name = 'epoch'", id="no UTF-8"),
    ],
)
async def test_rows_that_can_not_be_decoded_are_damage_too(
    tmp_path: Path, expect_log: Callable[..., None], statement: str
) -> None:
    expect_log("cache set aside", level=logging.WARNING)
    draft = Draft(room_id=ROOM, client_msg_id=new_id(), body="hi", created_at_ms=1)
    await write(tmp_path, [draft], 3, "typed")
    spoil(tmp_path, "INSERT OR REPLACE INTO meta VALUES ('epoch', 'e')")
    spoil(tmp_path, statement)
    file = await open_account_file(tmp_path)
    assert (file.drafts, file.loaded.drafts) == ([draft], {ROOM: "typed"})
    assert not file.words_lost
    assert set_aside_files(tmp_path)
    await file.worker.close()


async def test_what_is_saved_is_written_before_the_damaged_file_goes(
    tmp_path: Path, expect_log: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    expect_log("cache set aside", level=logging.WARNING)
    draft = Draft(room_id=ROOM, client_msg_id=new_id(), body="hi", created_at_ms=1)
    await write(tmp_path, [draft], 3, "typed")
    spoil(tmp_path, "UPDATE users SET data = x'c1'")

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "no space left")

    for step in ("put_back", "set_aside"):
        with monkeypatch.context() as broken:
            broken.setattr(account_file, step, full)
            with pytest.raises(StorageError, match="disk is full"):
                await open_account_file(tmp_path)
    # Cut off between the two renames.
    set_aside(tmp_path / FILE)
    file = await open_account_file(tmp_path)
    assert (file.drafts, file.loaded.drafts) == ([draft], {ROOM: "typed"})
    await file.worker.close()


async def test_a_folder_that_can_not_be_made_is_told_in_words(tmp_path: Path) -> None:
    (tmp_path / "accounts").write_text("a file where the folder should be")
    with pytest.raises(StorageError, match="can't be written"):
        await open_account_file(tmp_path / "accounts" / "one")


async def test_damage_found_while_it_is_open_is_repaired_at_the_next_start(
    tmp_path: Path, expect_log: Callable[..., None]
) -> None:
    expect_log("cache set aside", level=logging.WARNING)
    draft = Draft(room_id=new_id(), client_msg_id=new_id(), body="hi", created_at_ms=1)
    await write(tmp_path, [draft], 3, "typed")
    file = await open_account_file(tmp_path)
    with pytest.raises(DamagedError, match="Start Parley again"):
        await file.worker.run(lambda _: msgspec.msgpack.decode(b"\xc1"))
    await file.worker.close()
    for aside in (1, 1):
        file = await open_account_file(tmp_path)
        assert file.drafts == [draft]
        assert file.loaded.drafts == {ROOM: "typed"}
        assert len(set_aside_files(tmp_path)) == aside
        await file.worker.close()
