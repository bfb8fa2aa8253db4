"""Moves the outbox: onto the disk, then over the link, one message at a time and room."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Final

from common.errors import Code, ParleyError
from common.protocol import pushes, requests
from desktop.net.link import Link, Phase
from desktop.net.session import Answer
from desktop.services.words import refusal_text, service_error, tr
from desktop.storage.outbox import Draft, Outbox, add_draft, remove_draft, set_error
from desktop.storage.worker import Worker

log: Final = logging.getLogger(__name__)


class Sender:
    """``changed(room_id)`` is called when the room's drafts differ."""

    def __init__(self, *, worker: Worker, link: Link, outbox: Outbox, changed: Callable[[str], None]) -> None:
        self._worker = worker
        self._link = link
        self._outbox = outbox
        self._changed = changed
        self._timer: asyncio.TimerHandle | None = None

    def add(self, draft: Draft) -> None:
        """Show at once, store, then send: nothing leaves before it would survive a crash."""
        self._outbox.add(draft, stored=False)
        self._keep(draft)
        self._changed(draft.room_id)

    def retry(self, room_id: str, key: str) -> None:
        """Send a failed one again, with its old id."""
        draft = self._outbox.retry(room_id, key)
        if draft is None:
            return
        if self._outbox.is_stored(room_id, key):
            self._store(lambda db: set_error(db, key, None))
        else:
            # What it failed of was the disk, perhaps.
            self._keep(draft)
        self._changed(room_id)
        self.pump()

    def _keep(self, draft: Draft) -> None:
        def stored(_: None) -> None:
            self._outbox.mark_stored(draft.room_id, draft.client_msg_id)
            self.pump()

        def failed(problem: Exception) -> None:
            words = tr("Not kept on this computer: {why}").format(why=service_error(problem).text)
            refusal = ParleyError(Code.INTERNAL, words)
            self._outbox.refused(draft.room_id, draft.client_msg_id, refusal, 0.0)
            self._changed(draft.room_id)
            self.pump()

        self._worker.submit(lambda db: add_draft(db, draft), stored, failed, urgent=True, durable=True)

    def discard(self, room_id: str, key: str) -> None:
        """Throw one away."""
        if self._outbox.remove(room_id, key) is not None:
            self._store(lambda db: remove_draft(db, key))
            self._changed(room_id)
            self.pump()

    def applied(self, room_id: str, sent: list[str], tail_to: int) -> bool:
        """The cache has these; what it has overtaken without holding it goes too.

        Whether something went: ``left`` tells of it, once the messages are shown in its place.
        """
        overtaken = self._outbox.overtaken(room_id, tail_to)
        gone = [key for key in {*sent, *overtaken} if self._outbox.remove(room_id, key) is not None]
        for key in overtaken:
            self._store(lambda db, key=key: remove_draft(db, key))
        return bool(gone)

    def left(self, room_id: str) -> None:
        """Messages left the outbox as stored ones: the next may go."""
        self._changed(room_id)
        self.pump()

    def disconnected(self) -> None:
        """Everything not acknowledged will leave again."""
        self._outbox.disconnected()

    def pump(self) -> None:
        """Send what may leave now."""
        if self._link.phase is not Phase.ONLINE:
            return
        now = asyncio.get_running_loop().time()
        for draft in list(self._outbox.next_sends(now)):
            self._send(draft)
        due = self._outbox.next_time()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if due is not None:
            self._timer = asyncio.get_running_loop().call_later(max(0.05, due - now), self.pump)

    def close(self) -> None:
        """No timer stays behind."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _send(self, draft: Draft) -> None:
        def make(id_: int) -> requests.MessageSend:
            return requests.MessageSend(
                id=id_,
                client_msg_id=draft.client_msg_id,
                room_id=draft.room_id,
                body=draft.body,
                reply_to=draft.reply_to,
                mentions=list(draft.mentions),
            )

        def answered(answer: Answer) -> None:
            if isinstance(answer, pushes.MessageNew):
                self._outbox.acked(draft.room_id, draft.client_msg_id, answer.seq)
            elif isinstance(answer, ParleyError):
                self._refused(draft, answer)
            self.pump()

        try:
            self._link.post(make, answered)
        except ParleyError as problem:
            self._refused(draft, problem)

    def _refused(self, draft: Draft, refusal: ParleyError) -> None:
        now = asyncio.get_running_loop().time()
        words = ParleyError(refusal.code, refusal_text(refusal), retry_after_ms=refusal.retry_after_ms)
        failed = self._outbox.refused(draft.room_id, draft.client_msg_id, words, now)
        if failed is not None:
            self._store(lambda db: set_error(db, failed.client_msg_id, failed.error))
        self._changed(draft.room_id)

    def _store(self, job: Callable[..., None]) -> None:
        self._worker.submit(job, lambda _: None, urgent=True, durable=True)
