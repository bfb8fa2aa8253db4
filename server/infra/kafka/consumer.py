"""Reading Kafka a batch at a time: a batch that fails comes again, one that is done is committed soon."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from typing import Any, Final

import msgspec
import structlog
from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition
from aiokafka.errors import KafkaError

from common.errors import ParleyError
from server.infra.kafka.brokers import Brokers
from server.kernel.bus import Handler
from server.kernel.telemetry import Dependency, Telemetry

log: Final = structlog.get_logger(__name__)

_POLL_MS: Final = 200
_COMMIT_EVERY_S: Final = 0.25
"""A commit costs some 10 ms: never one a message, and never on the path of a delivery."""
_BACK_OFF_MAX_S: Final = 2.0
"""What failed because something was away goes on so soon after it is back."""
_SESSION_MS: Final = 6_000
_HEARTBEAT_MS: Final = 2_000
_FETCH_WAIT_MS: Final = 500
_BATCH_BYTES: Final = 512 * 1024
"""Of one key in a batch at most: what is made of it is one record again, which may have 1 MiB, and is larger
by authors, times and quotes."""
_METADATA_MS: Final = 5_000
"""So soon a topic that was made again is found; the default is five minutes."""
_MOVED_LOOKS: Final = 3
"""Until then a reader reads from its new place, and all who publish have looked how many there are."""
_LOOK_TIMEOUT_S: Final = 3.0
_REPLACE_TIMEOUT_S: Final = 20.0


class Consumer:
    """One subscription. ``run`` until ``end``."""

    def __init__(
        self,
        topic: str,
        payload: Any,  # noqa: ANN401 - a type or a union of such
        handler: Handler[Any],
        *,
        max_batch: int,
        back_off_s: float,
        stall_s: float,
        telemetry: Telemetry,
    ) -> None:
        self.topic = topic
        self._handler = handler
        self._max_batch = max_batch
        self._back_off_s = back_off_s
        self._stall_s = stall_s
        self._telemetry = telemetry
        self._decoder = msgspec.json.Decoder(payload)
        self._client: AIOKafkaConsumer | None = None
        self._options: Mapping[str, Any] = {}
        self._ending = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self._handling = False
        self._taken = 0
        self._stuck: tuple[int, float] | None = None
        self._renew = False
        self.lag = 0
        """Records that wait, as ``look`` last saw."""

    @property
    def name(self) -> str:
        """For logs and tasks."""
        return self.topic

    async def start(self, servers: Brokers) -> None:
        """Connect; what is published from now on is seen."""
        self._options = servers.options
        self._client = await self._connected()

    async def _connected(self) -> AIOKafkaConsumer:
        """A client that reads on from where this one is."""
        raise NotImplementedError

    async def look(self) -> bool:
        """How far behind it is; False where it took nothing for ``stall_s`` though something waits.

        A client that stalled so (aiokafka #983, #1037) is replaced by ``run``.

        Raises:
            KafkaError, TimeoutError: the cluster does not say.
        """
        client = self._client
        if self._renew:
            return True
        if client is None or not (partitions := list(client.assignment())):
            self.lag = 0
            return True
        async with asyncio.timeout(_LOOK_TIMEOUT_S):
            ends = await client.end_offsets(partitions)
            behind = [ends[partition] - await client.position(partition) for partition in partitions]
        self.lag = sum(max(0, one) for one in behind)
        # Behind zero: the topic was made anew, and is shorter than what was read of it.
        now = time.monotonic()
        if not any(behind) or self._handling:
            self._stuck = None
        elif self._stuck is None or self._stuck[0] != self._taken:
            self._stuck = (self._taken, now)
        elif now - self._stuck[1] >= self._stall_s:
            self._stuck, self._renew = None, True
            log.warning("bus_reader_stalled", consumer=self.name, lag=self.lag)
            return False
        return True

    def end(self) -> None:
        """Take no further batch."""
        self._ending.set()

    async def ended(self) -> None:
        """Until the batch at hand is done."""
        await self._idle.wait()

    async def stop(self) -> None:
        """Commit what is done, disconnect. Not started is fine."""
        client, self._client = self._client, None
        if client is not None:
            await self._commit(client, now=True)
            await client.stop()

    async def run(self) -> None:
        """Batch after batch. While the cluster is away the client itself goes on trying."""
        self._idle.clear()
        try:
            while not self._ending.is_set() and (client := self._client) is not None:
                if self._renew:
                    await self._replace(client)
                    continue
                try:
                    found = await client.getmany(timeout_ms=_POLL_MS, max_records=self._max_batch)
                except KafkaError as problem:
                    self._telemetry.failed(Dependency.KAFKA)
                    log.warning("bus_not_read", consumer=self.name, reason=repr(problem))
                    await asyncio.sleep(self._back_off_s)
                    continue
                records = [record for batch in found.values() for record in batch]
                self._taken += len(records)
                if records and await self._handle(self._decoded(records)):
                    self._done(
                        {partition: batch[-1].offset + 1 for partition, batch in found.items() if batch}
                    )
                await self._commit(client)
        except Exception:
            # Begun anew, it reads on from behind what was handled, not from behind what was taken.
            self._renew = True
            raise
        finally:
            self._idle.set()

    async def _replace(self, stalled: AIOKafkaConsumer) -> None:
        """A new client in place of one that takes nothing any more, or reads what it should not."""
        try:
            async with asyncio.timeout(_REPLACE_TIMEOUT_S):
                fresh = await self._connected()
        except (KafkaError, OSError, TimeoutError) as problem:
            log.warning("bus_reader_not_replaced", consumer=self.name, reason=repr(problem))
            await asyncio.sleep(self._back_off_s)
            return
        self._client, self._renew = fresh, False
        try:
            async with asyncio.timeout(_REPLACE_TIMEOUT_S):
                await stalled.stop()
        except (KafkaError, TimeoutError) as problem:
            log.warning("bus_reader_not_stopped", consumer=self.name, reason=repr(problem))

    def _done(self, offsets: dict[TopicPartition, int]) -> None:
        """These were handled up to before the offsets."""

    async def _commit(self, client: AIOKafkaConsumer, *, now: bool = False) -> None:
        """Where a group remembers how far it is."""

    def _decoded(self, records: list[Any]) -> list[Any]:
        payloads = []
        for record in records:
            try:
                payloads.append(self._decoder.decode(record.value))
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
                # Kept, it would hold up everything behind it for ever.
                log.exception("bus_record_unreadable", topic=self.topic, offset=record.offset)
        return payloads

    async def _handle(self, payloads: list[Any]) -> bool:
        """Until it is done; False where the end came before."""
        self._handling = True
        try:
            return await self._tried(payloads)
        finally:
            self._handling = False

    async def _tried(self, payloads: list[Any]) -> bool:
        attempt = 0
        while payloads:
            try:
                await self._handler(payloads)
            except Exception as problem:  # noqa: BLE001 - logged; the batch comes again, whatever it was
                attempt += 1
                delay_s = min(self._back_off_s * 2 ** min(attempt - 1, 16), _BACK_OFF_MAX_S)
                self._report(problem, len(payloads), attempt)
                try:
                    async with asyncio.timeout(delay_s):
                        await self._ending.wait()
                except TimeoutError:
                    continue
                return False
            else:
                return True
        return True

    def _report(self, problem: Exception, records: int, attempt: int) -> None:
        """What is away is no bug, and says so in a line."""
        if isinstance(problem, ParleyError):
            reason = problem.message
            log.warning(
                "bus_batch_waits", consumer=self.name, records=records, attempt=attempt, reason=reason
            )
        else:
            fields = {"consumer": self.name, "records": records, "attempt": attempt}
            log.error("bus_batch_failed", exc_info=problem, **fields)


class GroupConsumer(Consumer, ConsumerRebalanceListener):  # type: ignore[misc]  # aiokafka ships no types
    """A member of a group; what it handled and did not commit comes again to whoever takes over."""

    def __init__(
        self,
        topic: str,
        payload: Any,  # noqa: ANN401 - as the base
        handler: Handler[Any],
        *,
        group: str,
        **more: Any,  # noqa: ANN401 - as the base
    ) -> None:
        super().__init__(topic, payload, handler, **more)
        self._group = group
        self._offsets: dict[TopicPartition, int] = {}
        self._committed_at = 0.0

    @property
    def name(self) -> str:
        return self._group

    async def _connected(self) -> AIOKafkaConsumer:
        """Join the group; a new group begins with the first record."""
        client = AIOKafkaConsumer(
            **self._options,
            group_id=self._group,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            session_timeout_ms=_SESSION_MS,
            heartbeat_interval_ms=_HEARTBEAT_MS,
            fetch_max_wait_ms=_FETCH_WAIT_MS,
            metadata_max_age_ms=_METADATA_MS,
            max_partition_fetch_bytes=_BATCH_BYTES,
        )
        client.subscribe([self.topic], listener=self)
        await _started(client)
        return client

    async def on_partitions_revoked(self, revoked: set[TopicPartition]) -> None:
        """Somebody else goes on with them: from behind what is done here."""
        if self._client is not None and revoked:
            await self._commit(self._client, now=True)

    async def on_partitions_assigned(self, assigned: set[TopicPartition]) -> None:
        """Offsets of before are somebody else's now."""
        self._offsets = {partition: at for partition, at in self._offsets.items() if partition in assigned}

    def _done(self, offsets: dict[TopicPartition, int]) -> None:
        self._offsets.update(offsets)

    async def _commit(self, client: AIOKafkaConsumer, *, now: bool = False) -> None:
        if not self._offsets or (not now and time.monotonic() - self._committed_at < _COMMIT_EVERY_S):
            return
        offsets, self._offsets = self._offsets, {}
        self._committed_at = time.monotonic()
        try:
            await client.commit(offsets)
        except KafkaError as problem:
            # They come again: handlers know what they have seen.
            self._telemetry.failed(Dependency.KAFKA)
            log.warning("bus_not_committed", consumer=self.name, reason=repr(problem))


class PartitionReader(Consumer):
    """One partition from its end, without a group: what came before is nobody's here."""

    def __init__(
        self,
        topic: str,
        payload: Any,  # noqa: ANN401 - a type or a union of such
        handler: Handler[Any],
        *,
        partition: int,
        **more: Any,  # noqa: ANN401 - as the base
    ) -> None:
        super().__init__(topic, payload, handler, **more)
        self._number = partition
        self._partition = TopicPartition(topic, partition)
        self._next: int | None = None
        self._moved = 0
        """At so many looks it is still to be told that it may have missed something."""

    def settle(self, count: int) -> None:
        """So many has the cluster of the topic: its own is counted modulo that.

        Another than before is read from its end by a new client: ``look`` tells of it.
        """
        partition = TopicPartition(self.topic, self._number % count)
        if partition == self._partition:
            return
        if self._client is not None:
            log.warning("bus_reader_moved", consumer=self.name, partition=partition.partition)
            self._next, self._renew, self._moved = None, True, _MOVED_LOOKS
        self._partition = partition

    async def look(self) -> bool:
        """As any, and False for a while after it moved."""
        self._moved, moved = max(0, self._moved - 1), self._moved
        return await super().look() and not moved

    @property
    def name(self) -> str:
        return f"{self.topic}[{self._partition.partition}]"

    def _done(self, offsets: dict[TopicPartition, int]) -> None:
        self._next = offsets.get(self._partition, self._next)

    async def _connected(self) -> AIOKafkaConsumer:
        """Its position is known when this returns: nothing published later is missed."""
        client = AIOKafkaConsumer(
            **self._options,
            enable_auto_commit=False,
            # Of a topic that was made anew every record is new.
            auto_offset_reset="earliest",
            fetch_max_wait_ms=_FETCH_WAIT_MS,
            metadata_max_age_ms=_METADATA_MS,
        )
        client.assign([self._partition])
        await _started(client)
        if self._next is None:
            await client.seek_to_end(self._partition)
            self._next = await client.position(self._partition)
        elif self._next <= (await client.end_offsets([self._partition]))[self._partition]:
            client.seek(self._partition, self._next)
        else:
            await client.seek_to_beginning(self._partition)
        return client


async def _started(client: AIOKafkaConsumer) -> None:
    try:
        await client.start()
    except BaseException:
        # It has opened connections by then.
        await client.stop()
        raise
