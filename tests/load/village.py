"""Many talkers in rooms of mixed sizes, and what has to be true of them once they are quiet."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Final

import httpx2
import msgspec

from common.protocol.rest import Messages
from common.protocol.types import Message
from tests.load.accounts import Accounts, LoadUser
from tests.load.talkers import Talker

_LOOK_S: Final = 0.02
_PAGE: Final = 200
_SHARES: Final = (1, 5, 20)
"""Groups of everybody, of a fifth, and of a twentieth of all; beside them each has a direct room."""
_LEAST: Final = 3


class Village:
    """``talkers``, talking since the block of ``village`` began."""

    def __init__(self, talkers: Sequence[Talker], rooms: dict[str, Sequence[Talker]], url: str) -> None:
        self.talkers = talkers
        self.rooms = rooms
        self._url = url

    async def back(self, *, timeout_s: float) -> list[float]:
        """Seconds from now until each had one message acknowledged and one received, the quickest first.

        Raises:
            TimeoutError: somebody had not; it names who.
        """
        since = time.monotonic()
        for talker in self.talkers:
            talker.mark()
        await self._until(lambda talker: talker.back_at is None, timeout_s, "did not get through again")
        return sorted((talker.back_at or since) - since for talker in self.talkers)

    async def quiet(self, *, timeout_s: float) -> None:
        """Until every outbox is empty, and everybody has received all that is stored.

        Raises:
            TimeoutError: somebody waits still, or has not received the last messages; it names who.
        """
        for talker in self.talkers:
            talker.hush()
        await self._until(lambda talker: talker.waiting > 0, timeout_s, "has unacknowledged drafts")
        heads = {}
        for room_id in self.rooms:
            stored = await self._history(room_id)
            heads[room_id] = stored[-1].seq if stored else 0
        await self._until(
            lambda talker: any(talker.cursor(room_id) < heads[room_id] for room_id in talker.rooms),
            timeout_s,
            "did not receive the last messages",
        )

    async def check(self) -> int:
        """Promises 1 to 3; how many messages are stored."""
        count = 0
        drafted = {key: room for one in self.talkers for key, (room, _) in one.journal.drafts.items()}
        for talker in self.talkers:
            assert not talker.journal.wrong, talker.journal.wrong
            assert not talker.journal.failed, talker.journal.failed
        for room_id, members in self.rooms.items():
            stored = await self._history(room_id)
            keys = [message.client_msg_id for message in stored]
            assert len(keys) == len(set(keys)), f"a message is twice in {room_id}"
            assert [message.msg_no for message in stored] == list(range(1, len(stored) + 1))
            lost = {key for key, room in drafted.items() if room == room_id} - set(keys)
            assert not lost, f"{len(lost)} acknowledged or waiting drafts are not in {room_id}: {lost}"
            for talker in members:
                _agrees(talker, room_id, stored)
            count += len(stored)
        return count

    async def _until(self, lacking: Callable[[Talker], bool], timeout_s: float, what: str) -> None:
        deadline = time.monotonic() + timeout_s
        while late := [one.user.number for one in self.talkers if lacking(one)]:
            if time.monotonic() > deadline:
                raise TimeoutError(f"{len(late)} of {len(self.talkers)} {what} in {timeout_s} s: {late[:20]}")
            await asyncio.sleep(_LOOK_S)

    async def _history(self, room_id: str) -> list[Message]:
        """All of a room, as one of its members is shown it."""
        reader = self.rooms[room_id][0].user
        found: list[Message] = []
        headers = {"Authorization": f"Bearer {reader.token}"}
        # As the load tool: it does not authenticate the server that it was pointed at.
        async with httpx2.AsyncClient(
            base_url=self._url, headers=headers, trust_env=False, verify=False
        ) as http:
            after = 0
            while True:
                path = f"/api/v1/rooms/{room_id}/messages?after={after}&limit={_PAGE}"
                page = msgspec.json.decode((await http.get(path)).content, type=Messages)
                found += page.messages
                if page.at_end:
                    return found
                after = page.to_seq


def _agrees(talker: Talker, room_id: str, stored: Sequence[Message]) -> None:
    """What one was told and what one received is what is stored, in its order and without a gap."""
    journal, who = talker.journal, f"talker {talker.user.number} in {room_id}"
    mine = {m.client_msg_id: m for m in stored if m.author_id == talker.user.user_id}
    for key, message in mine.items():
        assert journal.acknowledged[key] == message.seq, f"{who}: {key} moved"
        assert journal.drafts[key] == (room_id, message.body), f"{who}: {key} has another body"
    received = journal.received.get(room_id, [])
    if received:
        first = received[0][0]
        expected = [(m.seq, m.client_msg_id) for m in stored if m.seq >= first]
        assert received == expected, f"{who}: another order or other messages than stored"


@asynccontextmanager
async def village(
    urls: Sequence[str], *, people: int, pause_s: float, chance: random.Random
) -> AsyncIterator[Village]:
    """``people`` talkers over the gateways ``urls``, half of them at each of two."""
    async with Accounts(urls[0], None) as accounts:
        users = await accounts.users(people)
        rooms = await _rooms(accounts, users)
    talkers = [
        Talker(
            user,
            [room_id for room_id, members in rooms.items() if user in members],
            urls,
            pause_s=pause_s,
            chance=random.Random(chance.random()),
        )
        for user in users
    ]
    inside: dict[str, Sequence[Talker]] = {
        room_id: [talkers[member.number] for member in members] for room_id, members in rooms.items()
    }
    async with asyncio.TaskGroup() as group:
        running = [group.create_task(talker.run()) for talker in talkers]
        try:
            yield Village(talkers, inside, urls[0])
        finally:
            for task in running:
                task.cancel()


async def _rooms(accounts: Accounts, users: Sequence[LoadUser]) -> dict[str, list[LoadUser]]:
    found: dict[str, list[LoadUser]] = {}
    for share in _SHARES:
        size = max(_LEAST, len(users) // share)
        for at in range(0, len(users) - size + 1, size):
            some = list(users[at : at + size])
            found[await accounts.group_room(some[0], f"group-{share}-{at}", some[1:])] = some
    for one, other in zip(users[::2], users[1::2], strict=False):
        found[await accounts.direct_room(one, other)] = [one, other]
    return found
