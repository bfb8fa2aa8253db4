"""What a cluster holds of one server: for whoever looks after it, not for the server."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from server.infra.kafka.brokers import Brokers
from server.kernel.bus import BusUnavailableError


@dataclass(frozen=True, slots=True, kw_only=True)
class TopicFacts:
    """``copies``: of the partition that has the fewest; ``in_sync``: likewise."""

    partitions: int
    copies: int
    in_sync: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterFacts:
    """Topics and groups that begin with the prefix; ``lag`` is records behind, a group."""

    brokers: int
    topics: Mapping[str, TopicFacts]
    lag: Mapping[str, int]


async def inspect(servers: Brokers, prefix: str) -> ClusterFacts:
    """Nothing is changed.

    Raises:
        BusUnavailableError: no broker answers.
    """
    admin = AIOKafkaAdminClient(**servers.options, client_id="parley-doctor")
    try:
        await admin.start()
        brokers = len((await admin.describe_cluster())["brokers"])
        topics = {
            found["topic"]: _topic(found["partitions"])
            for found in await admin.describe_topics()
            if found["topic"].startswith(prefix)
        }
        groups = [
            str(name) for name, *_ in await admin.list_consumer_groups() if str(name).startswith(prefix)
        ]
        offsets = {group: await admin.list_consumer_group_offsets(group) for group in groups}
        lag = await _lag(servers, offsets)
    except (KafkaError, OSError) as problem:
        raise BusUnavailableError(f"it does not answer: {problem}") from problem
    finally:
        await admin.close()
    return ClusterFacts(brokers=brokers, topics=topics, lag=lag)


def _topic(partitions: list[dict[str, Any]]) -> TopicFacts:
    return TopicFacts(
        partitions=len(partitions),
        copies=min(len(one["replicas"]) for one in partitions),
        in_sync=min(len(one["isr"]) for one in partitions),
    )


async def _lag(servers: Brokers, offsets: Mapping[str, Mapping[TopicPartition, Any]]) -> dict[str, int]:
    partitions = {partition for group in offsets.values() for partition in group}
    if not partitions:
        return {}
    reader = AIOKafkaConsumer(**servers.options, enable_auto_commit=False)
    try:
        await reader.start()
        ends = await reader.end_offsets(list(partitions))
    finally:
        await reader.stop()
    return {
        group: sum(max(0, ends[partition] - at.offset) for partition, at in known.items())
        for group, known in offsets.items()
    }
