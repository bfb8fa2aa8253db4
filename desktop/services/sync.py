"""Keeps the cache in step with the server: live events, catching up by ``seq``, pages of history."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from typing import Final

from common.errors import RETRYABLE, Code, ParleyError
from common.protocol import pushes, requests
from common.protocol.pushes import HistoryPage, RoomEvent, SyncEvents
from desktop.net.backoff import Backoff
from desktop.net.link import Link, Phase
from desktop.net.session import Answer, NoAnswerError
from desktop.storage.cache import Applied, apply_events, forget_rows, merge_page
from desktop.storage.fold import MessageChange
from desktop.storage.worker import ClosedError, Connection, StorageError, Worker

log: Final = logging.getLogger(__name__)

AT_ONCE: Final = 4
"""Rooms that catch up at the same time: the newest first, and answers stay small."""
EVENTS_PER_JOB: Final = 200
TAIL_PAGE: Final = 50
RECENT: Final = 256
HISTORY_TIMEOUT_S: Final = 20.0
STORE_TIMEOUT_S: Final = 20.0

Step = tuple[str, list[RoomEvent]] | HistoryPage


class StreamSync:
    """``applied`` is called on the loop with what jobs did, in their order; ``lost`` with the rooms of which
    something could not be stored.
    """

    def __init__(
        self,
        *,
        worker: Worker,
        link: Link,
        me: str,
        applied: Callable[[list[Applied]], None],
        lost: Callable[[set[str]], None],
    ) -> None:
        self._worker = worker
        self._link = link
        self._me = me
        self._applied = applied
        self._lost = lost
        self._steps: deque[Step] = deque()
        self._busy = False
        self._wanted: dict[str, int] = {}
        """Rooms to catch up, with the ``seq`` to ask after; 0: the newest page."""
        self._running: set[str] = set()
        self._backoff = Backoff()
        self._pause: asyncio.TimerHandle | None = None
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

    def catch_up_later(self, room_id: str, after_seq: int, *, retry_after_ms: int | None = None) -> None:
        """The same after a pause of all catching up: the server has no time for it, or the disk no room."""
        self._running.discard(room_id)
        self._wanted[room_id] = after_seq
        if self._pause is None:
            wait_s = self._backoff.next_s(retry_after_s=(retry_after_ms or 0) / 1_000)
            self._pause = asyncio.get_running_loop().call_later(wait_s, self._resume)

    def first(self, room_id: str) -> None:
        """Somebody looks at this room: of those that wait it goes first."""
        if room_id in self._wanted:
            self._wanted = {room_id: self._wanted.pop(room_id), **self._wanted}

    def offline(self) -> None:
        """Answers will not come; with the next ``ready`` it is known anew what to ask for. No timer stays."""
        self._running.clear()
        self._wanted.clear()
        self._backoff.reset()
        if self._pause is not None:
            self._pause.cancel()
            self._pause = None

    def _resume(self) -> None:
        self._pause = None
        self._ask()

    def forget(self, room_id: str) -> None:
        """One is no member any more."""
        self._wanted.pop(room_id, None)
        self._recent.pop(room_id, None)

    def on_sync(self, push: SyncEvents) -> None:
        """Answer to a catch-up."""
        self._running.discard(push.room_id)
        if push.truncated:
            # Rows of before the hole would miss changes made in it: the copy of the room starts anew.
            self._start_anew(push.room_id)
        else:
            self._steps.append((push.room_id, list(push.events)))
            self._pump()
            if push.events and push.events[-1].seq < push.head:
                # An answer holds so many bytes at most: what is still missing is asked for next.
                self.catch_up(push.room_id, push.events[-1].seq)
        self._ask()

    def _start_anew(self, room_id: str) -> None:
        def forgotten(_: None) -> None:
            self._applied([Applied(room_id, tail=None)])
            self.catch_up(room_id, 0)

        self._worker.submit(
            lambda db: forget_rows(db, room_id),
            forgotten,
            lambda problem: self._failed(problem, {room_id}),
            write=True,
        )

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
            StorageError: it can't be stored.
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

        try:
            self._link.post(make, answered, timeout_s=HISTORY_TIMEOUT_S)
            async with asyncio.timeout(HISTORY_TIMEOUT_S + STORE_TIMEOUT_S):
                await future
        except TimeoutError as problem:
            raise NoAnswerError("the page was not stored in time") from problem
        finally:
            for id_ in [id_ for id_, waiting in self._pages.items() if waiting is future]:
                del self._pages[id_]

    def _ask(self) -> None:
        if self._link.phase is not Phase.ONLINE:
            self.offline()
        while self._wanted and self._pause is None and len(self._running) < AT_ONCE:
            room_id, after = next(iter(self._wanted.items()))
            del self._wanted[room_id]

            def make(
                id_: int, room_id: str = room_id, after: int = after
            ) -> requests.Sync | requests.History:
                if after == 0:
                    return requests.History(id=id_, room_id=room_id, limit=TAIL_PAGE)
                return requests.Sync(id=id_, room_id=room_id, after_seq=after)

            def answered(answer: Answer, room_id: str = room_id, after: int = after) -> None:
                if isinstance(answer, ParleyError):
                    self._refused(room_id, after, answer)

            self._running.add(room_id)
            try:
                self._link.post(make, answered, timeout_s=HISTORY_TIMEOUT_S)
            except ParleyError as problem:
                self._refused(room_id, after, problem)

    def _refused(self, room_id: str, after_seq: int, refusal: ParleyError) -> None:
        """For now: again. For good, so one is no member any more: the room is about to go."""
        self._running.discard(room_id)
        if refusal.code in RETRYABLE or refusal.code is Code.INTERNAL:
            # After a lost connection ``offline`` follows, and then the next ``ready``.
            self.catch_up_later(room_id, after_seq, retry_after_ms=refusal.retry_after_ms)
        else:
            self._ask()

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
            self._backoff.reset()
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
            self._failed(
                problem, {step.room_id if isinstance(step, HistoryPage) else step[0] for step in steps}
            )
            self._pump()

        self._worker.submit(job, done, failed, write=True)

    def _failed(self, problem: Exception, room_ids: set[str]) -> None:
        """What was not stored is asked for again: nothing is lost but time."""
        if isinstance(problem, ClosedError):
            return
        log.error("events not stored: %s", problem, exc_info=not isinstance(problem, StorageError))
        self._lost(room_ids)

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
