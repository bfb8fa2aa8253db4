"""People who go on talking while the server is broken under them, and remember what they were told.

Each is what a desktop is to the server: an outbox that is sent until it is acknowledged, always with the
same ``client_msg_id``; a cursor a room; back-off between connections; a sync of what a head shows missing.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import msgspec

from common.errors import Code
from common.ids import new_id
from common.protocol.pushes import Error, MessageNew, Push
from common.protocol.requests import MessageSend
from desktop.net.backoff import Backoff
from tests.load.accounts import LoadUser
from tests.load.wire import LoadError, Socket

ANSWER_S: Final = 10.0
"""As long as a desktop waits before it sends the same again."""
_BURST: Final = 4
_LATER: Final = frozenset(
    {Code.UNAVAILABLE, Code.TIMEOUT, Code.STORAGE_FULL, Code.RATE_LIMITED, Code.LIMIT_REACHED}
)
_LEAST_RETRY_S: Final = 0.1
_encode: Final = msgspec.json.Encoder().encode


@dataclass(slots=True)
class Journal:
    """What one person sent, was told and received."""

    drafts: dict[str, tuple[str, str]] = field(default_factory=dict)
    """Room and body by ``client_msg_id``."""
    acknowledged: dict[str, int] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)
    """Refused for good, and why."""
    received: dict[str, list[tuple[int, str]]] = field(default_factory=dict)
    """Seq and ``client_msg_id``, by room, in the order in which they were taken: no gap."""
    wrong: list[str] = field(default_factory=list)
    """Broken promises seen on the way."""
    connections: int = 0
    later: int = 0
    """Answers that said: try again."""
    repeats: int = 0
    """Drafts sent again because no answer came in time."""
    gaps: int = 0
    """Seen by the client, so not filled by the gateway."""


class Talker:
    """One person, of that name and those rooms, on whichever of the gateways ``urls`` answers.

    ``pause_s`` is how long one thinks on average before the next few messages.
    """

    def __init__(
        self,
        user: LoadUser,
        rooms: Sequence[str],
        urls: Sequence[str],
        *,
        pause_s: float,
        chance: random.Random,
    ) -> None:
        self.user = user
        self.rooms = rooms
        self.journal = Journal()
        self.acknowledged_at: float | None = None
        """Monotonic seconds of the first acknowledgement since ``mark``; of others' first message below."""
        self.received_at: float | None = None
        self._urls = urls
        self._pause_s = pause_s
        self._chance = chance
        self._cursors: dict[str, int] = {}
        self._held: dict[str, dict[int, str]] = {}
        self._behind: asyncio.Queue[str] = asyncio.Queue()
        self._syncing: set[str] = set()
        self._outbox: list[str] = []
        self._answered = asyncio.Event()
        self._now = asyncio.Event()
        self._hushed = asyncio.Event()
        self._retry_after_s = 0.0

    @property
    def waiting(self) -> int:
        """Drafts that are not acknowledged."""
        return len(self._outbox)

    def cursor(self, room_id: str) -> int:
        """Everything up to this ``seq`` was received."""
        return self._cursors.get(room_id, 0)

    def mark(self) -> None:
        """From now on; and say something at once, if nothing waits already."""
        self.acknowledged_at = self.received_at = None
        self._now.set()

    @property
    def back_at(self) -> float | None:
        """When both had happened."""
        if self.acknowledged_at is None or self.received_at is None:
            return None
        return max(self.acknowledged_at, self.received_at)

    def hush(self) -> None:
        """Nothing new; what waits goes on being sent."""
        self._hushed.set()

    async def run(self) -> None:
        """Until cancelled: connect, catch up, talk; again when the connection is lost."""
        backoff = Backoff(draw=self._chance.random)
        attempt = self.user.number
        while True:
            try:
                await self._session(self._urls[attempt % len(self._urls)], backoff)
            except* (LoadError, OSError, TimeoutError):
                attempt += 1
            await asyncio.sleep(backoff.next_s())

    # One connection

    async def _session(self, url: str, backoff: Backoff) -> None:
        lost = asyncio.Event()
        self._behind = asyncio.Queue()
        self._syncing.clear()
        self._held.clear()
        line = await Socket.connect(url, self.user.token, self._message, on_push=self._other)
        line.on_error = lambda _: lost.set()
        try:
            for head in line.heads.rooms:
                if self._cursors.setdefault(head.room_id, head.seq) < head.seq:
                    self._lag(head.room_id)
            self.journal.connections += 1
            backoff.reset()
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(self._talk(line)), group.create_task(self._catch_up(line))]
                await lost.wait()
                for task in tasks:
                    task.cancel()
        finally:
            line.close()
        raise LoadError("the connection was lost")

    async def _talk(self, line: Socket) -> None:
        while True:
            if not self._outbox:
                await self._think()
                self._draft()
            self._answered.clear()
            for key in self._outbox:
                room_id, body = self.journal.drafts[key]
                line.send(_encode(MessageSend(line.request_id(), key, room_id, body)))
            await self._until_answered()

    async def _think(self) -> None:
        try:
            async with asyncio.timeout(self._chance.uniform(0, 2 * self._pause_s)):
                await self._now.wait()
        except TimeoutError:
            pass
        self._now.clear()
        if self._hushed.is_set():
            await asyncio.Event().wait()

    def _draft(self) -> None:
        room_id = self._chance.choice(self.rooms)
        for _ in range(self._chance.randint(1, _BURST)):
            key = new_id()
            self.journal.drafts[key] = (room_id, f"{self.user.number}: {len(self.journal.drafts)}")
            self._outbox.append(key)

    async def _until_answered(self) -> None:
        """All of them acknowledged; or some to be sent again, now."""
        deadline = time.monotonic() + ANSWER_S
        while self._outbox:
            try:
                async with asyncio.timeout(deadline - time.monotonic()):
                    await self._answered.wait()
            except TimeoutError:
                self.journal.repeats += len(self._outbox)
                return
            self._answered.clear()
            if self._retry_after_s:
                delay_s, self._retry_after_s = self._retry_after_s, 0.0
                await asyncio.sleep(delay_s * (1 + self._chance.random()))
                return

    async def _catch_up(self, line: Socket) -> None:
        """One sync after the other, for rooms in which something is missing."""
        while True:
            room_id = await self._behind.get()
            answer = await line.sync(room_id, self._cursors[room_id])
            if answer.truncated:
                raise AssertionError("so much was missing that the room has to be loaded afresh")
            for event in answer.events:
                if event.seq == self._cursors[room_id] + 1:
                    key = (
                        event.message.client_msg_id if isinstance(event, MessageNew) else type(event).__name__
                    )
                    self._take(room_id, event.seq, key)
            if self._cursors[room_id] < answer.head:
                self._behind.put_nowait(room_id)
                continue
            self._syncing.discard(room_id)
            for seq, key in sorted(self._held.pop(room_id, {}).items()):
                self._event(room_id, seq, key)

    def _lag(self, room_id: str) -> None:
        if room_id not in self._syncing:
            self._syncing.add(room_id)
            self._behind.put_nowait(room_id)

    # What comes

    def _other(self, push: Push) -> bool:
        """Refusals of a send; all else is the connection's own."""
        if not isinstance(push, Error) or push.client_msg_id is None:
            return False
        if push.code in _LATER:
            self.journal.later += 1
            self._retry_after_s = max(self._retry_after_s, (push.retry_after_ms or 0) / 1_000, _LEAST_RETRY_S)
        else:
            self.journal.failed[push.client_msg_id] = f"{push.code}: {push.message}"
            if push.client_msg_id in self._outbox:
                self._outbox.remove(push.client_msg_id)
        self._answered.set()
        return True

    def _message(self, push: MessageNew) -> None:
        key = push.message.client_msg_id
        if push.message.author_id == self.user.user_id:
            self._acknowledged(key, push.seq)
        elif self.received_at is None:
            self.received_at = time.monotonic()
        self._event(push.room_id, push.seq, key)

    def _acknowledged(self, key: str, seq: int) -> None:
        journal = self.journal
        if (before := journal.acknowledged.setdefault(key, seq)) != seq:
            journal.wrong.append(f"{key} was acknowledged as {before} and as {seq}")
        if key in self._outbox:
            self._outbox.remove(key)
            self.acknowledged_at = self.acknowledged_at or time.monotonic()
            if not self._outbox:
                self._answered.set()

    def _event(self, room_id: str, seq: int, key: str) -> None:
        cursor = self._cursors.get(room_id)
        if cursor is None:
            return
        if seq <= cursor:
            self._seen_before(room_id, seq, key)
        elif seq == cursor + 1 and room_id not in self._syncing:
            self._take(room_id, seq, key)
        else:
            self._held.setdefault(room_id, {})[seq] = key
            self.journal.gaps += room_id not in self._syncing
            self._lag(room_id)

    def _seen_before(self, room_id: str, seq: int, key: str) -> None:
        taken = self.journal.received.get(room_id, [])
        at = seq - taken[0][0] if taken else -1
        if at >= 0 and taken[at] != (seq, key):
            self.journal.wrong.append(f"in {room_id}, {taken[at]} came again as {(seq, key)}")

    def _take(self, room_id: str, seq: int, key: str) -> None:
        self._cursors[room_id] = seq
        self.journal.received.setdefault(room_id, []).append((seq, key))
        if key in self.journal.drafts:
            self._acknowledged(key, seq)
