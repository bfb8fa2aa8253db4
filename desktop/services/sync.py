"""Keeps the cache in step with the server: live events, catching up by ``seq``, pages of history."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from typing import Final

from common.errors import ParleyError
from common.protocol import pushes, requests
from common.protocol.pushes import HistoryPage, RoomEvent, SyncEvents
from desktop.net.link import Link
from desktop.net.session import Answer
from desktop.storage.cache import Applied, apply_events, forget_rows, merge_page
from desktop.storage.fold import MessageChange
from desktop.storage.worker import Connection, Worker

log: Final = logging.getLogger(__name__)

AT_ONCE: Final = 4
"""Rooms that catch up at the same time: the newest first, and answers stay small."""
EVENTS_PER_JOB: Final = 200
TAIL_PAGE: Final = 50
RECENT: Final = 256
HISTORY_TIMEOUT_S: Final = 20.0

Step = tuple[str, list[RoomEvent]] | HistoryPage


class StreamSync:
    """``applied`` is called on the loop with what jobs did, in their order."""

    def __init__(
        self, *, worker: Worker, link: Link, me: str, applied: Callable[[list[Applied]], None]
    ) -> None:
        self._worker = worker
        self._link = link
        self._me = me
        self._applied = applied
        self._steps: deque[Step] = deque()
        self._busy = False
        self._wanted: dict[str, int] = {}
        """Rooms to catch up, with the ``seq`` to ask after; 0: the newest page."""
        self._running: set[str] = set()
        self._pages: dict[int, asyncio.Future[None]] = {}
        self._recent: dict[str, deque[MessageChange]] = {}

    def live(self, room_id: str, events: list[RoomEvent]) -> None:
        """Events in the order they came."""
        self._steps.append((room_id, events))
        self._pump()

    def catch_up(self, room_id: str, after_seq: int) -> None:
        """Ask for what is missing; with 0 for the newest page."""
        if room_id not in self._running:
            self._wanted[room_id] = after_seq
            self._ask()

    def offline(self) -> None:
        """Answers will not come."""
        self._running.clear()
        self._wanted.clear()

    def forget(self, room_id: str) -> None:
        """One is no member any more."""
        self._wanted.pop(room_id, None)
        self._recent.pop(room_id, None)

    def on_sync(self, push: SyncEvents) -> None:
        """Answer to a catch-up."""
        self._running.discard(push.room_id)
        if push.truncated:
            # Rows of before the hole would miss changes made in it: the copy of the room starts anew.
            self._worker.submit(
                lambda db: forget_rows(db, push.room_id),
                lambda _: self._applied([Applied(push.room_id, tail=None)]),
                write=True,
            )
            self.catch_up(push.room_id, 0)
        else:
            self._steps.append((push.room_id, list(push.events)))
            self._pump()
            if push.events and push.events[-1].seq < push.head:
                # An answer holds so many bytes at most: what is still missing is asked for next.
                self.catch_up(push.room_id, push.events[-1].seq)
        self._ask()

    def on_page(self, page: HistoryPage) -> None:
        """Answer to ``history``."""
        self._running.discard(page.room_id)
        self._steps.append(page)
        self._pump()
        self._ask()

    async def history(
        self,
        room_id: str,
        *,
        before: int | None = None,
        after: int | None = None,
        around: int | None = None,
        limit: int = TAIL_PAGE,
    ) -> None:
        """Fetch a page into the cache; it is there when this returns.

        Raises:
            ParleyError: refused, offline, or no answer.
        """
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        def make(id_: int) -> requests.History:
            self._pages[id_] = future
            return requests.History(
                id=id_, room_id=room_id, before=before, after=after, around=around, limit=limit
            )

        def answered(answer: Answer) -> None:
            # A page itself goes through ``on_page``, in order with the events around it.
            if isinstance(answer, ParleyError) and not future.done():
                future.set_exception(answer)

        self._link.post(make, answered, timeout_s=HISTORY_TIMEOUT_S)
        try:
            await future
        finally:
            for id_ in [id_ for id_, waiting in self._pages.items() if waiting is future]:
                del self._pages[id_]

    def _ask(self) -> None:
        while self._wanted and len(self._running) < AT_ONCE:
            room_id, after = next(iter(self._wanted.items()))
            del self._wanted[room_id]

            def make(
                id_: int, room_id: str = room_id, after: int = after
            ) -> requests.Sync | requests.History:
                if after == 0:
                    return requests.History(id=id_, room_id=room_id, limit=TAIL_PAGE)
                return requests.Sync(id=id_, room_id=room_id, after_seq=after)

            def answered(answer: Answer, room_id: str = room_id) -> None:
                if isinstance(answer, ParleyError):
                    # Refused: one is no member any more. Lost: asked again after the next ``ready``.
                    self._running.discard(room_id)

            self._running.add(room_id)
            try:
                self._link.post(make, answered, timeout_s=HISTORY_TIMEOUT_S)
            except ParleyError:
                self.offline()
                return

    def _pump(self) -> None:
        if self._busy or not self._steps:
            return
        self._busy = True
        steps: list[Step] = []
        size = 0
        while self._steps and size < EVENTS_PER_JOB:
            step = self._steps.popleft()
            size += len(step.messages) if isinstance(step, HistoryPage) else len(step[1])
            steps.append(step)
            self._remember(step)
        recent = {
            step.room_id: list(self._recent.get(step.room_id, ()))
            for step in steps
            if isinstance(step, HistoryPage)
        }
        me = self._me

        def job(db: Connection) -> list[Applied]:
            return [
                merge_page(db, step, me, recent[step.room_id])
                if isinstance(step, HistoryPage)
                else apply_events(db, step[0], step[1], me)
                for step in steps
            ]

        def done(results: list[Applied]) -> None:
            self._busy = False
            self._applied(results)
            for step in steps:
                if isinstance(step, HistoryPage):
                    waiting = self._pages.pop(step.id, None)
                    if waiting is not None and not waiting.done():
                        waiting.set_result(None)
            self._pump()

        def failed(problem: Exception) -> None:
            self._busy = False
            for step in steps:
                waiting = self._pages.pop(step.id, None) if isinstance(step, HistoryPage) else None
                if waiting is not None and not waiting.done():
                    waiting.set_exception(problem)
            # What was not stored shows as a gap and is asked for again: nothing is lost but time.
            log.error("events not stored: %s", problem)

        self._worker.submit(job, done, failed, write=True)

    def _remember(self, step: Step) -> None:
        if isinstance(step, HistoryPage):
            return
        changes = [
            event
            for event in step[1]
            if isinstance(
                event,
                pushes.MessageEdited | pushes.MessageDeleted | pushes.ReactionAdded | pushes.ReactionRemoved,
            )
        ]
        if changes:
            self._recent.setdefault(step[0], deque(maxlen=RECENT)).extend(changes)
