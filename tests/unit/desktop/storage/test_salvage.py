from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path

from common.ids import new_id
from common.protocol.types import Mention
from desktop.storage.outbox import Draft
from desktop.storage.salvage import Salvaged, put_back, salvage
from desktop.storage.schema import prepare

ROOM = new_id()


def draft(body: str) -> Draft:
    mention = Mention(user_id=new_id(), start=0, len=1)
    return Draft(
        room_id=ROOM,
        client_msg_id=new_id(),
        body=body,
        created_at_ms=1,
        reply_to=7,
        mentions=(mention,),
        error="no",
    )


def make(path: Path, saved: Salvaged, *statements: str) -> None:
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as connection:
        prepare(connection)
        put_back(connection, saved)
        for statement in statements:
            connection.execute(statement)


def test_all_of_a_whole_file_is_read(tmp_path: Path) -> None:
    saved = Salvaged([draft("one"), draft("two")], {ROOM: "typed"})
    make(tmp_path / "file", saved)
    assert salvage(tmp_path / "file") == saved


def test_words_are_kept_without_what_can_not_be_read_of_them(tmp_path: Path) -> None:
    saved = Salvaged([draft("one"), draft("two")], {ROOM: "typed"})
    make(
        tmp_path / "file",
        saved,
        "UPDATE outbox SET mentions = x'ff' WHERE body = 'one'",
        "UPDATE outbox SET body = CAST(x'74776fff' AS TEXT) WHERE body = 'two'",
    )
    found = salvage(tmp_path / "file")
    assert [one.body for one in found.drafts] == ["one", "two\ufffd"]
    assert found.drafts[0].mentions == ()
    assert found.drafts[1].mentions == saved.drafts[1].mentions
    assert found.whole


def test_what_lies_before_a_bad_page_is_read_and_the_rest_told(tmp_path: Path) -> None:
    many = [draft(f"{number} " + "x" * 2_000) for number in range(60)]
    make(tmp_path / "file", Salvaged(many, {ROOM: "typed"}))
    with contextlib.closing(sqlite3.connect(tmp_path / "file")) as connection:
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
        size = connection.execute("PRAGMA page_size").fetchone()[0]
    with (tmp_path / "file").open("r+b") as file:
        file.seek((pages - 5) * size)
        file.write(b"\xff" * size)
    found = salvage(tmp_path / "file")
    assert not found.whole
    assert 0 < len(found.drafts) < len(many)
    assert found.drafts == many[: len(found.drafts)]
    assert found.texts == {ROOM: "typed"}


def test_rubbish_tells_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"rubbish" * 5_000)
    assert salvage(tmp_path / "file") == Salvaged(whole=False)
