"""The commit of commands: refusals, repeats, records that nobody can store, redelivery."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Sequence
from typing import Any

import msgspec
import pytest

from common.errors import Code
from common.ids import new_id
from common.limits import REACTIONS_MAX_DISTINCT
from common.protocol import requests
from common.protocol.pushes import Error, MessageNew, Ok, Push
from common.protocol.types import Mention
from server.chat.service.commit import CommitService, request_hash
from server.infra.sqlite.database import SqliteDatabase
from server.kernel.bus import BusUnavailableError
from server.kernel.database import StorageFullError, UnstorableTextError
from server.kernel.delivery import Answers, Delivery, RoomDelivery
from tests.support.chat import Chat


@pytest.fixture
async def pair(chat: Chat) -> tuple[str, str, str]:
    """Mira, Dario, and their room."""
    mira, dario = await chat.people("mira", "dario")
    return mira, dario, await chat.group(mira, dario)


async def _sent(chat: Chat, user: str, room: str, body: str = "hello", **fields: Any) -> int:
    """The seq of a message that is sent here."""
    assert await chat.handle(chat.send(user, room, body, **fields)) == []
    return int((await chat.history(user, room))[-1].seq)


def _code(answers: list[Push]) -> Code:
    (answer,) = answers
    assert isinstance(answer, Error)
    return answer.code


def test_the_hash_is_of_the_canonical_request_without_its_id() -> None:
    request = requests.MessageSend(5, new_id(), new_id(), "hello")
    canonical = msgspec.json.encode(msgspec.structs.replace(request, id=0))
    assert request_hash(request) == hashlib.sha256(canonical).digest()
    assert request_hash(msgspec.structs.replace(request, id=6)) == request_hash(request)
    assert request_hash(msgspec.structs.replace(request, body="other")) != request_hash(request)


async def test_abuse_14_the_same_request_again_gives_the_message_as_it_is_now(
    chat: Chat, pair: tuple[str, str, str]
) -> None:
    mira, _, room = pair
    first = chat.send(mira, room, "once")
    await chat.handle(first)
    seq = (await chat.history(mira, room))[-1].seq
    await chat.handle(chat.record(mira, requests.MessageEdit(1, new_id(), room, seq, "once, better")))
    (again,) = await chat.handle(first)
    assert isinstance(again, MessageNew)
    assert (again.seq, again.message.body, again.message.rev) == (seq, "once, better", seq + 1)
    assert [m.body for m in await chat.history(mira, room)] == ["once, better"]
    await chat.check()


async def test_abuse_14_another_body_under_a_used_key_is_refused(
    chat: Chat, pair: tuple[str, str, str]
) -> None:
    mira, dario, room = pair
    key = new_id()
    await chat.handle(chat.send(mira, room, "one", key=key))
    assert _code(await chat.handle(chat.send(mira, room, "two", key=key))) is Code.ID_REUSED
    # The key is the sender's own.
    assert await chat.handle(chat.send(dario, room, "two", key=key)) == []


async def test_a_repeat_within_one_batch_is_one_message(chat: Chat, pair: tuple[str, str, str]) -> None:
    mira, _, room = pair
    record = chat.send(mira, room)
    answers = await chat.handle(record, record)
    assert [type(answer) for answer in answers] == [MessageNew]
    assert len(await chat.history(mira, room)) == 1


async def test_abuse_16_the_server_s_clock_and_order_decide(chat: Chat, pair: tuple[str, str, str]) -> None:
    mira, dario, room = pair
    # A client whose clock is ten years ahead makes keys from the future; nothing comes of it.
    await chat.handle(chat.send(mira, room, "first", key="0d5e6f60-0000-7000-8000-000000000001"))
    chat.clock.advance(ms=5)
    await chat.handle(chat.send(dario, room, "second", key="00000000-0001-7000-8000-000000000001"))
    found = await chat.history(mira, room)
    assert [m.body for m in found] == ["first", "second"]
    assert [m.sent_at_ms for m in found] == [chat.clock.now_ms() - 5, chat.clock.now_ms()]


async def test_abuse_24_nothing_of_somebody_else_s_room_can_be_touched(
    chat: Chat, pair: tuple[str, str, str]
) -> None:
    mira, _, room = pair
    eve = await chat.person("eve")
    seq = await _sent(chat, mira, room)
    for request in (
        requests.MessageSend(1, new_id(), room, "x"),
        requests.MessageEdit(1, new_id(), room, seq, "x"),
        requests.MessageDelete(1, new_id(), room, seq),
        requests.ReactionAdd(1, new_id(), room, seq, "👍"),
        requests.ReactionRemove(1, new_id(), room, seq, "👍"),
        requests.MessageSend(1, new_id(), new_id(), "x"),
    ):
        assert _code(await chat.handle(chat.record(eve, request))) is Code.NOT_FOUND
    await chat.receipt(eve, room, read=seq)
    await chat.check()


async def test_only_the_author_edits_and_only_author_or_admin_deletes(
    chat: Chat, pair: tuple[str, str, str]
) -> None:
    mira, dario, room = pair
    mine, his = await _sent(chat, mira, room), await _sent(chat, dario, room)
    edit = requests.MessageEdit(1, new_id(), room, his, "x")
    assert _code(await chat.handle(chat.record(mira, edit))) is Code.FORBIDDEN
    delete = requests.MessageDelete(1, new_id(), room, mine)
    assert _code(await chat.handle(chat.record(dario, delete))) is Code.FORBIDDEN
    # Mira owns the room.
    (ok,) = await chat.handle(chat.record(mira, requests.MessageDelete(1, new_id(), room, his)))
    assert isinstance(ok, Ok)
    await chat.check()


async def test_what_is_deleted_is_gone_from_everywhere_and_later_edits_are_told_so(
    chat: Chat, pair: tuple[str, str, str], database: SqliteDatabase
) -> None:
    mira, dario, room = pair
    seq = await _sent(chat, mira, room, "a secret", mentions=[Mention(0, 1, dario)])
    edit = chat.record(mira, requests.MessageEdit(1, new_id(), room, seq, "a better secret"))
    await chat.handle(edit)
    await chat.handle(chat.record(dario, requests.ReactionAdd(1, new_id(), room, seq, "🐙")))
    await chat.handle(chat.send(dario, room, "about that", reply_to=seq))
    await chat.handle(chat.record(mira, requests.MessageDelete(1, new_id(), room, seq)))
    deleted, reply = await chat.history(dario, room)
    assert (deleted.body, deleted.mentions, deleted.reactions, deleted.deleted) == ("", [], [], True)
    assert (reply.reply_to.excerpt, reply.reply_to.deleted) == ("", True)
    again = requests.MessageEdit(1, new_id(), room, seq, "back")
    assert _code(await chat.handle(chat.record(mira, again))) is Code.GONE
    # A repeat of what was done before the deletion still is what it was.
    assert isinstance((await chat.handle(edit))[0], Ok)
    await chat.check()

    async def dump(tx: Any) -> list[Any]:
        found = await tx.fetch("SELECT payload FROM events")
        found += await tx.fetch("SELECT body FROM messages")
        found += await tx.fetch("SELECT emoji FROM reactions")
        return [*found, *await tx.fetch("SELECT seq FROM mentions")]

    everything = repr(await database.read(dump))
    assert "secret" not in everything
    assert "🐙" not in everything


async def test_deleting_twice_is_fine(chat: Chat, pair: tuple[str, str, str]) -> None:
    mira, _, room = pair
    seq = await _sent(chat, mira, room)
    for _ in range(2):
        (ok,) = await chat.handle(chat.record(mira, requests.MessageDelete(1, new_id(), room, seq)))
        assert isinstance(ok, Ok)
    await chat.check()


async def test_reactions_are_idempotent_and_bounded(chat: Chat, pair: tuple[str, str, str]) -> None:
    mira, dario, room = pair
    seq = await _sent(chat, mira, room)
    emojis = [chr(0x1F600 + n) for n in range(REACTIONS_MAX_DISTINCT + 1)]
    last = emojis.pop()
    for emoji in (*emojis, emojis[0]):
        await chat.handle(chat.record(dario, requests.ReactionAdd(1, new_id(), room, seq, emoji)))
    one_more = requests.ReactionAdd(1, new_id(), room, seq, last)
    assert _code(await chat.handle(chat.record(dario, one_more))) is Code.LIMIT_REACHED
    missing = requests.ReactionRemove(1, new_id(), room, seq, last)
    (ok,) = await chat.handle(chat.record(dario, missing))
    assert ok == Ok(1)
    assert [r.emoji for r in (await chat.history(mira, room))[0].reactions] == emojis
    await chat.check()


@pytest.mark.parametrize("kind", [requests.ReactionAdd, requests.ReactionRemove])
async def test_an_emoji_that_cannot_be_stored_leaves_the_batch_alone(
    chat: Chat, pair: tuple[str, str, str], kind: Any
) -> None:
    """The codec refuses it; one that an older gateway let through must not stop the room."""
    mira, dario, room = pair
    seq = await _sent(chat, mira, room)
    wrong = chat.record(dario, kind(1, new_id(), room, seq, "a\x00b"))
    answers = await chat.handle(chat.send(dario, room, "one"), wrong, chat.send(dario, room, "two"))
    assert _code(answers) is Code.BAD_TEXT
    assert [m.body for m in await chat.history(mira, room)] == ["hello", "one", "two"]
    await chat.check()


async def test_what_the_database_refuses_of_one_is_not_refused_to_all(
    chat: Chat, pair: tuple[str, str, str], expect_log: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    mira, dario, room = pair
    write = chat.database.write

    async def refusing(body: Any, records: Sequence[Any], *args: Any) -> Any:
        if any(record.request.body == "poison" for record in records):
            raise UnstorableTextError
        return await write(body, records, *args)

    monkeypatch.setattr(chat.database, "write", refusing)
    expect_log("command_refused_by_database", level=logging.ERROR)
    batch = [chat.send(dario, room, text) for text in ("one", "poison", "two")]
    assert _code(await chat.handle(*batch)) is Code.INTERNAL
    assert [m.body for m in await chat.history(mira, room)] == ["one", "two"]


@pytest.mark.parametrize(
    "mention",
    [
        pytest.param(lambda chat, mira: Mention(0, 6, mira), id="beyond the end"),
        pytest.param(lambda chat, mira: Mention(0, 1, new_id()), id="nobody"),
    ],
)
async def test_mentions_lie_within_the_body_and_name_members(
    chat: Chat, pair: tuple[str, str, str], mention: Callable[[Chat, str], Mention]
) -> None:
    mira, dario, room = pair
    body = "h👋llo"  # five code points, six UTF-16 units
    wrong = chat.send(dario, room, body, mentions=[mention(chat, mira)])
    assert _code(await chat.handle(wrong)) is Code.BAD_FIELD
    await chat.handle(chat.send(dario, room, body, mentions=[Mention(4, 1, mira)]))
    assert (await chat.head(mira, room)).mentions == 1


async def test_mentioning_the_room_counts_for_everyone_but_the_author(
    chat: Chat, pair: tuple[str, str, str]
) -> None:
    mira, dario, room = pair
    await chat.handle(chat.send(dario, room, "@room hi", mentions=[Mention(0, 5), Mention(6, 1, mira)]))
    assert (await chat.head(mira, room)).mentions == 1
    assert (await chat.head(dario, room)).mentions == 0
    await chat.check()


async def test_a_command_on_a_message_of_the_same_batch_finds_it(
    chat: Chat, pair: tuple[str, str, str]
) -> None:
    mira, dario, room = pair
    seq = (await chat.head(mira, room)).seq + 1
    answers = await chat.handle(
        chat.send(mira, room, "first"),
        chat.record(mira, requests.MessageEdit(1, new_id(), room, seq, "first, edited")),
        chat.send(dario, room, "reply", reply_to=seq),
        chat.record(dario, requests.ReactionAdd(2, new_id(), room, seq, "👍")),
    )
    assert [type(answer) for answer in answers] == [Ok, Ok]
    first, reply = await chat.history(mira, room)
    assert (first.body, first.rev, reply.reply_to.excerpt) == ("first, edited", seq + 3, "first, edited")
    await chat.check()


async def test_a_record_that_nobody_can_store_is_passed_and_does_not_hold_up_the_others(
    chat: Chat, pair: tuple[str, str, str], expect_log: Callable[..., None]
) -> None:
    mira, dario, room = pair
    # The codec refuses such a number; should it ever come through, it must not stop the room.
    poison = chat.send(mira, room, "poison", reply_to=2**70)
    expect_log("command_refused_by_database", level=logging.ERROR)
    answers = await chat.handle(chat.send(dario, room, "one"), poison, chat.send(dario, room, "two"))
    assert _code(answers) is Code.INTERNAL
    assert [m.body for m in await chat.history(mira, room)] == ["one", "two"]
    await chat.check()


async def test_while_the_database_is_full_senders_are_told_when_to_try_again(
    chat: Chat, pair: tuple[str, str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    mira, _, room = pair

    async def full(*_: object, **__: object) -> None:
        raise StorageFullError

    monkeypatch.setattr(chat.database, "write", full)
    (answer,) = await chat.handle(chat.send(mira, room))
    assert isinstance(answer, Error)
    assert (answer.code, answer.retry_after_ms) == (Code.STORAGE_FULL, 30_000)


async def test_a_crash_between_commit_and_publishing_loses_nothing(
    chat: Chat, pair: tuple[str, str, str]
) -> None:
    """The bus hands the batch over again: stored once, the senders answered, the others told."""
    mira, dario, room = pair
    seq = await _sent(chat, mira, room)
    batch = [
        chat.send(mira, room, "one"),
        chat.send(dario, room, "two"),
        chat.record(mira, requests.MessageEdit(7, new_id(), room, seq, "better")),
    ]

    async def broken(_: Sequence[Delivery]) -> None:
        raise BusUnavailableError

    crashed = CommitService(database=chat.database, clock=chat.clock, deliver=broken)
    with pytest.raises(BusUnavailableError):
        await crashed.handle(batch)
    told: list[Delivery] = []

    async def record(deliveries: Sequence[Delivery]) -> None:
        told.extend(deliveries)
        await chat.deliver(deliveries)

    # Before them what came after: another batch, of another core.
    later = chat.send(dario, room, "three")
    await CommitService(database=chat.database, clock=chat.clock, deliver=record).handle([*batch, later])
    answered = {d.origin: d.pushes for d in told if isinstance(d, Answers)}
    assert set(answered) == {one.origin for one in batch}
    news = [d for d in told if isinstance(d, RoomDelivery)]
    assert [event.seq for delivery in news for event in delivery.events] == [seq + n for n in (1, 2, 3, 4)]
    # They are told before those who asked again are answered.
    assert told[: len(news)] == news
    assert [m.body for m in await chat.history(mira, room)] == ["better", "one", "two", "three"]
    await chat.check()


async def test_a_repeat_within_its_batch_is_told_once(chat: Chat, pair: tuple[str, str, str]) -> None:
    mira, _, room = pair
    told: list[Delivery] = []

    async def record(deliveries: Sequence[Delivery]) -> None:
        told.extend(deliveries)

    service = CommitService(database=chat.database, clock=chat.clock, deliver=record)
    one = chat.send(mira, room, "one")
    await service.handle([one, one])
    assert [len(d.events) for d in told if isinstance(d, RoomDelivery)] == [1]
