"""Fan-out: who of this gateway's sessions gets what, encoded once.

Per room the hub keeps the last ``seq`` it delivered: it drops what it had, and loads a gap from the
database before it goes on, so that a removed member's subscription ends before later frames.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from common.limits import HEADS_PER_FRAME, INT_MAX, SYNC_MAX_EVENTS
from common.protocol.codec import encode, frame_of
from common.protocol.pushes import (
    AccountEvent,
    AccountRead,
    AccountRoomAdded,
    AccountRoomRemoved,
    Error,
    MessageNew,
    Ok,
    Push,
    RoomEvent,
    RoomLeft,
    RoomRemoved,
    TypingShown,
)
from common.protocol.types import Head
from server.gateway.connection import text_frame
from server.gateway.ports import Accounts, Rooms
from server.gateway.session import Session
from server.kernel.delivery import (
    Answers,
    Delivery,
    MarksDelivery,
    ProfileDelivery,
    RoomDelivery,
    TypingDelivery,
    UserDelivery,
)
from server.kernel.presence import Presence

_BEYOND: Final = INT_MAX + 1
_COMPARED_AT_ONCE: Final = 1_000


@dataclass(frozen=True, slots=True)
class Entrance:
    """What a session is shown first: its heads, by the hundred, and events that its heads lack."""

    heads: list[list[Head]]
    missed: list[RoomEvent]


class _Room:
    """A room with members connected here.

    While its ``seq`` is not known, events are held. Only the latest are: what a full ``held`` loses
    shows as a gap once the ``seq`` is known, and is loaded then.
    """

    __slots__ = ("held", "seq", "sessions")

    def __init__(self) -> None:
        self.seq: int | None = None
        self.held: deque[RoomEvent] = deque(maxlen=SYNC_MAX_EVENTS)
        self.sessions: set[Session] = set()


class Hub:
    """Owned by one gateway; everything runs on its loop."""

    def __init__(self, *, rooms: Rooms, accounts: Accounts, presence: Presence, ordinal: int) -> None:
        self._source = rooms
        self._accounts = accounts
        self._presence = presence
        self._ordinal = ordinal
        self._rooms: dict[str, _Room] = {}
        self._users: defaultdict[str, set[Session]] = defaultdict(set)
        self._account_seqs: dict[str, int] = {}
        """Of each user here the last event of the account stream that was delivered."""
        self._sessions: dict[int, Session] = {}
        self.delivered = 0
        """Room events written, one per receiver."""

    def __len__(self) -> int:
        """Sessions that are signed in."""
        return len(self._sessions)

    @property
    def sessions(self) -> Iterable[Session]:
        """All that are signed in."""
        return tuple(self._sessions.values())

    def sessions_of(self, user_id: str) -> tuple[Session, ...]:
        """One user's."""
        return tuple(self._users.get(user_id, ()))

    def add(self, session: Session, user_id: str) -> None:
        """Let what is meant for the user or the session reach it, a revocation for one."""
        self._sessions[session.number] = session
        self._users[user_id].add(session)

    async def expect(self, user_id: str) -> None:
        """Before anything of the user is read: what is told from now on comes here.

        So that neither an account event nor a room gained meanwhile is missed.
        """
        await self._presence.add_routes(self._ordinal, (), (user_id,))

    async def enter(self, session: Session, user_id: str, account_seq: int) -> Entrance:
        """Subscribe an added session to the user's rooms, and only then read their heads.

        ``account_seq``: up to where the session knows the account stream, read after ``expect``.
        """
        self._account_seqs.setdefault(user_id, account_seq)
        room_ids = await self._source.room_ids(user_id)
        unsure = set()
        for room_id in room_ids:
            if self._subscribe(session, room_id).seq is None:
                unsure.add(room_id)
        await self._presence.add_routes(self._ordinal, room_ids, ())
        heads = list(await self._source.heads(user_id))
        missed: list[RoomEvent] = []
        for head in heads:
            room = self._rooms.get(head.room_id)
            if room is None:
                continue
            if room.seq is None:
                await self._begin(head.room_id, room, head.seq)
            elif head.room_id in unsure and room.seq > head.seq:
                # Another session's newer heads began the room: what lay between was dropped as old.
                missed += await self._source.room_events(
                    head.room_id, after_seq=head.seq, before_seq=room.seq + 1
                )
        chunks = [heads[at : at + HEADS_PER_FRAME] for at in range(0, len(heads), HEADS_PER_FRAME)]
        return Entrance(chunks, missed)

    async def leave(self, session: Session, user_id: str) -> None:
        """Forget a session, and the routes that nobody here needs any more."""
        self._sessions.pop(session.number, None)
        sessions = self._users.get(user_id)
        users: list[str] = []
        if sessions is not None:
            sessions.discard(session)
            if not sessions:
                del self._users[user_id]
                self._account_seqs.pop(user_id, None)
                users.append(user_id)
        rooms = [room_id for room_id in tuple(session.rooms) if self._unsubscribe(session, room_id)]
        await self._presence.remove_routes(self._ordinal, rooms, users)

    async def deliver(self, deliveries: Sequence[Delivery]) -> None:
        """A batch, in order; what follows of one room shares a frame."""
        waiting: dict[str, list[RoomEvent]] = {}
        for delivery in deliveries:
            if isinstance(delivery, RoomDelivery):
                waiting.setdefault(delivery.room_id, []).extend(delivery.events)
                continue
            await self._flush(waiting)
            await self._other(delivery)
        await self._flush(waiting)

    async def compare(self) -> None:
        """Deliver what the database has and no delivery brought: the last of a room leaves no gap to see."""
        known = [room_id for room_id, room in self._rooms.items() if room.seq is not None]
        for at in range(0, len(known), _COMPARED_AT_ONCE):
            heads = await self._source.head_seqs(known[at : at + _COMPARED_AT_ONCE])
            for room_id, seq in heads.items():
                await self._catch_up(room_id, seq)
        users = list(self._account_seqs)
        for at in range(0, len(users), _COMPARED_AT_ONCE):
            heads = await self._accounts.account_seqs(users[at : at + _COMPARED_AT_ONCE])
            for user_id, seq in heads.items():
                await self._catch_up_account(user_id, seq)

    async def _catch_up(self, room_id: str, seq: int) -> None:
        while (room := self._rooms.get(room_id)) is not None and room.seq is not None and room.seq < seq:
            missed = await self._source.room_events(room_id, after_seq=room.seq, before_seq=seq + 1)
            if not missed:
                return
            await self._room_events(room_id, room, missed)

    async def _catch_up_account(self, user_id: str, seq: int) -> None:
        before = self._account_seqs.get(user_id)
        if before is None or before >= seq:
            return
        events = await self._accounts.account_events(user_id, after_seq=before)
        await self._account_events(user_id, events)
        if user_id in self._account_seqs:
            # What is not kept of the stream is not missed.
            reached = events[-1].account_seq if events else seq
            self._account_seqs[user_id] = max(self._account_seqs[user_id], reached)

    async def _flush(self, waiting: dict[str, list[RoomEvent]]) -> None:
        for room_id, events in waiting.items():
            room = self._rooms.get(room_id)
            if room is not None:
                await self._room_events(room_id, room, events)
        waiting.clear()

    async def _begin(self, room_id: str, room: _Room, seq: int) -> None:
        """The room's ``seq`` is known: what was held goes on from there."""
        room.seq = seq
        held = tuple(room.held)
        room.held.clear()
        await self._room_events(room_id, room, held)

    async def _room_events(self, room_id: str, room: _Room, events: Sequence[RoomEvent]) -> None:
        ready: list[RoomEvent] = []
        for event in events:
            if room.seq is None:
                room.held.append(event)
                continue
            if event.seq > room.seq + 1:
                # Others may go on with this room during the await, so nothing older is kept back here.
                self._send(room, ready)
                ready.clear()
                missed = await self._source.room_events(room_id, after_seq=room.seq, before_seq=event.seq)
                for older in missed:
                    self._take(room_id, room, older, ready)
            self._take(room_id, room, event, ready)
        self._send(room, ready)

    def _take(self, room_id: str, room: _Room, event: RoomEvent, ready: list[RoomEvent]) -> None:
        if room.seq is not None and event.seq <= room.seq:
            return
        room.seq = event.seq
        if isinstance(event, RoomLeft | RoomRemoved):
            # What came before still goes to the one who leaves; this and all later does not.
            self._send(room, ready)
            ready.clear()
            for session in self.sessions_of(event.user_id):
                self._unsubscribe(session, room_id)
        ready.append(event)

    def _send(self, room: _Room, events: Sequence[RoomEvent]) -> None:
        if events:
            self._broadcast(room.sessions, events)
            self.delivered += len(events) * len(room.sessions)
            for event in events:
                if isinstance(event, MessageNew):
                    # For the sender it is the answer.
                    for session in self._users.get(event.message.author_id, ()):
                        session.answered(event.message.client_msg_id)

    def _broadcast(self, sessions: Iterable[Session], pushes: Iterable[Push]) -> None:
        for payload in frame_of(map(encode, pushes)):
            frame = text_frame(payload)
            for session in sessions:
                session.write(frame)

    async def _other(self, delivery: Delivery) -> None:
        match delivery:
            case Answers():
                # Gateways may share a partition: numbers of sessions are a gateway's own.
                mine = delivery.origin.gateway == self._ordinal
                session = self._sessions.get(delivery.origin.session) if mine else None
                if session is not None:
                    session.push(*delivery.pushes)
                    session.answered(*(key for push in delivery.pushes for key in _keys_of(push)))
            case UserDelivery():
                await self._account_events(delivery.user_id, delivery.events)
            case MarksDelivery() if delivery.room_id in self._rooms:
                self._broadcast(self._rooms[delivery.room_id].sessions, delivery.marks)
            case TypingDelivery() if delivery.room_id in self._rooms:
                writers = self._users.get(delivery.user_id, set())
                others = self._rooms[delivery.room_id].sessions - writers
                self._broadcast(others, (TypingShown(delivery.room_id, delivery.user_id),))
            case ProfileDelivery():
                rooms = (self._rooms[room_id] for room_id in delivery.room_ids if room_id in self._rooms)
                self._broadcast({session for room in rooms for session in room.sessions}, (delivery.push,))
            case _:
                pass  # of a room that nobody here is in any more

    async def _account_events(self, user_id: str, events: Sequence[AccountEvent]) -> None:
        for event in events:
            before = self._account_seqs.get(user_id)
            if before is not None and not isinstance(event, AccountRead):
                if event.account_seq <= before:
                    continue
                if event.account_seq > before + 1:
                    missed = await self._accounts.account_events(user_id, after_seq=before)
                    await self._account_events(
                        user_id, [one for one in missed if one.account_seq < event.account_seq]
                    )
                self._account_seqs[user_id] = event.account_seq
            sessions = self.sessions_of(user_id)
            if isinstance(event, AccountRoomAdded):
                await self._added(sessions, event)
                continue
            if isinstance(event, AccountRoomRemoved):
                for session in sessions:
                    self._unsubscribe(session, event.room_id)
            self._broadcast(sessions, (event,))

    async def _added(self, sessions: Iterable[Session], event: AccountRoomAdded) -> None:
        """Subscribe a user from the ``seq`` of the head on: nothing before it, nothing after it missed.

        The event and the room's own take different ways here, so either may be ahead of the other.
        """
        room_id, seq = event.head.room_id, event.head.seq
        room = self._rooms.get(room_id)
        if room is not None and room.seq is not None and room.seq < seq:
            earlier = await self._source.room_events(room_id, after_seq=room.seq, before_seq=seq + 1)
            await self._room_events(room_id, room, earlier)
        new = [session for session in sessions if room_id not in session.rooms]
        self._broadcast(sessions, (event,))
        for session in new:
            room = self._subscribe(session, room_id)
        if room is None:
            return
        if room.seq is None:
            await self._presence.add_routes(self._ordinal, (room_id,), ())
            await self._begin(room_id, room, seq)
            later = await self._source.room_events(room_id, after_seq=seq, before_seq=_BEYOND)
            await self._room_events(room_id, room, later)
        elif room.seq > seq and new:
            self._broadcast(
                new, await self._source.room_events(room_id, after_seq=seq, before_seq=room.seq + 1)
            )

    def _subscribe(self, session: Session, room_id: str) -> _Room:
        room = self._rooms.get(room_id)
        if room is None:
            room = self._rooms[room_id] = _Room()
        room.sessions.add(session)
        session.rooms.add(room_id)
        return room

    def _unsubscribe(self, session: Session, room_id: str) -> bool:
        """Whether it was the room's last."""
        session.rooms.discard(room_id)
        room = self._rooms.get(room_id)
        if room is None:
            return False
        room.sessions.discard(session)
        if not room.sessions:
            del self._rooms[room_id]
            return True
        return False


def _keys_of(push: Push) -> tuple[str | int | None, ...]:
    """Of the command that it answers; see ``Session.answered``."""
    match push:
        case MessageNew():
            return (push.message.client_msg_id,)
        case Error():
            return (push.id, push.client_msg_id)
        case Ok():
            return (push.id,)
        case _:
            return ()
