"""Moves receipts over the link, each when it is due."""

from __future__ import annotations

import asyncio
from typing import Final

from common.errors import ParleyError
from common.protocol import requests
from desktop.net.link import Link, Phase
from desktop.net.session import Answer
from desktop.services.receipts import Receipts

SOONEST_S: Final = 0.02


class ReceiptSender:
    """What ``receipts`` decides is done here."""

    def __init__(self, receipts: Receipts, link: Link) -> None:
        self._receipts = receipts
        self._link = link
        self._timer: asyncio.TimerHandle | None = None

    def send(self) -> None:
        """Whatever is due goes now, the rest by itself in time."""
        if self._link.phase is not Phase.ONLINE:
            return
        loop = asyncio.get_running_loop()
        now = loop.time()
        for room_id, delivered, read in self._receipts.take_due(now):
            self._post(room_id, delivered, read)
        due = self._receipts.next_time()
        self.close()
        if due is not None:
            self._timer = loop.call_later(max(SOONEST_S, due - now), self.send)

    def close(self) -> None:
        """No timer stays behind."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _post(self, room_id: str, delivered: int, read: int) -> None:
        loop = asyncio.get_running_loop()

        def make(id_: int) -> requests.Receipt:
            return requests.Receipt(id=id_, room_id=room_id, delivered=delivered, read=read)

        def answered(answer: Answer) -> None:
            refusal = answer if isinstance(answer, ParleyError) else None
            self._receipts.answered(room_id, (delivered, read), refusal, loop.time())
            if refusal is not None:
                self.send()

        try:
            self._link.post(make, answered)
        except ParleyError as problem:
            self._receipts.answered(room_id, (delivered, read), problem, loop.time())
