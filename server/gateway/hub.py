"""Fan-out: who of this gateway's sessions gets what, encoded once.

Per room the hub keeps the last ``seq`` it delivered: it drops what it had, and loads a gap from the
database before it goes on, so that a removed member's subscription ends before later frames.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterable, Sequence
from typing import Final

from common.limits import HEADS_PER_FRAME, INT_MAX, SYNC_MAX_EVENTS
from common.protocol.codec import encode, frame_of
from common.protocol.pushes import (
    AccountEvent,
    AccountRead,
    AccountRoomAdded,
    AccountRoomRemoved,
    MessageNew,
    Push,
    RoomEvent,
    RoomLeft,
    RoomRemoved,
    TypingShown,
)
from common.protocol.types import Head
from server.gateway.connection import text_frame
from server.gateway.ports import Accounts, Rooms
from server.gateway.session import Entrance, Session, keys_of
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
_UNKNOWN: Final = 0
"""Before the first ``seq``: a membership of which no head is known yet."""
_COMPARED_AT_ONCE: Final = 1_000


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
        self._entering: dict[int, dict[str, int]] = {}
        """Of sessions whose heads are not known yet: the rooms that they lost meanwhile, at which ``seq``."""
        self._empty: set[str] = set()
        """Rooms whose last session went, and whose routes are to be taken back."""
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
        session.account_seq = account_seq
        self._account_seqs.setdefault(user_id, account_seq)
        lost: dict[str, int] = {}
        self._entering[session.number] = lost
        try:
            return await self._enter(session, user_id, lost)
        finally:
            del self._entering[session.number]

    async def _enter(self, session: Session, user_id: str, lost: dict[str, int]) -> Entrance:
        room_ids = await self._source.room_ids(user_id)
        unsure = set()
        for room_id in room_ids:
            since = session.rooms.get(room_id, _UNKNOWN)
            # Of a room that was lost since they were read the heads tell.
            if room_id not in lost and self._subscribe(session, room_id, since).seq is None:
                unsure.add(room_id)
        await self._presence.add_routes(self._ordinal, room_ids, ())
        heads = list(await self._source.heads(user_id))
        for room_id in {*room_ids} - {head.room_id for head in heads}:
            if session.rooms.get(room_id) == _UNKNOWN:
                self._unsubscribe(session, room_id)
        missed: list[RoomEvent] = []
        for head in heads:
            if head.room_id not in session.rooms:
                if lost.get(head.room_id, _BEYOND) <= head.seq:
                    # What was lost was an earlier membership.
                    await self._follow((session,), user_id, head.room_id, head.seq)
                continue
            session.rooms[head.room_id] = max(session.rooms[head.room_id], head.seq)
            room = self._rooms[head.room_id]
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
        for room_id in tuple(session.rooms):
            self._unsubscribe(session, room_id)
        await self._take_back(users)

    async def _take_back(self, users: Sequence[str] = ()) -> None:
        """Routes that nobody here needs any more."""
        rooms = [room_id for room_id in self._empty if room_id not in self._rooms]
        self._empty.clear()
        if rooms or users:
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
        if self._empty:
            await self._take_back()

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
        await self._take_back()

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
                self._lose(session, room_id, event.seq)
        ready.append(event)

    def _send(self, room: _Room, events: Sequence[RoomEvent]) -> None:
        if events:
            self._broadcast(room.sessions, events, events[0].room_id)
            self.delivered += len(events) * len(room.sessions)
            for event in events:
                if isinstance(event, MessageNew):
                    # For the sender it is the answer.
                    for session in self._users.get(event.message.author_id, ()):
                        session.answered(event.message.client_msg_id)

    def _broadcast(self, sessions: Iterable[Session], pushes: Iterable[Push], room_id: str = "") -> None:
        for payload in frame_of(map(encode, pushes)):
            frame = text_frame(payload)
            for session in sessions:
                session.write(frame, room_id)

    async def _other(self, delivery: Delivery) -> None:
        match delivery:
            case Answers():
                # Gateways may share a partition: numbers of sessions are a gateway's own.
                mine = delivery.origin.gateway == self._ordinal
                session = self._sessions.get(delivery.origin.session) if mine else None
                if session is not None:
                    session.push(*delivery.pushes)
                    session.answered(*(key for push in delivery.pushes for key in keys_of(push)))
            case UserDelivery():
                await self._account_events(delivery.user_id, delivery.events)
            case MarksDelivery() if delivery.room_id in self._rooms:
                self._broadcast(self._rooms[delivery.room_id].sessions, delivery.marks, delivery.room_id)
            case TypingDelivery() if delivery.room_id in self._rooms:
                writers = self._users.get(delivery.user_id, set())
                others = self._rooms[delivery.room_id].sessions - writers
                shown = TypingShown(delivery.room_id, delivery.user_id)
                self._broadcast(others, (shown,), delivery.room_id)
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
                if user_id in self._account_seqs:
                    self._account_seqs[user_id] = event.account_seq
            # Who came later knows it from the welcome; marks are told with the head of the stream.
            after = -1 if isinstance(event, AccountRead) else event.account_seq
            sessions = [each for each in self.sessions_of(user_id) if not 0 <= after <= each.account_seq]
            if isinstance(event, AccountRoomRemoved):
                for session in sessions:
                    self._lose(session, event.room_id, _BEYOND)
            self._broadcast(sessions, (event,))
            if isinstance(event, AccountRoomAdded):
                await self._added(sessions, user_id, event.head)

    async def _added(self, sessions: Sequence[Session], user_id: str, head: Head) -> None:
        for session in sessions:
            if head.room_id in session.rooms:
                session.rooms[head.room_id] = max(session.rooms[head.room_id], head.seq)
        new = [session for session in sessions if head.room_id not in session.rooms]
        await self._follow(new, user_id, head.room_id, head.seq)

    async def _follow(self, sessions: Sequence[Session], user_id: str, room_id: str, seq: int) -> None:
        """Subscribe a user from the ``seq`` of a head on: nothing before it, nothing after it missed.

        What tells of the head and the room's own events take different ways here, so either may be ahead of
        the other. By now the user may have lost the room again.
        """
        room, shown = self._rooms.get(room_id), seq
        if room is not None and room.seq is not None and room.seq < seq:
            earlier = await self._source.room_events(room_id, after_seq=room.seq, before_seq=seq + 1)
            await self._room_events(room_id, room, earlier)
        while (room := self._rooms.get(room_id)) is not None and room.seq is not None and room.seq > shown:
            missed = await self._source.room_events(room_id, after_seq=shown, before_seq=room.seq + 1)
            if not missed:
                break
            if _lost_by(user_id, missed):
                return
            self._broadcast(sessions, missed, room_id)
            shown = missed[-1].seq
        # Who ended meanwhile is not there to be forgotten again.
        still = [session for session in sessions if session.number in self._sessions]
        for session in still:
            room = self._subscribe(session, room_id, seq)
        if not still or room is None or room.seq is not None:
            return
        await self._presence.add_routes(self._ordinal, (room_id,), ())
        room = self._rooms.get(room_id)
        if room is None:
            return
        began_at = room.seq
        if began_at is None:
            await self._begin(room_id, room, seq)
        later = await self._source.room_events(room_id, after_seq=seq, before_seq=_BEYOND)
        if began_at is not None and not _lost_by(user_id, later):
            # By another session's newer heads: what lay between was dropped as old.
            self._broadcast(still, [event for event in later if event.seq <= began_at], room_id)
        await self._room_events(room_id, room, later)

    def _subscribe(self, session: Session, room_id: str, since: int) -> _Room:
        """``since``: the ``seq`` of a head that has the session's user as a member."""
        room = self._rooms.get(room_id)
        if room is None:
            room = self._rooms[room_id] = _Room()
        room.sessions.add(session)
        session.rooms[room_id] = since
        return room

    def _lose(self, session: Session, room_id: str, seq: int) -> None:
        """The session's user lost the room at ``seq``; not where the session knows of a later membership."""
        if (lost := self._entering.get(session.number)) is not None:
            lost[room_id] = max(lost.get(room_id, 0), seq)
        if session.rooms.get(room_id, _BEYOND) < seq:
            self._unsubscribe(session, room_id)

    def _unsubscribe(self, session: Session, room_id: str) -> None:
        session.rooms.pop(room_id, None)
        room = self._rooms.get(room_id)
        if room is None:
            return
        room.sessions.discard(session)
        if not room.sessions:
            del self._rooms[room_id]
            self._empty.add(room_id)


def _lost_by(user_id: str, events: Iterable[RoomEvent]) -> bool:
    return any(isinstance(event, RoomLeft | RoomRemoved) and event.user_id == user_id for event in events)
