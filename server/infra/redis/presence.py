"""``Presence`` in Redis: a sorted set a user or room, its members scored by when they end.

``routes:epoch`` tells since when the routes are there. Where it is missing Redis was emptied; until two
look periods later some process may not have written its routes again, and none of them is relied on.
Each process looks at it every few seconds, and writes everything again when it is another; else only so much
at a time that nothing ends. To write all of it every time would be most of what a gateway does.
Times are Redis's own, whatever the clocks of the processes say.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Iterable, Sequence
from itertools import islice
from typing import Any, Final

import redis.asyncio as redis
import structlog

from server.infra.redis.connection import RedisUnavailableError, in_words
from server.kernel.presence import PRESENCE_TTL_MS, Routes
from server.kernel.tasks import TaskOwner

log: Final = structlog.get_logger(__name__)

_SESSIONS: Final = "parley:sessions:"
_ROOMS: Final = "parley:rooms:"
_USERS: Final = "parley:users:"
_AT_ONCE: Final = 500
_EPOCH: Final = "parley:routes:epoch"
_LOOK_MS: Final = 4_000
_ROUTES_TTL_MS: Final = 180_000
"""One that outlives its gateway costs records that nobody takes; one lost by itself is back in a third."""
_PARTS: Final = 3
"""Everything is refreshed so many times within its life."""
_START_S: Final = 5.0
_AWAY_S: Final = 10.0
"""After something failed Redis is not asked for so long, or until the refresh got through: neither messages
nor sessions wait for it."""


Entry = tuple[str, str]
"""A key and a member of its set."""


class _Mine:
    """What this process added and did not remove, of one life, the one refreshed longest ago first."""

    def __init__(self, ttl_ms: int) -> None:
        self.ttl_ms = ttl_ms
        self.entries: dict[Entry, None] = {}

    def put(self, entries: Iterable[Entry]) -> None:
        for entry in entries:
            self.entries.pop(entry, None)
            self.entries[entry] = None

    def due(self, every_ms: float) -> list[Entry]:
        """So many that with one such part every ``every_ms`` nothing ends."""
        count = math.ceil(len(self.entries) * every_ms * _PARTS / self.ttl_ms)
        return list(islice(self.entries, count))


class RedisPresence:
    """What this process added it also refreshes, and takes back (``stop``).

    ``look_ms``: how often it looks whether Redis was emptied, and refreshes a part.
    """

    def __init__(
        self,
        client: redis.Redis,
        *,
        look_ms: int = _LOOK_MS,
        sessions_ttl_ms: int = PRESENCE_TTL_MS,
        routes_ttl_ms: int = _ROUTES_TTL_MS,
    ) -> None:
        self._client = client
        self._look_ms = look_ms
        self._tasks = TaskOwner("redis_presence")
        self._sessions = _Mine(sessions_ttl_ms)
        self._routes = _Mine(routes_ttl_ms)
        self._epoch: bytes | str | None = None
        """That of when everything was last written."""
        self._failures = 0
        self._healed = 0
        """Of the failures those after which everything was written again."""
        self._away_until = 0.0
        self._dropping = asyncio.Lock()
        self._going: set[Entry] = set()
        """What is being removed."""
        self._ahead_ms = 0
        """Of Redis's clock before this machine's."""

    @property
    def reliable(self) -> bool:
        """Whether Redis has all that was added here."""
        return self._healed == self._failures

    async def start(self) -> None:
        """Connect.

        Raises:
            RedisUnavailableError: it does not answer.
        """
        async with in_words(_START_S):
            await self._set_clock()
        self._tasks.keep(self._keep_fresh, name="refresh")

    async def check(self) -> None:
        """Raises ``RedisUnavailableError`` where Redis does not answer."""
        async with in_words():
            await self._client.ping()

    async def stop(self) -> None:
        """Take back what is left of this process."""
        await self._tasks.close()
        for mine in (self._sessions, self._routes):
            await self._drop(mine, list(mine.entries))

    async def _keep_fresh(self) -> None:
        """Before anything of this process expires, and after it was lost."""
        while True:
            await asyncio.sleep(self._look_ms / 1_000)
            # A write that fails meanwhile may be of what this has passed already.
            before = self._failures
            try:
                await self._refresh()
            except RedisUnavailableError as problem:
                self._failed()
                log.warning("presence_not_refreshed", reason=problem.message)
            else:
                self._healed, self._away_until = before, 0.0

    def _failed(self) -> None:
        self._failures += 1
        self._rest()

    def _rest(self) -> None:
        self._away_until = time.monotonic() + _AWAY_S

    @property
    def _away(self) -> bool:
        return time.monotonic() < self._away_until

    async def _refresh(self) -> None:
        async with in_words():
            await self._set_clock()
            pipe: Any = self._client.pipeline(transaction=False)
            pipe.set(_EPOCH, self._now_ms(), nx=True)
            pipe.get(_EPOCH)
            _, epoch = await pipe.execute()
        lost = not self.reliable or epoch != self._epoch
        for mine in (self._sessions, self._routes):
            some = list(mine.entries) if lost else mine.due(self._look_ms)
            for at in range(0, len(some), _AT_ONCE):
                # What was removed meanwhile stays removed.
                still = [entry for entry in some[at : at + _AT_ONCE] if entry in mine.entries]
                mine.put(still)
                await self._add(still, mine.ttl_ms)
        self._epoch = epoch

    async def add_session(self, user_id: str, device_id: str, gateway: int) -> None:
        """Also refreshes."""
        await self._put(self._sessions, [(f"{_SESSIONS}{user_id}", f"{device_id}:{gateway}")])

    async def remove_session(self, user_id: str, device_id: str, gateway: int) -> None:
        """Unknown ones are ignored."""
        await self._drop(self._sessions, [(f"{_SESSIONS}{user_id}", f"{device_id}:{gateway}")])

    async def online(self, user_ids: Sequence[str]) -> set[str]:
        """Those with a session that has not ended."""
        if not user_ids:
            return set()
        now = self._now_ms()
        async with in_words():
            pipe: Any = self._client.pipeline(transaction=False)
            for user_id in user_ids:
                pipe.zcount(f"{_SESSIONS}{user_id}", now, "+inf")
            counts: list[int] = await pipe.execute()
        return {user_id for user_id, count in zip(user_ids, counts, strict=True) if count}

    async def add_routes(self, gateway: int, room_ids: Iterable[str], user_ids: Iterable[str]) -> None:
        """Also refreshes."""
        await self._put(self._routes, _routes(gateway, room_ids, user_ids))

    async def remove_routes(self, gateway: int, room_ids: Iterable[str], user_ids: Iterable[str]) -> None:
        """Unknown ones are ignored."""
        await self._drop(self._routes, _routes(gateway, room_ids, user_ids))

    async def routes(self, room_ids: Sequence[str], user_ids: Sequence[str]) -> Routes | None:
        """None while Redis is away, and until two look periods after it was emptied."""
        if self._away:
            return None
        now = self._now_ms()
        try:
            async with in_words():
                pipe: Any = self._client.pipeline(transaction=False)
                pipe.get(_EPOCH)
                for prefix, ids in ((_ROOMS, room_ids), (_USERS, user_ids)):
                    for one in ids:
                        pipe.zrangebyscore(f"{prefix}{one}", now, "+inf")
                epoch, *found = await pipe.execute()
                if epoch is None:
                    # Emptied. Who looks at the same time may have been first: it stays what it is then.
                    await self._client.set(_EPOCH, now, nx=True)
        except RedisUnavailableError as problem:
            self._rest()
            log.warning("routes_not_read", reason=problem.message)
            return None
        if epoch is None or now - int(epoch) < 2 * self._look_ms:
            return None
        return {
            one: {int(member) for member in members}
            for one, members in zip([*room_ids, *user_ids], found, strict=True)
            if members
        }

    async def _put(self, mine: _Mine, entries: list[Entry]) -> None:
        mine.put(entries)
        if not self._going.isdisjoint(entries):
            # On another connection, so the removal might come last.
            async with self._dropping:
                pass
        # What is not written now the next refresh writes; until then this process looks into the database.
        if self._away:
            self._failures += 1
            return
        try:
            await self._add(entries, mine.ttl_ms)
        except RedisUnavailableError as problem:
            self._failed()
            log.warning("presence_not_written", reason=problem.message)

    async def _drop(self, mine: _Mine, entries: list[Entry]) -> None:
        for entry in entries:
            mine.entries.pop(entry, None)
        async with self._dropping:
            gone = [entry for entry in entries if entry not in mine.entries]
            # While it is away: they end by themselves.
            if not gone or self._away:
                return
            self._going.update(gone)
            try:
                await self._remove(gone)
            except RedisUnavailableError as problem:
                self._failed()
                log.warning("presence_not_taken_back", reason=problem.message)
            finally:
                self._going.difference_update(gone)

    def _now_ms(self) -> int:
        return time.time_ns() // 1_000_000 + self._ahead_ms

    async def _set_clock(self) -> None:
        seconds, micros = await self._client.time()
        self._ahead_ms = int(seconds) * 1_000 + int(micros) // 1_000 - time.time_ns() // 1_000_000

    async def _add(self, entries: list[Entry], ttl_ms: int) -> None:
        ends = self._now_ms() + ttl_ms
        for at in range(0, len(entries), _AT_ONCE):
            # No transaction: the keys of a batch lie on several nodes of a cluster.
            async with in_words():
                pipe = self._client.pipeline(transaction=False)
                for key, member in entries[at : at + _AT_ONCE]:
                    pipe.zadd(key, {member: ends})
                    pipe.pexpire(key, ttl_ms)
                await pipe.execute()

    async def _remove(self, entries: list[Entry]) -> None:
        for at in range(0, len(entries), _AT_ONCE):
            async with in_words():
                pipe = self._client.pipeline(transaction=False)
                for key, member in entries[at : at + _AT_ONCE]:
                    pipe.zrem(key, member)
                await pipe.execute()


def _routes(gateway: int, room_ids: Iterable[str], user_ids: Iterable[str]) -> list[Entry]:
    member = str(gateway)
    rooms = [(f"{_ROOMS}{room_id}", member) for room_id in room_ids]
    return rooms + [(f"{_USERS}{user_id}", member) for user_id in user_ids]
