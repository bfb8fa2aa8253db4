"""Fan-out: who of this gateway's sessions gets what, encoded once.

Per room the hub keeps the last ``seq`` it delivered: it drops what it had, and loads a gap from the
database before it goes on, so that a removed member's subscription ends before later frames.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Final

from common.limits import HEADS_PER_FRAME, INT_MAX
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
from server.gateway.room import UNKNOWN, Entry, Room
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
_COMPARED_AT_ONCE: Final = 1_000


class Hub:
    """Owned by one gateway; everything runs on its loop."""

    def __init__(self, *, rooms: Rooms, accounts: Accounts, presence: Presence, ordinal: int) -> None:
        self._source = rooms
        self._accounts = accounts
        self._presence = presence
        self._ordinal = ordinal
        self._rooms: dict[str, Room] = {}
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
        entries = {
            room_id: self._subscribe(session, room_id, UNKNOWN)
            for room_id in room_ids
            # Of a room that was lost since they were read the heads tell.
            if room_id not in lost and room_id not in session.rooms
        }
        await self._presence.add_routes(self._ordinal, room_ids, ())
        heads = list(await self._source.heads(user_id))
        known = {head.room_id: head.seq for head in heads}
        missed: list[RoomEvent] = []
        for room_id in dict.fromkeys((*known, *session.rooms)):
            seq = max(known.get(room_id, UNKNOWN), session.rooms.get(room_id, UNKNOWN))
            if room_id in session.rooms and seq == UNKNOWN:
                self._unsubscribe(session, room_id)
            elif room_id in session.rooms and room_id in entries:
                missed += await self._let_in(session, user_id, room_id, seq, entries[room_id])
            elif room_id not in session.rooms and lost.get(room_id, _BEYOND) <= seq:
                # What was lost was an earlier membership.
                await self._follow([session], user_id, room_id, seq)
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

    async def _begin(self, room_id: str, room: Room, seq: int) -> None:
        """The room's ``seq`` is known: what was held goes on from there."""
        room.seq = seq
        held = tuple(room.held)
        room.held.clear()
        room.sessions.update(room.reached())
        await self._room_events(room_id, room, held)

    async def _room_events(self, room_id: str, room: Room, events: Sequence[RoomEvent]) -> None:
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

    def _take(self, room_id: str, room: Room, event: RoomEvent, ready: list[RoomEvent]) -> None:
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
        if due := room.reached():
            self._send(room, ready)
            ready.clear()
            room.sessions.update(due)

    def _send(self, room: Room, events: Sequence[RoomEvent]) -> None:
        if events:
            self._broadcast(room.sessions, events)
            room.keep(events)
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
                    session.answered(*(key for push in delivery.pushes for key in keys_of(push)))
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
                # Who did not enter yet reads which rooms there are only then.
                entered = [each for each in sessions if each.account_seq >= 0]
                await self._added(entered, user_id, event.head)

    async def _added(self, sessions: Sequence[Session], user_id: str, head: Head) -> None:
        for session in sessions:
            if head.room_id in session.rooms:
                session.rooms[head.room_id] = max(session.rooms[head.room_id], head.seq)
        new = [session for session in sessions if head.room_id not in session.rooms]
        await self._follow(new, user_id, head.room_id, head.seq)

    async def _follow(self, sessions: Sequence[Session], user_id: str, room_id: str, seq: int) -> None:
        """Subscribe sessions of a user from the ``seq`` of a head on."""
        # All at once: what the user loses meanwhile all of them lose. Who ended is not there to do so.
        entries = [
            (session, self._subscribe(session, room_id, seq))
            for session in sessions
            if session.number in self._sessions
        ]
        room = self._rooms.get(room_id)
        if not entries or room is None:
            return
        fresh = room.seq is None
        if fresh:
            await self._presence.add_routes(self._ordinal, (room_id,), ())
        for session, entry in entries:
            self._broadcast((session,), await self._let_in(session, user_id, room_id, seq, entry))
        if fresh and (room := self._rooms.get(room_id)) is not None:
            # What was told elsewhere before this route was known.
            later = await self._source.room_events(room_id, after_seq=seq, before_seq=_BEYOND)
            await self._room_events(room_id, room, later)

    async def _let_in(
        self, session: Session, user_id: str, room_id: str, since: int, entry: Entry
    ) -> list[RoomEvent]:
        """Tell a subscribed session what comes, from ``since`` on; what the others were told after that.

        What tells of a head and the room's own events take different ways here, so either may be ahead of
        the other. By now the user may have lost the room again.
        """
        missed, older, shown = list[RoomEvent](), list[RoomEvent](), since
        while (room := self._rooms.get(room_id)) is not None and room.awaits(entry, session):
            if _lost_by(user_id, older):
                self._unsubscribe(session, room_id)
                break
            missed += older
            if (kept := room.kept(session, shown)) is not None:
                session.rooms[room_id] = shown
                room.let_in(session, shown)
                if room.seq is None:
                    await self._begin(room_id, room, shown)
                return missed + kept
            told = room.seq or shown
            older = [*await self._source.room_events(room_id, after_seq=shown, before_seq=told + 1)]
            shown = older[-1].seq if older else told
        return []

    def _subscribe(self, session: Session, room_id: str, since: int) -> Entry:
        """Keep for the session what comes. ``since``: the ``seq`` of a head with its user as a member."""
        room = self._rooms.get(room_id)
        if room is None:
            room = self._rooms[room_id] = Room()
        session.rooms[room_id] = since
        return room.enter(session)

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
        room.forget(session)
        if room.empty:
            del self._rooms[room_id]
            self._empty.add(room_id)


def _lost_by(user_id: str, events: Iterable[RoomEvent]) -> bool:
    return any(isinstance(event, RoomLeft | RoomRemoved) and event.user_id == user_id for event in events)
