"""The event bus port: Kafka's promises, kept in-process by the memory bus.

Records of one key stay in order; a group handles each record at least once, a batch at a time, and
a batch counts as done only when its handler returned. Queues are bounded: ``publish`` waits.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from common.errors import Code, ParleyError

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Topic(Generic[T]):
    """A named stream of one payload type, a msgspec struct or a tagged union of such."""

    name: str
    payload: type[T]


Handler = Callable[[Sequence[T]], Awaitable[None]]
"""Takes the payloads of one batch, in order. Raising means: hand me the same batch again."""


Held = Callable[[], Awaitable[None]]
"""Waits until the bus holds a record. To be called once, and soon."""


class BusUnavailableError(ParleyError):
    """The bus did not confirm within its time. What was on its way by then may still be there."""

    def __init__(self, message: str = "the server is overloaded") -> None:
        super().__init__(Code.UNAVAILABLE, message, retry_after_ms=1_000)


class RecordTooLargeError(ParleyError):
    """A record is larger than the bus takes: to try again is no use."""

    def __init__(self, message: str = "this is too large") -> None:
        super().__init__(Code.TOO_LARGE, message)


class EventBus(Protocol):
    """Publish and consume."""

    async def start(self) -> None:
        """Connect; consumers subscribed before run from now on."""
        ...

    async def stop(self) -> None:
        """Let handlers finish the batch at hand, then stop them. What is queued stays (Kafka)
        or is handled first, within the drain time (memory).
        """
        ...

    async def publish(self, topic: Topic[T], key: str, payload: T) -> None:
        """Append a record; returns when the bus holds it.

        Raises:
            BusUnavailableError: full or away for longer than the publish time-out.
            RecordTooLargeError: nothing was published, unless the cluster takes less than it should.
        """
        ...

    async def submit(self, topic: Topic[T], key: str, payload: T) -> Held:
        """``publish`` in two halves: when this returns, the record has its place among those of its key.

        Raises:
            BusUnavailableError: as ``publish``; the second half raises it as well.
        """
        ...

    async def publish_to(self, topic: Topic[T], records: Sequence[tuple[int, T]]) -> None:
        """Append to addressed partitions (modulo their count), each partition's in this order.

        Raises:
            BusUnavailableError: as ``publish``; some may be there.
            RecordTooLargeError: as ``publish``.
        """
        ...

    async def partitions(self, topic: Topic[T]) -> int:
        """How many the topic has.

        Raises:
            BusUnavailableError: the bus does not say.
        """
        ...

    def on_loss(self, tell: Callable[[], None]) -> None:
        """``tell`` is called when records may have been lost that a reader here should have had: what
        it knows by them is to be compared with the database. Before ``start``.
        """
        ...

    async def check(self) -> None:
        """Whether it answers now.

        Raises:
            BusUnavailableError: it does not.
        """
        ...

    def lag(self) -> Mapping[str, int]:
        """For each consumer here, by its name, the records that wait for it, as of a few seconds ago."""
        ...

    def subscribe(self, topic: Topic[T], group: str, handler: Handler[T], *, max_batch: int = 256) -> None:
        """Consume as a member of ``group``; each record reaches one member. Before ``start``."""
        ...

    def read_partition(
        self, topic: Topic[T], partition: int, handler: Handler[T], *, max_batch: int = 256
    ) -> None:
        """Consume one partition from its end, without a group. Before ``start``."""
        ...
