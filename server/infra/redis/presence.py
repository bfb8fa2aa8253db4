"""``Presence`` in Redis: a sorted set a user or room, its members scored by when they end."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Sequence
from typing import Any, Final

import redis.asyncio as redis
import structlog

from server.infra.redis.connection import RedisUnavailableError, in_words
from server.kernel.presence import PRESENCE_TTL_MS
from server.kernel.tasks import TaskOwner

log: Final = structlog.get_logger(__name__)

_SESSIONS: Final = "parley:sessions:"
_ROOMS: Final = "parley:rooms:"
_USERS: Final = "parley:users:"
_AT_ONCE: Final = 500
_REFRESH_MS: Final = 4_000
"""Routes of an emptied Redis are back before a client would notice (5 s)."""


class RedisPresence:
    """What this process added it also refreshes, every ``refresh_ms``, and takes back (``stop``)."""

    def __init__(
        self, client: redis.Redis, *, ttl_ms: int = PRESENCE_TTL_MS, refresh_ms: int = _REFRESH_MS
    ) -> None:
        self._client = client
        self._ttl_ms = ttl_ms
        self._refresh_s = refresh_ms / 1_000
        self._tasks = TaskOwner("redis_presence")
        self._mine: dict[tuple[str, str], None] = {}
        """Key and member of everything that was added and not removed."""

    async def start(self) -> None:
        """Connect.

        Raises:
            RedisUnavailableError: it does not answer.
        """
        async with in_words():
            await self._client.ping()
        self._tasks.spawn(self._keep_fresh(), name="refresh")

    async def stop(self) -> None:
        """Take back what is left of this process."""
        await self._tasks.close()
        left, self._mine = list(self._mine), {}
        async with in_words():
            await self._remove(left)

    async def _keep_fresh(self) -> None:
        """Before anything of this process expires, and after it was lost."""
        while True:
            await asyncio.sleep(self._refresh_s)
            try:
                async with in_words():
                    await self._add(list(self._mine))
            except RedisUnavailableError as problem:
                log.warning("presence_not_refreshed", reason=problem.message)

    async def add_session(self, user_id: str, device_id: str, gateway: int) -> None:
        """Also refreshes."""
        await self._put([(f"{_SESSIONS}{user_id}", f"{device_id}:{gateway}")])

    async def remove_session(self, user_id: str, device_id: str, gateway: int) -> None:
        """Unknown ones are ignored."""
        await self._drop([(f"{_SESSIONS}{user_id}", f"{device_id}:{gateway}")])

    async def online(self, user_ids: Sequence[str]) -> set[str]:
        """Those with a session that has not ended."""
        found = await self._members(_SESSIONS, user_ids)
        return {user_id for user_id, members in found.items() if members}

    async def add_routes(self, gateway: int, room_ids: Iterable[str], user_ids: Iterable[str]) -> None:
        """Also refreshes."""
        await self._put(_routes(gateway, room_ids, user_ids))

    async def remove_routes(self, gateway: int, room_ids: Iterable[str], user_ids: Iterable[str]) -> None:
        """Unknown ones are ignored."""
        await self._drop(_routes(gateway, room_ids, user_ids))

    async def gateways_of_rooms(self, room_ids: Sequence[str]) -> dict[str, set[int]]:
        """Rooms with none are left out."""
        return _numbers(await self._members(_ROOMS, room_ids))

    async def gateways_of_users(self, user_ids: Sequence[str]) -> dict[str, set[int]]:
        """Users with none are left out."""
        return _numbers(await self._members(_USERS, user_ids))

    async def _put(self, entries: list[tuple[str, str]]) -> None:
        self._mine.update(dict.fromkeys(entries))
        async with in_words():
            await self._add(entries)

    async def _drop(self, entries: list[tuple[str, str]]) -> None:
        for entry in entries:
            self._mine.pop(entry, None)
        async with in_words():
            await self._remove(entries)

    async def _add(self, entries: list[tuple[str, str]]) -> None:
        ends = time.time_ns() // 1_000_000 + self._ttl_ms
        for at in range(0, len(entries), _AT_ONCE):
            # No transaction: the keys of a batch lie on several nodes of a cluster.
            pipe = self._client.pipeline(transaction=False)
            for key, member in entries[at : at + _AT_ONCE]:
                pipe.zadd(key, {member: ends})
                pipe.pexpire(key, self._ttl_ms)
            await pipe.execute()

    async def _remove(self, entries: list[tuple[str, str]]) -> None:
        for at in range(0, len(entries), _AT_ONCE):
            pipe = self._client.pipeline(transaction=False)
            for key, member in entries[at : at + _AT_ONCE]:
                pipe.zrem(key, member)
            await pipe.execute()

    async def _members(self, prefix: str, ids: Sequence[str]) -> dict[str, list[str]]:
        if not ids:
            return {}
        now = time.time_ns() // 1_000_000
        async with in_words():
            pipe: Any = self._client.pipeline(transaction=False)
            for one in ids:
                pipe.zrangebyscore(f"{prefix}{one}", now, "+inf")
            found: list[list[str]] = await pipe.execute()
        return dict(zip(ids, found, strict=True))


def _routes(gateway: int, room_ids: Iterable[str], user_ids: Iterable[str]) -> list[tuple[str, str]]:
    member = str(gateway)
    rooms = [(f"{_ROOMS}{room_id}", member) for room_id in room_ids]
    return rooms + [(f"{_USERS}{user_id}", member) for user_id in user_ids]


def _numbers(found: dict[str, list[str]]) -> dict[str, set[int]]:
    return {one: {int(member) for member in members} for one, members in found.items() if members}
