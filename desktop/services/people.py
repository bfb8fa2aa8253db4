"""Everybody this account has heard of, as persons ready for the screen; asks for those it has not."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path
from typing import Final

from common.protocol.types import User
from desktop.net.tasks import TaskOwner
from desktop.services.state import Person
from desktop.services.words import tr

ASK_AT_ONCE: Final = 50

Fetch = Callable[[list[str]], Awaitable[list[User]]]
FetchPicture = Callable[[User], Awaitable[bytes | None]]


class People:
    """``changed`` is called with the ids whose look changed."""

    def __init__(
        self,
        *,
        tasks: TaskOwner,
        fetch: Fetch,
        fetch_picture: FetchPicture,
        folder: Path,
        changed: Callable[[set[str]], None],
    ) -> None:
        self._users: dict[str, User] = {}
        self._persons: dict[str, Person] = {}
        self._tasks = tasks
        self._fetch = fetch
        self._fetch_picture = fetch_picture
        self._folder = folder
        self._changed = changed
        self._missing: set[str] = set()
        self._asked: set[str] = set()
        self._fetching = False

    def put(self, users: Iterable[User]) -> list[User]:
        """Learn people; those that are new or differ."""
        fresh = [user for user in users if self._users.get(user.id) != user]
        for user in fresh:
            self._users[user.id] = user
            self._persons.pop(user.id, None)
            self._missing.discard(user.id)
        if fresh:
            self._changed({user.id for user in fresh})
        return fresh

    def user(self, user_id: str) -> User | None:
        return self._users.get(user_id)

    def all(self) -> list[User]:
        return list(self._users.values())

    def person(self, user_id: str) -> Person:
        """Somebody; an unknown one is asked for and shown as an ellipsis meanwhile."""
        person = self._persons.get(user_id)
        if person is None:
            user = self._users.get(user_id)
            if user is None:
                if user_id not in self._asked:
                    self._missing.add(user_id)
                return Person(user_id=user_id, name="…")
            person = self._persons[user_id] = self._make(user)
        return person

    def ask(self) -> None:
        """Fetch who is missing; called when online."""
        if self._missing and not self._fetching:
            self._fetching = True
            self._tasks.spawn(self._ask(), name="people")

    def offline(self) -> None:
        """Who was asked for in vain may be asked for again."""
        self._asked.clear()

    async def _ask(self) -> None:
        try:
            while self._missing:
                ids = sorted(self._missing)[:ASK_AT_ONCE]
                self._missing.difference_update(ids)
                self._asked.update(ids)
                self.put(await self._fetch(ids))
        finally:
            self._fetching = False

    def _make(self, user: User) -> Person:
        return Person(
            user_id=user.id,
            name=tr("Deleted user") if user.deleted else user.display_name,
            username=user.username,
            about=user.about,
            colour=user.avatar_colour,
            picture=self._picture(user),
            admin=user.admin,
            deleted=user.deleted,
        )

    def _picture(self, user: User) -> str | None:
        if user.avatar is None or user.deleted:
            return None
        path = self._folder / f"{user.id}-{''.join(c for c in user.avatar if c.isalnum())}"
        if path.exists():
            return str(path)
        if str(path) not in self._asked:
            self._asked.add(str(path))
            self._tasks.spawn(self._load_picture(user, path), name="picture")
        return None

    async def _load_picture(self, user: User, path: Path) -> None:
        data = await self._fetch_picture(user)
        if data is not None:
            await asyncio.to_thread(_write, path, data)
            self._persons.pop(user.id, None)
            self._changed({user.id})


def _write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    part.write_bytes(data)
    part.replace(path)
