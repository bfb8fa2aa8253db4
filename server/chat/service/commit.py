"""The commit: commands of many rooms, a batch in one transaction, then out to the gateways.

Always in this order: lock the rooms, look up known keys and memberships, allocate ``seq``s, insert,
commit. It is what makes two cores, or a REST change and a batch, safe without gaps.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import msgspec
import structlog

from common.errors import Code
from common.ids import id_to_bytes
from common.limits import REACTIONS_MAX_DISTINCT
from common.protocol import requests
from common.protocol.pushes import (
    MessageDeleted,
    MessageEdited,
    MessageNew,
    Ok,
    ReactionAdded,
    ReactionRemoved,
    RoomEvent,
)
from common.protocol.types import Mention, Message
from server.chat.event import RoomCommandRecord
from server.chat.model import (
    EVERYBODY,
    ChatError,
    IdReusedError,
    Membership,
    NoSuchRoomError,
    Room,
    StoredMessage,
    check_text,
)
from server.chat.ports import Deliver
from server.chat.repository import messages as message_rows
from server.chat.repository import rooms as room_rows
from server.chat.service.outcome import Outcome, refuse
from server.kernel.clock import Clock
from server.kernel.database import Change, Database, DatabaseUnavailableError, StorageFullError, Tx
from server.kernel.telemetry import SILENCE, Stage, Telemetry

log: Final = structlog.get_logger(__name__)
_encode: Final = msgspec.json.Encoder().encode


def request_hash(request: requests.RoomCommand) -> bytes:
    """SHA-256 of a command without its ``id``: what makes a repeat the same request."""
    return hashlib.sha256(_encode(msgspec.structs.replace(request, id=0))).digest()


class CommitService:
    """Consumes ``chat.message_sent``."""

    def __init__(
        self, *, database: Database, clock: Clock, deliver: Deliver, telemetry: Telemetry = SILENCE
    ) -> None:
        self._database = database
        self._clock = clock
        self._deliver = deliver
        self._telemetry = telemetry

    async def handle(self, records: Sequence[RoomCommandRecord]) -> None:
        """Commit a batch and publish it.

        A batch that fails is tried record by record; the one that fails alone is answered
        ``internal``, logged and passed, or it would hold up those behind it for ever. While the
        database is away or full the senders are told when to try again.

        Raises:
            BusUnavailableError: committed, but not all delivered. Handed over again, as after a crash,
                the batch answers its origins and tells the rooms once more.
        """
        telemetry = self._telemetry
        began = telemetry.now()
        measured = [record for record in records if record.at]
        traces = [record.trace for record in measured if record.trace]
        for record in measured:
            telemetry.stage(Stage.QUEUE, record.at, traces=(record.trace,) if record.trace else ())
        try:
            outcome = await self._database.write(commit_batch, records, self._clock.now_ms())
            telemetry.stage(Stage.TRANSACTION, began, count=len(records), traces=traces)
        except (DatabaseUnavailableError, StorageFullError) as problem:
            # Full or away: nothing was kept, and the sender is told when to try again.
            outcome = Outcome()
            for record in records:
                refuse(outcome, record, problem)
        except Exception:
            if len(records) > 1:
                for record in records:
                    await self.handle((record,))
                return
            request = records[0].request
            log.exception(
                "command_refused_by_database", room_id=request.room_id, client_msg_id=request.client_msg_id
            )
            outcome = Outcome()
            refuse(outcome, records[0], ChatError(Code.INTERNAL, "the server could not store this"))
        if telemetry.detailed:
            outcome.tell()
        committed = telemetry.now()
        await self._deliver(outcome.deliveries(committed, measured))
        events = outcome.events
        if events:
            telemetry.stage(Stage.DELIVER, committed, count=sum(map(len, events.values())), traces=traces)


async def commit_batch(tx: Tx, records: Sequence[RoomCommandRecord], now_ms: int) -> Outcome:
    """Apply the records in their order; a refused one is answered and leaves the others alone."""
    batch = _Batch(tx, now_ms)
    await batch.load(records)
    for record in records:
        try:
            await batch.apply(record)
        except ChatError as why:
            refuse(batch.outcome, record, why)
    await batch.finish()
    return batch.outcome


class _Batch:
    """One transaction's work on a batch.

    Sends gather and are stored together; anything else stores them first, so that commands on a
    message of the same batch find it.
    """

    def __init__(self, tx: Tx, now_ms: int) -> None:
        self.outcome = Outcome()
        self._tx = tx
        self._now_ms = now_ms
        self._rooms: dict[str, Room] = {}
        self._members: dict[tuple[str, str], Membership] = {}
        self._sent: dict[room_rows.Key, tuple[bytes, int]] = {}
        self._done: dict[room_rows.Key, tuple[bytes, int]] = {}
        self._new: list[message_rows.NewMessage] = []
        self._mentioned: list[tuple[bytes, bytes, int]] = []
        self._changed: set[str] = set()
        self._marked: set[tuple[str, str]] = set()

    async def load(self, records: Sequence[RoomCommandRecord]) -> None:
        """Lock and look up everything in a few statements."""
        room_ids = {record.request.room_id for record in records}
        self._rooms = await room_rows.rooms(self._tx, room_ids)
        keys = {record.request.client_msg_id for record in records}
        places = {(record.request.room_id, record.user_id) for record in records}
        self._members, self._sent = await room_rows.senders(self._tx, places, keys)
        if any(type(record.request) is not requests.MessageSend for record in records):
            self._done = await message_rows.done_before(self._tx, keys)

    async def apply(self, record: RoomCommandRecord) -> None:
        """One command.

        Raises:
            ChatError: refused; nothing of it was kept.
        """
        request = record.request
        room, member = self._rooms.get(request.room_id), self._members.get((request.room_id, record.user_id))
        if room is None or member is None:
            raise NoSuchRoomError
        if isinstance(request, requests.MessageSend):
            await self._send(record, request, room, member)
            return
        await self._store()
        key, digest = (room.id, record.user_id, request.client_msg_id), request_hash(request)
        if (known := self._done.get(key)) is not None:
            if known[0] != digest:
                raise IdReusedError
            self._again(await message_rows.events_after(self._tx, room.id, after=known[1] - 1, limit=1))
            self.outcome.answers[record.origin].append(Ok(request.id, known[1]))
            return
        event = await self._change(request, room, member)
        if event is not None:
            await message_rows.add_event(
                self._tx,
                event,
                actor_id=record.user_id,
                target=request.seq,
                client_msg_id=request.client_msg_id,
                request_hash=digest,
            )
            self._done[key] = (digest, event.seq)
            self._advance(room.next(), event)
        self.outcome.answers[record.origin].append(Ok(request.id, None if event is None else event.seq))

    async def finish(self) -> None:
        """Store what gathered, the heads and the marks."""
        await self._store(
            room_rows.new_heads(self._rooms[room_id] for room_id in self._changed),
            room_rows.new_marks(self._members[place] for place in self._marked),
        )

    async def _send(
        self, record: RoomCommandRecord, request: requests.MessageSend, room: Room, member: Membership
    ) -> None:
        key, digest = (room.id, record.user_id, request.client_msg_id), request_hash(request)
        if (known := self._sent.get(key)) is not None:
            await self._repeat(record, request, known, digest)
            return
        _check_open(room)
        quote = None
        if request.reply_to is not None:
            await self._store()
            answered = await self._target(room, member, request.reply_to)
            quote = message_rows.quote_of(
                answered.seq, answered.author_id, answered.body, deleted=answered.deleted
            )
        mentions = await self._checked(request.mentions, request.body, room)
        room = replace(room, seq=room.seq + 1, msg_no=room.msg_no + 1)
        message = Message(
            room.id,
            room.seq,
            room.msg_no,
            room.seq,
            record.user_id,
            request.client_msg_id,
            request.body,
            self._now_ms,
            reply_to=quote,
            mentions=mentions,
        )
        self._new.append((message, digest))
        self._mention(message.mentions, room, message.seq)
        self._sent[key] = (digest, room.seq)
        self._members[room.id, record.user_id] = replace(
            member, delivered=room.seq, read=room.seq, read_msg_no=room.msg_no
        )
        self._marked.add((room.id, record.user_id))
        self._advance(room, MessageNew(room.id, room.seq, message))

    async def _repeat(
        self,
        record: RoomCommandRecord,
        request: requests.MessageSend,
        known: tuple[bytes, int],
        digest: bytes,
    ) -> None:
        """The same again gives the message as it is now."""
        if known[0] != digest:
            raise IdReusedError
        await self._store()
        message = await message_rows.message(self._tx, request.room_id, known[1])
        if message is not None:
            event = MessageNew(message.room_id, message.seq, message)
            self._again([event])
            self.outcome.answers[record.origin].append(event)

    def _again(self, events: Sequence[RoomEvent]) -> None:
        """Also for the others: whoever committed these may have ended before it told them.

        Gateways drop what they had.
        """
        for event in events:
            new = self.outcome.events.get(event.room_id)
            if not new or event.seq < new[0].seq:
                self.outcome.again[event.room_id][event.seq] = event

    async def _change(
        self,
        request: requests.MessageEdit
        | requests.MessageDelete
        | requests.ReactionAdd
        | requests.ReactionRemove,
        room: Room,
        member: Membership,
    ) -> RoomEvent | None:
        """The event that the command makes, or None where there is nothing to do."""
        target = await self._target(room, member, request.seq)
        if target.deleted:
            if isinstance(request, requests.MessageDelete):
                return None
            raise ChatError(Code.GONE, "the message was deleted")
        seq = room.seq + 1
        match request:
            case requests.MessageEdit():
                return await self._edit(request, room, member, target, seq)
            case requests.MessageDelete():
                if target.author_id != member.user_id and not member.administers:
                    raise ChatError(Code.FORBIDDEN, "only the author or an admin can delete a message")
                await message_rows.erase(self._tx, room.id, target.seq, rev=seq)
                return MessageDeleted(room.id, seq, target.seq, member.user_id)
            case requests.ReactionAdd() | requests.ReactionRemove():
                return await self._react(request, room, member, seq)

    async def _edit(
        self,
        request: requests.MessageEdit,
        room: Room,
        member: Membership,
        target: StoredMessage,
        seq: int,
    ) -> RoomEvent:
        if target.author_id != member.user_id:
            raise ChatError(Code.FORBIDDEN, "only the author can edit a message")
        mentions = await self._checked(request.mentions, request.body, room)
        await message_rows.clear_mentions(self._tx, room.id, target.seq)
        self._mention(mentions, room, target.seq)
        await message_rows.edit(
            self._tx,
            room.id,
            target.seq,
            body=request.body,
            mentions=_encode(mentions).decode(),
            at_ms=self._now_ms,
            rev=seq,
        )
        return MessageEdited(room.id, seq, target.seq, request.body, self._now_ms, mentions)

    async def _react(
        self,
        request: requests.ReactionAdd | requests.ReactionRemove,
        room: Room,
        member: Membership,
        seq: int,
    ) -> RoomEvent | None:
        check_text(request.emoji)
        given = await message_rows.emojis(self._tx, room.id, request.seq)
        mine = member.user_id in given.get(request.emoji, ())
        event: RoomEvent
        if isinstance(request, requests.ReactionAdd):
            if mine:
                return None
            _check_open(room)
            if request.emoji not in given and len(given) >= REACTIONS_MAX_DISTINCT:
                raise ChatError(Code.LIMIT_REACHED, "the message has too many different reactions")
            await message_rows.add_reaction(
                self._tx, room.id, request.seq, emoji=request.emoji, user_id=member.user_id, at_seq=seq
            )
            event = ReactionAdded(room.id, seq, request.seq, member.user_id, request.emoji)
        else:
            if not mine:
                return None
            await message_rows.remove_reaction(
                self._tx, room.id, request.seq, emoji=request.emoji, user_id=member.user_id
            )
            event = ReactionRemoved(room.id, seq, request.seq, member.user_id, request.emoji)
        await message_rows.touch(self._tx, room.id, request.seq, rev=seq)
        return event

    async def _target(self, room: Room, member: Membership, seq: int) -> StoredMessage:
        target = None
        if seq >= member.visible_from_seq:
            target = await message_rows.stored(self._tx, room.id, seq)
        if target is None:
            raise ChatError(Code.NOT_FOUND, "there is no such message")
        return target

    async def _checked(self, mentions: list[Mention], body: str, room: Room) -> list[Mention]:
        """Mentions within the body, of members."""
        if not mentions:
            return mentions
        if any(mention.start + mention.len > len(body) for mention in mentions):
            raise ChatError(Code.BAD_FIELD, "a mention lies outside the message")
        named = {mention.user_id for mention in mentions if mention.user_id is not None}
        found = await room_rows.memberships(self._tx, ((room.id, user_id) for user_id in named))
        if len(found) != len(named):
            raise ChatError(Code.BAD_FIELD, "only members can be mentioned")
        return mentions

    def _mention(self, mentions: list[Mention], room: Room, seq: int) -> None:
        key = id_to_bytes(room.id)
        self._mentioned.extend(
            (EVERYBODY if mention.user_id is None else id_to_bytes(mention.user_id), key, seq)
            for mention in mentions
        )

    def _advance(self, room: Room, event: RoomEvent) -> None:
        self._rooms[room.id] = room
        self._changed.add(room.id)
        self.outcome.events[room.id].append(event)

    async def _store(self, *more: Change) -> None:
        await self._tx.execute_all(
            (message_rows.new_messages(self._new), message_rows.new_mentions(self._mentioned), *more)
        )
        self._new.clear()
        self._mentioned.clear()


def _check_open(room: Room) -> None:
    if room.closed:
        raise ChatError(Code.RECIPIENT_UNAVAILABLE, "this person can't be reached")
