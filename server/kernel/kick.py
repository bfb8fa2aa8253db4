"""Telling whoever relays the outbox, in this process or in another, that there is something new."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

import msgspec
import structlog

from common.errors import ParleyError
from server.kernel.bus import EventBus, Handler, Topic
from server.kernel.tasks import TaskOwner

log: Final = structlog.get_logger(__name__)

_KEY: Final = "outbox"


class OutboxKicked(msgspec.Struct, frozen=True):
    """Rows were committed to the event outbox."""


OUTBOX_KICKED: Final = Topic("kernel.outbox_kicked", OutboxKicked)


class RemoteKick:
    """Over the bus; what comes while one is under way is told once, after it."""

    def __init__(self, bus: EventBus) -> None:
        self._bus = bus
        self._tasks = TaskOwner("kick")
        self._again = False
        self._telling = False

    def __call__(self) -> None:
        """After a commit; returns at once."""
        self._again = True
        if not self._telling:
            # Not whether there is a task: one that is through is there for a moment longer.
            self._telling = True
            self._tasks.spawn(self._tell(), name="tell")

    async def stop(self) -> None:
        """What was not told is found by the relay's own look."""
        await self._tasks.close()

    async def _tell(self) -> None:
        try:
            while self._again:
                self._again = False
                try:
                    await self._bus.publish(OUTBOX_KICKED, _KEY, OutboxKicked())
                except ParleyError as problem:
                    log.warning("outbox_kick_not_told", reason=problem.message)
        finally:
            self._telling = False


def on_kick(kick: Callable[[], None]) -> Handler[OutboxKicked]:
    """The relay's side of it: a bus handler."""

    async def handle(_: Sequence[OutboxKicked]) -> None:
        kick()

    return handle
