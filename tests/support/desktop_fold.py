"""The one helper that tests of a push go through on the desktop's side: what a desktop shows and keeps
after the push equals what a new desktop of the same account fetches.

`tests/support/fold.py` is the same for the server's side: there a plain fold stands for the client, here
it is the real one with its cache, its models' values and its ticks.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any, Final

import msgspec

from common.protocol.pushes import Push
from common.protocol.types import Message
from desktop.net.link import Phase
from desktop.net.session import Session
from desktop.services.account import AccountService
from desktop.services.state import MessageItem
from desktop.services.timeline import TimelineService
from desktop.storage.cache import read_tail
from desktop.storage.worker import Connection

PATIENCE_S: Final = 15.0
_STEP_S: Final = 0.02
_TAIL: Final = 120
"""Rows of a room that are compared: what a timeline shows at first."""

Picture = dict[str, Any]
"""Everything comparable by a path such as ``Harbour/head/unread``."""


class Seen:
    """One account of a desktop, its timelines kept open as windows keep them."""

    def __init__(self, account: AccountService) -> None:
        self.account = account
        self._timelines: dict[str, TimelineService] = {}
        self.open()

    def open(self) -> None:
        """Open the rooms that are there, so that pushes find them open."""
        for room_id in self.account.core.rooms:
            self._timelines[room_id] = self.account.timeline(room_id)
            self.account.members(room_id)
        for room_id in self._timelines.keys() - self.account.core.rooms.keys():
            del self._timelines[room_id]

    @property
    def settled(self) -> bool:
        """Online, nothing on its way out, every stream stored up to its head."""
        core = self.account.core
        if core.link.phase is not Phase.ONLINE or len(core.outbox):
            return False
        return all(room.tail is not None and room.tail[1] >= room.head.seq for room in core.rooms.values())

    async def picture(self) -> Picture:
        """What is shown and what is kept. Left out: drafts and typing, which are of one device; the names
        kept in previews, which the room list does not show where the person is known; notices, which a new
        desktop does not fetch.
        """
        self.open()
        info = self.account.info
        found: Picture = {
            "me": info.me,
            "unread": info.unread,
            "order": [room.room_id for room in self.account.rooms],
        }
        for item in self.account.rooms:
            name = f"{item.title} {item.room_id[-6:]}"
            room = self.account.core.rooms[item.room_id]
            for field, value in msgspec.structs.asdict(room.head).items():
                found[f"{name}/head/{field}"] = value
            preview = room.head.preview
            if preview is not None:
                found[f"{name}/head/preview"] = msgspec.structs.replace(preview, author_name="")
            peer = room.head.peer
            if peer is not None:
                found[f"{name}/head/peer"] = self.account.core.people.user(peer.id)
            found[f"{name}/row"] = replace(item, typing=(), draft="")
            found[f"{name}/members"] = self.account.members(item.room_id)
            found[f"{name}/timeline"] = [
                one for one in self._timelines[item.room_id].items if isinstance(one, MessageItem)
            ]
            found[f"{name}/cache"] = await self._cached(item.room_id)
        return found

    async def _cached(self, room_id: str) -> list[Message]:
        def read(db: Connection) -> list[Message]:
            page = read_tail(db, room_id, _TAIL)
            return [] if page is None else [row for row in page.rows if isinstance(row, Message)]

        return [_comparable(message) for message in await self.account.core.worker.run(read)]


async def equals_fresh(live: Seen, fresh: AccountService) -> None:
    """Assert that `live` shows and keeps what `fresh`, a new desktop of the same account, fetched.

    Waits while either still has something to fetch or to send; receipts make both move for a moment.
    """
    assert live.account.core.me == fresh.core.me, "not the same account"
    other = Seen(fresh)
    differ: Picture = {"": "never settled"}
    try:
        async with asyncio.timeout(PATIENCE_S):
            while differ:
                if live.settled and other.settled:
                    differ = _difference(await live.picture(), await other.picture())
                await asyncio.sleep(_STEP_S)
    except TimeoutError:
        lines = "\n".join(f"{path}:\n  pushed  {a}\n  fetched {b}" for path, (a, b) in _pairs(differ).items())
        raise AssertionError(f"the desktop differs from a fresh one:\n{lines}") from None


class Heard:
    """The kinds of pushes that reached each account, those inside answers to a sync included.

    Stands between the wire and `Session.receive`; several desktops of one account are one entry each.
    """

    def __init__(self) -> None:
        self._by_session: dict[int, tuple[Session, list[Push]]] = {}

    def note(self, session: Session, push: Push) -> None:
        """Called with every push that a session takes."""
        kept = self._by_session.setdefault(id(session), (session, []))[1]
        kept.append(push)
        kept.extend(getattr(push, "events", ()))

    def kinds(self, account: AccountService) -> set[type[Push]]:
        """Heard so far on the account's present and earlier connections, by any desktop of it."""
        mine = (kept for session, kept in self._by_session.values() if session.user_id == account.core.me)
        return {type(push) for kept in mine for push in kept}

    def clear(self) -> None:
        """From here on."""
        for _, kept in self._by_session.values():
            kept.clear()


def _comparable(message: Message) -> Message:
    """The order among different emojis is nobody's promise."""
    return msgspec.structs.replace(message, reactions=sorted(message.reactions, key=lambda one: one.emoji))


def _difference(pushed: Picture, fetched: Picture) -> Picture:
    nothing = object()
    return {
        path: (pushed.get(path), fetched.get(path))
        for path in pushed.keys() | fetched.keys()
        if pushed.get(path, nothing) != fetched.get(path, nothing)
    }


def _pairs(differ: Picture) -> dict[str, tuple[Any, Any]]:
    return {path: pair if isinstance(pair, tuple) else (pair, None) for path, pair in sorted(differ.items())}
