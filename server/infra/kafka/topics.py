"""Makes the topics that are missing; those that are there stay as an operator has them."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any, Final

from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import TopicAlreadyExistsError, for_code
from aiokafka.protocol.metadata import MetadataRequest

from server.infra.kafka.brokers import Brokers

_RETENTION_MS: Final = 24 * 3_600_000
"""The database has everything; a day is enough for who was away."""
_SAFE_COPIES: Final = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """Of a topic that is made."""

    partitions: int
    replication: int

    @property
    def settings(self) -> dict[str, str]:
        """As Kafka names them; with ``acks=all`` a record lies on so many brokers as are in sync at least."""
        return {
            "retention.ms": str(_RETENTION_MS),
            "min.insync.replicas": str(min(self.replication, _SAFE_COPIES)),
        }


async def make_topics(servers: Brokers, names: Iterable[str], layout: Layout) -> set[str]:
    """Those that were made.

    Raises:
        KafkaError, OSError: the cluster does not answer, or refuses.
    """
    wanted = set(names)
    admin = AIOKafkaAdminClient(**servers.options)
    try:
        await admin.start()
        missing = wanted - set(await admin.list_topics())
        if not missing:
            return set()
        answer = await admin.create_topics(
            [
                NewTopic(
                    name,
                    num_partitions=layout.partitions,
                    replication_factor=layout.replication,
                    topic_configs=layout.settings,
                )
                for name in sorted(missing)
            ]
        )
        return {name for name in missing if name not in _refused(answer)}
    finally:
        await admin.close()


async def look_up(producer: AIOKafkaProducer, names: Collection[str]) -> tuple[str, dict[str, int]]:
    """The id of the cluster, and how many partitions it has of each of the topics that it has.

    One small request, on the producer's connection.

    Raises:
        KafkaError: the cluster does not answer.
    """
    client = producer.client
    # The default would have a broker with `auto.create.topics.enable` make them, with its own partitions.
    request = MetadataRequest(sorted(names), allow_auto_topic_creation=False)
    answer = (await client.send(client.get_random_node(), request)).to_object()
    topics = {t["topic"]: len(t["partitions"]) for t in answer["topics"] if not t["error_code"]}
    return answer.get("cluster_id") or "", topics


def _refused(answer: Any) -> set[str]:  # noqa: ANN401 - aiokafka's response
    """Topics that another process made just now; raises what else the cluster refused."""
    there = set()
    for name, code, *_ in answer.topic_errors:
        error = for_code(code)
        if code and not issubclass(error, TopicAlreadyExistsError):
            raise error
        if code:
            there.add(name)
    return there
