from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from common.errors import RETRYABLE, Code, ParleyError
from common.ids import new_id
from common.protocol.types import Mention
from desktop.storage.outbox import Draft, Outbox, add_draft, load_outbox
from desktop.storage.schema import prepare
from tests.support.crash import Child

ROOM, OTHER = "room", "other"

WRITER = """
import asyncio, sys
from pathlib import Path
from desktop.storage.outbox import Draft, add_draft
from desktop.storage.worker import Worker

async def main():
    worker = Worker(Path(sys.argv[1]))
    await worker.open()
    for number in range(100_000):
        draft = Draft(room_id="room", client_msg_id=f"id-{number}", body="text", created_at_ms=number)
        await worker.run(lambda db: add_draft(db, draft), durable=True)
        print(number, flush=True)

asyncio.run(main())
"""


def draft(room: str = ROOM, **changes: object) -> Draft:
    values: dict[str, object] = {
        "room_id": room,
        "client_msg_id": new_id(),
        "body": "hi",
        "created_at_ms": 1,
    }
    return Draft(**{**values, **changes})  # type: ignore[arg-type]  # a factory of keyword arguments


def filled(*drafts: Draft) -> Outbox:
    outbox = Outbox()
    for one in drafts:
        outbox.add(one, stored=True)
    return outbox


def test_one_at_a_time_and_room_in_order() -> None:
    first, second, elsewhere = draft(), draft(), draft(OTHER)
    outbox = filled(first, second, elsewhere)
    assert list(outbox.next_sends(0.0)) == [first, elsewhere]
    assert list(outbox.next_sends(0.0)) == []
    outbox.acked(ROOM, first.client_msg_id, 5)
    assert list(outbox.next_sends(0.0)) == [second]


def test_nothing_leaves_before_it_is_on_the_disk() -> None:
    outbox, one = Outbox(), draft()
    outbox.add(one, stored=False)
    assert list(outbox.next_sends(0.0)) == []
    outbox.mark_stored(ROOM, one.client_msg_id)
    assert list(outbox.next_sends(0.0)) == [one]


@pytest.mark.parametrize("code", sorted(RETRYABLE))
def test_a_passing_refusal_holds_the_room_back(code: Code) -> None:
    first, second = draft(), draft()
    outbox = filled(first, second)
    list(outbox.next_sends(0.0))
    assert outbox.refused(ROOM, first.client_msg_id, ParleyError(code, "later"), 10.0) is None
    assert list(outbox.next_sends(10.5)) == []
    assert outbox.next_time() == 11.0
    again = list(outbox.next_sends(11.0))
    assert [one.client_msg_id for one in again] == [first.client_msg_id]
    # What a person may have to do something about is told, until the connection is another.
    told = "later" if code in {Code.STORAGE_FULL, Code.UNAVAILABLE} else None
    assert (again[0].hindrance, again[0].error) == (told, None)
    outbox.disconnected()
    assert outbox.drafts(ROOM)[0].hindrance is None


def test_waiting_grows_and_the_servers_word_counts() -> None:
    one = draft()
    outbox = filled(one)
    for expected in (1.0, 2.0, 4.0):
        outbox.refused(ROOM, one.client_msg_id, ParleyError(Code.UNAVAILABLE, "later"), 0.0)
        assert outbox.next_time() == expected
    refusal = ParleyError(Code.RATE_LIMITED, "later", retry_after_ms=250)
    outbox.refused(ROOM, one.client_msg_id, refusal, 0.0)
    assert outbox.next_time() == 0.25


@pytest.mark.parametrize("code", sorted(set(Code) - RETRYABLE))
def test_a_definite_refusal_fails_and_lets_the_next_pass(code: Code) -> None:
    first, second = draft(), draft()
    outbox = filled(first, second)
    list(outbox.next_sends(0.0))
    failed = outbox.refused(ROOM, first.client_msg_id, ParleyError(code, "no"), 0.0)
    assert failed is not None
    assert failed.error == "no"
    assert list(outbox.next_sends(0.0)) == [second]
    assert outbox.waiting() == 1


def test_a_retry_keeps_its_id_and_place() -> None:
    first, second = draft(), draft()
    outbox = filled(first, second)
    list(outbox.next_sends(0.0))
    outbox.refused(ROOM, first.client_msg_id, ParleyError(Code.FORBIDDEN, "no"), 0.0)
    assert outbox.retry(ROOM, first.client_msg_id) == first
    assert list(outbox.next_sends(0.0)) == [first]


def test_a_lost_connection_sends_all_again_in_order() -> None:
    first, second = draft(), draft()
    outbox = filled(first, second)
    list(outbox.next_sends(0.0))
    outbox.disconnected()
    assert list(outbox.next_sends(0.0)) == [first]


def test_an_acknowledged_one_is_not_sent_again_and_goes_when_overtaken() -> None:
    one = draft()
    outbox = filled(one)
    list(outbox.next_sends(0.0))
    outbox.acked(ROOM, one.client_msg_id, 5)
    outbox.disconnected()
    assert list(outbox.next_sends(0.0)) == []
    assert outbox.overtaken(ROOM, 4) == []
    assert outbox.overtaken(ROOM, 5) == [one.client_msg_id]
    assert outbox.remove(ROOM, one.client_msg_id) == one
    assert len(outbox) == 0


def test_rows_come_back_as_they_went_in_once_per_id(tmp_path: Path) -> None:
    db = sqlite3.connect(tmp_path / "account.db", isolation_level=None)
    prepare(db)
    first = draft(reply_to=3, mentions=(Mention(0, 2, new_id()),))
    second = draft(OTHER, error="no")
    for one in (first, second, first):
        add_draft(db, one)
    assert load_outbox(db) == [first, second]
    db.close()


def test_what_was_stored_outlives_a_kill(tmp_path: Path) -> None:
    path = tmp_path / "account.db"
    with Child(None, str(path), code=WRITER) as child:
        last = 0
        while last < 20:
            last = int(child.next_line() or "-1")
        told = [int(line) for line in child.kill()]
    db = sqlite3.connect(path, isolation_level=None)
    prepare(db)
    kept = [int(one.client_msg_id.removeprefix("id-")) for one in load_outbox(db)]
    assert kept == list(range(len(kept)))
    assert len(kept) > max([last, *told])
    db.close()
