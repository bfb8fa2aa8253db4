from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

from common.ids import new_id
from common.protocol.types import User
from desktop.storage.account_file import FILE, open_account_file
from desktop.storage.cache import save_users
from desktop.storage.outbox import Draft, add_draft


async def write(folder: Path, drafts: list[Draft], users: int) -> None:
    file = await open_account_file(folder)
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
    await write(tmp_path, [draft], 2_000)
    path = tmp_path / FILE
    whole = path.read_bytes()
    # The people's pages are at the end, the small tables at the start.
    path.write_bytes(whole[: len(whole) // 2] + b"\xff" * (len(whole) - len(whole) // 2))
    file = await open_account_file(tmp_path)
    assert file.drafts == [draft]
    assert not file.outbox_lost
    assert file.loaded.users == []
    assert set_aside_files(tmp_path)
    await file.worker.close()


async def test_a_lost_outbox_is_told(tmp_path: Path, expect_log: Callable[..., None]) -> None:
    expect_log("cache set aside", level=logging.WARNING)
    (tmp_path / FILE).write_bytes(b"rubbish" * 5_000)
    file = await open_account_file(tmp_path)
    assert file.outbox_lost
    assert file.drafts == []
    await file.worker.close()
