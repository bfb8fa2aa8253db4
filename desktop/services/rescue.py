"""What was written for a room that one is no longer in: moved to "Notes to self", as a text to be sent there.

Nobody could see it otherwise: the room is gone from the list, and with it the messages that wait or failed
there and the unfinished text. Nothing is sent by itself.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Final

from common.limits import INT_MAX
from desktop.services.core import Core
from desktop.services.rooms import is_notes
from desktop.services.state import ServiceError
from desktop.services.words import tr
from desktop.storage.outbox import remove_draft, set_text
from desktop.storage.worker import Connection

log: Final = logging.getLogger(__name__)


class Rescue:
    """``texts``: the unfinished ones by room id. ``open_notes`` gives the room with oneself, if need be a new
    one, or raises ``ServiceError``. ``tell`` gets a sentence, ``changed`` the id of the room with the text.
    """

    def __init__(
        self,
        core: Core,
        texts: MutableMapping[str, str],
        *,
        open_notes: Callable[[], Awaitable[str]],
        tell: Callable[[str], None],
        changed: Callable[[str], None],
    ) -> None:
        self._core = core
        self._texts = texts
        self._open_notes = open_notes
        self._tell = tell
        self._changed = changed
        self._titles: dict[str, str] = {}
        self._running = False

    def gone(self, room_id: str, title: str) -> None:
        """One is no longer in a room."""
        self._titles[room_id] = title
        self.look()

    def look(self) -> None:
        """Once it is known which rooms there are: take care of what is left of others."""
        if not self._core.incoming.ready or self._running:
            return
        self._settle()
        if self._left() and not self._running:
            self._running = True
            self._core.tasks.spawn(self._run(), name="rescue")

    async def _run(self) -> None:
        try:
            rooms = self._core.rooms.values()
            found = next((room.head.room_id for room in rooms if is_notes(room.head, room.me)), None)
            self._move(found or await self._open_notes())
        except ServiceError as problem:
            # Looked at again with every ``ready``; until then it stays where it is.
            log.info("unsent texts not moved yet: %s", problem.text)
        finally:
            self._running = False

    def _left(self) -> dict[str, list[str]]:
        """Bodies by room, the unfinished one last; a room's together, when none of them is on its way."""
        outbox, left = self._core.outbox, dict[str, list[str]]()
        for room_id in [*outbox.rooms(), *self._texts]:
            if room_id not in self._core.rooms and not outbox.on_its_way(room_id):
                bodies = [*(draft.body for draft in outbox.drafts(room_id)), self._texts.get(room_id, "")]
                left[room_id] = [body for body in bodies if body]
        return {room_id: bodies for room_id, bodies in left.items() if bodies}

    def _settle(self) -> None:
        """What was acknowledged was sent, though no copy of its room will ever show it."""
        for room_id in self._core.outbox.rooms() - self._core.rooms.keys():
            if self._core.sender.applied(room_id, [], INT_MAX):
                self._core.sender.left(room_id)

    def _move(self, notes: str) -> None:
        self._settle()
        left = self._left()
        if not left or notes not in self._core.rooms:
            return
        parts = [self._texts.get(notes, ""), *map(self._headed, left, left.values())]
        text = "\n\n".join(filter(None, parts))
        keys = [draft.client_msg_id for room_id in left for draft in self._core.outbox.drafts(room_id)]
        for room_id in left:
            for draft in self._core.outbox.drafts(room_id):
                self._core.outbox.remove(room_id, draft.client_msg_id)
            self._texts.pop(room_id, None)
        self._texts[notes] = text

        def job(db: Connection) -> None:
            set_text(db, notes, text)
            for room_id in left:
                set_text(db, room_id, "")
            for key in keys:
                remove_draft(db, key)

        # In the lane of texts that are typed, or one of before could come after it.
        self._core.worker.submit(job, lambda _: None, write=True, durable=True)
        self._tell(self._words(left))
        self._changed(notes)

    def _headed(self, room_id: str, bodies: list[str]) -> str:
        title = self._titles.get(room_id, "") or tr("a room that is gone")
        head = tr("Not sent to {title}:").format(title=title)
        return "\n\n".join([head, *bodies])

    def _words(self, left: Mapping[str, list[str]]) -> str:
        count = sum(len(bodies) for bodies in left.values())
        titles = ", ".join(filter(None, (self._titles.get(room_id) for room_id in left)))
        gone = tr("You are no longer in {title}.").format(title=titles) if titles else ""
        moved = (
            tr("What you had not sent there is in “Notes to self”, ready to be copied.")
            if count == 1
            else tr("{count} texts that you had not sent are in “Notes to self”, ready to be copied.")
        )
        return f"{gone} {moved.format(count=count)}".strip()
