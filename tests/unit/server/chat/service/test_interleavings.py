"""Any order of commands of many people: dense streams, and views that equal a fresh fetch."""

from __future__ import annotations

import random
from typing import Any

import pytest

from common.errors import ParleyError
from common.ids import new_id
from common.protocol import requests, rest
from common.protocol.pushes import Error, MessageNew
from common.protocol.types import HistoryAccess, Mention, Role, Visibility
from server.chat.event import RoomCommandRecord
from tests.support.chat import Chat
from tests.support.fold import RoomFold

_EMOJIS = ("👍", "🎉", "🐙")
_ROUNDS = 60


class _Crowd:
    """Draws what people do next."""

    def __init__(self, chat: Chat, seed: int, users: list[str], rooms: list[str]) -> None:
        self.chat, self.random, self.users, self.rooms = chat, random.Random(seed), users, rooms
        self.sent: list[RoomCommandRecord] = []
        self.top = 12

    def command(self) -> RoomCommandRecord:
        pick = self.random
        user, room = pick.choice(self.users), pick.choice(self.rooms)
        target, key = pick.randint(1, self.top), new_id()
        kind = pick.choice(("send", "send", "send", "again", "edit", "delete", "react", "react", "unreact"))
        if kind == "again" and self.sent:
            return pick.choice(self.sent)
        request: Any
        match kind:
            case "edit":
                request = requests.MessageEdit(0, key, room, target, f"edited {key}", self._mentions())
            case "delete":
                request = requests.MessageDelete(0, key, room, target)
            case "react":
                request = requests.ReactionAdd(0, key, room, target, pick.choice(_EMOJIS))
            case "unreact":
                request = requests.ReactionRemove(0, key, room, target, pick.choice(_EMOJIS))
            case _:
                reply = target if pick.random() < 0.2 else None
                request = requests.MessageSend(0, key, room, f"said {key}", reply, self._mentions())
                self.top += 1
        record = self.chat.record(user, request)
        self.sent.append(record)
        return record

    def _mentions(self) -> list[Mention]:
        if self.random.random() < 0.7:
            return []
        return [Mention(0, 4, self.random.choice((*self.users, None)))]

    async def change(self) -> None:
        """Something by REST; many are refused, which is fine."""
        pick, rooms = self.random, self.chat.rooms
        user, other, room = pick.choice(self.users), pick.choice(self.users), pick.choice(self.rooms)
        key = new_id()
        try:
            match pick.randrange(6):
                case 0:
                    await rooms.join(user, room)
                case 1:
                    await rooms.leave(user, room)
                case 2:
                    await rooms.remove(user, room, other)
                case 3:
                    await rooms.add_members(user, room, rest.MembersAdd(key, [other]))
                case 4:
                    await rooms.set_role(user, room, other, rest.MemberChange(key, pick.choice(list(Role))))
                case _:
                    history = pick.choice(list(HistoryAccess))
                    await rooms.change(user, room, rest.RoomChange(key, title=f"T {key}", history=history))
        except ParleyError:
            pass
        await self.chat.relay()

    async def receipt(self) -> None:
        user, room = self.random.choice(self.users), self.random.choice(self.rooms)
        await self.chat.receipt(user, room, delivered=self.random.randint(0, self.top))
        await self.chat.receipt(user, room, read=self.random.randint(0, self.top))


@pytest.mark.parametrize("seed", range(8))
async def test_any_interleaving_gives_one_dense_stream_and_folds_to_a_fresh_fetch(
    chat: Chat, seed: int
) -> None:
    users = await chat.people("mira", "dario", "yuki", "ola")
    rooms = [
        await chat.group(users[0], users[1], visibility=Visibility.PUBLIC),
        await chat.group(users[1], *users[2:]),
        (await chat.rooms.direct(users[0], users[1])).room_id,
    ]
    await chat.relay()
    crowd = _Crowd(chat, seed, users, rooms)
    for _ in range(_ROUNDS):
        chat.clock.advance(ms=10)
        await chat.handle(*(crowd.command() for _ in range(crowd.random.randint(1, 12))))
        if crowd.random.random() < 0.3:
            await crowd.change()
        if crowd.random.random() < 0.5:
            await crowd.receipt()
    await chat.check()
    await _each_key_once(chat, crowd)
    await _sync_from_anywhere(chat, crowd)


async def _each_key_once(chat: Chat, crowd: _Crowd) -> None:
    keys = [(m.room_id, m.author_id, m.client_msg_id) for room in crowd.rooms for m in await _all(chat, room)]
    assert len(keys) == len(set(keys))


async def _all(chat: Chat, room: str) -> list[Any]:
    events = await chat.reads.room_events(room, after_seq=0, before_seq=10_000)
    return [event.message for event in events if isinstance(event, MessageNew)]


async def _sync_from_anywhere(chat: Chat, crowd: _Crowd) -> None:
    """What a client has of the past plus ``sync`` is what it would fetch now."""
    for user, rooms in chat.views.items():
        for room, fold in rooms.items():
            start = crowd.random.randint(fold.head.visible_from_seq - 1, fold.head.seq)
            answer = await chat.reads.sync(user, requests.Sync(0, room, start))
            assert [event.seq for event in answer.events] == list(range(start + 1, fold.head.seq + 1))
            fresh = await chat.history(user, room)
            later = [m for m in fresh if m.seq > start]
            told = [event.message for event in answer.events if isinstance(event, MessageNew)]
            assert told == later
            # Messages that the client had are caught up by the events alone.
            old = RoomFold(user, fold.head, fresh)
            for event in answer.events:
                old.apply(event)
            old.equals(fold.head, fresh)


async def test_a_batch_answers_each_refusal_and_keeps_the_rest(chat: Chat) -> None:
    mira, dario, eve = await chat.people("mira", "dario", "eve")
    room = await chat.group(mira, dario)
    good, bad = chat.send(mira, room, "good"), chat.send(eve, room, "bad")
    answers = await chat.handle(good, bad, chat.send(dario, room, "good too"))
    assert [type(answer) for answer in answers] == [Error]
    assert [m.body for m in await chat.history(dario, room)] == ["good", "good too"]
