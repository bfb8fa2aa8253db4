"""What clients of Kafka are given, and a broker that wants it."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec
import pytest

from server.infra.kafka.brokers import Brokers
from server.infra.kafka.bus import KafkaBus
from server.infra.kafka.inspect import inspect
from server.kernel.bus import BusUnavailableError, Topic
from tests.support.guarded_kafka import PASSWORD, USERNAME, GuardedKafka
from tests.support.services import own_services
from tests.support.wait import until


class Note(msgspec.Struct, frozen=True):
    n: int


NOTES: Final = Topic("test.notes", Note)


def test_without_more_it_is_plain() -> None:
    assert Brokers("a:1,[::1]:2").options == {
        "bootstrap_servers": "a:1,[::1]:2",
        "security_protocol": "PLAINTEXT",
    }


@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"])
@pytest.mark.parametrize("protocol", ["SASL_PLAINTEXT", "SASL_SSL"])
def test_what_signing_in_needs_is_handed_on(protocol: str, mechanism: str) -> None:
    options = Brokers(
        "a:1", protocol=protocol, mechanism=mechanism, username="parley", password="geheim"
    ).options
    context = options.pop("ssl_context", None)
    assert options == {
        "bootstrap_servers": "a:1",
        "security_protocol": protocol,
        "sasl_mechanism": mechanism,
        "sasl_plain_username": "parley",
        "sasl_plain_password": "geheim",
    }
    assert (context is not None) is (protocol == "SASL_SSL")


def test_certificates_and_names_are_checked() -> None:
    context = Brokers("a:1", protocol="SSL").options["ssl_context"]
    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)


@pytest.mark.parametrize(
    ("servers", "more", "said"),
    [
        ("a:b", {}, "kafka_servers"),
        ("", {}, "kafka_servers"),
        ("a:1,,b:2", {}, "kafka_servers"),
        ("a:99999", {}, "kafka_servers"),
        ("a:0", {}, "kafka_servers"),
        ("[::1", {}, "kafka_servers"),
        ("kafka://a:1", {}, "kafka_servers"),
        ("parley:geheim@a:1", {}, "kafka_servers"),
        ("a:1", {"protocol": "SASL_SSL"}, "kafka_username and kafka_password"),
        ("a:1", {"protocol": "SASL_SSL", "username": "parley"}, "kafka_username and kafka_password"),
        ("a:1", {"password": "geheim"}, "for SASL"),
        ("a:1", {"protocol": "SSL", "username": "parley"}, "for SASL"),
        ("a:1", {"ca_file": Path("ca.pem")}, "kafka_ca_file is for SSL"),
        ("a:1", {"protocol": "SSL", "ca_file": Path("not there")}, "kafka_ca_file not there"),
    ],
)
def test_what_can_not_be_used_is_said_without_a_secret(servers: str, more: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said) as problem:
        Brokers(servers, **more)
    assert "geheim" not in str(problem.value)
    assert "\n" not in str(problem.value)


def test_a_file_of_something_else_is_no_authority(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("something else")
    with pytest.raises(ValueError, match="kafka_ca_file"):
        Brokers("a:1", protocol="SSL", ca_file=tmp_path / "ca.pem")


@pytest.fixture(scope="module")
def guarded() -> Iterator[GuardedKafka]:
    with own_services([GuardedKafka]) as (kafka,):
        assert isinstance(kafka, GuardedKafka)
        yield kafka


def brokers(kafka: GuardedKafka, *, mechanism: str = "PLAIN", password: str = PASSWORD) -> Brokers:
    return Brokers(
        kafka.url,
        protocol="SASL_SSL",
        ca_file=kafka.ca_file,
        mechanism=mechanism,
        username=USERNAME,
        password=password,
    )


@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"])
async def test_a_guarded_broker_lets_it_in(guarded: GuardedKafka, mechanism: str, quiet_kafka: None) -> None:
    seen: list[int] = []

    async def take(notes: Sequence[Note]) -> None:
        seen.extend(note.n for note in notes)

    servers, prefix = brokers(guarded, mechanism=mechanism), f"{mechanism}."
    bus = KafkaBus(servers, prefix=prefix, partitions=2)
    # Every kind of client: one that makes topics, a producer, a member of a group, a reader of a partition.
    bus.subscribe(NOTES, "group", take)
    bus.read_partition(NOTES, 0, take)
    await bus.start()
    try:
        await bus.publish_to(NOTES, [(0, Note(1))])
        await until(lambda: seen == [1, 1], timeout_s=60.0)
        assert len((await inspect(servers, prefix)).topics) == 1
    finally:
        await bus.stop()


async def test_a_wrong_password_and_an_unknown_authority_are_one_line(
    guarded: GuardedKafka, quiet_kafka: None
) -> None:
    unknown = Brokers(guarded.url, protocol="SASL_SSL", username=USERNAME, password=PASSWORD)
    for servers in (brokers(guarded, password="wrong"), unknown):
        bus = KafkaBus(servers, partitions=2)
        bus.subscribe(NOTES, "group", _nothing)
        with pytest.raises(BusUnavailableError) as refused:
            async with asyncio.timeout(60.0):
                await bus.start()
        assert "\n" not in str(refused.value)


async def _nothing(notes: Sequence[Note]) -> None:
    pass
