"""``python -m tests.load.sizing [--bench FILE]``: how many of each, from the measured costs of one message.

FILE holds the lines of ``make bench-standalone``; without it the costs are those of ``docs/scaling.md``. What
is assumed about people is an option each. All arithmetic is here: the document quotes what this prints.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, Final, TypeVar

from tests.load.crowds import Talk, channels, people_by_message, talks

_DAY_S: Final = 86_400
_SIZES: Final = (10_000, 1_000_000, 100_000_000)


@dataclass(frozen=True, slots=True, kw_only=True)
class Costs:
    """CPU in microseconds, of one of each kind."""

    gateway_send: float = 54.0
    """A message from a client to the bus."""
    gateway_record: float = 42.5
    """A record from the bus to a client: what a gateway pays that has one member of the room."""
    gateway_write: float = 2.0
    """A further member at the same gateway."""
    gateway_connect: float = 2_300.0
    gateway_rest_per_s: float = 12.5
    """A second of a connection that does nothing."""
    gateway_kib: float = 14.1
    """Of memory, a connection."""
    core_message: float = 112.5
    """A commit in a batch, and its record for one gateway."""
    core_record: float = 48.5
    """A record for a further gateway."""
    kafka_message: float = 92.0
    kafka_record: float = 46.0
    postgres_message: float = 48.0
    postgres_connect: float = 1_500.0
    """Signing in and reading what was missed."""
    postgres_row: float = 3.4
    """One head that a gateway compares, once a minute; see docs/adr/0009."""
    redis_message: float = 4.0
    redis_entry: float = 2.0
    """A refresh of a route or session."""
    message_bytes: float = 420.0
    """On PostgreSQL's disk, indexes included."""


@dataclass(frozen=True, slots=True, kw_only=True)
class People:
    """What is assumed of those who are connected."""

    messages: float = 40.0
    """That each sends a day."""
    peak: float = 4.0
    """The busiest hour against the mean one."""
    connects: float = 10.0
    """That each makes a day."""
    rooms: float = 10.0
    """In which each is."""
    channel_share: float = 0.05
    """Of messages that are written in rooms as large as the channel of the real conversations."""
    busy: float = 0.5
    """How much of a CPU is planned to be used at the peak."""
    per_gateway: float = 20_000.0
    """Connections."""
    replication: float = 3.0
    """Copies of each record in Kafka."""


T = TypeVar("T", Costs, People)


@dataclass(frozen=True, slots=True)
class Need:
    """At the peak of so many connected users; ``_cpu`` in CPUs fully used."""

    users: int
    messages_per_s: float
    deliveries_per_s: float
    records_per_message: float
    gateways: int
    gateway_cpu: float
    gateway_gib: float
    cores: int
    core_cpu: float
    kafka_cpu: float
    postgres_cpu: float
    redis_cpu: float
    postgres_gib_per_day: float


def need(users: int, costs: Costs, people: People) -> Need:
    """How much of everything."""
    messages = users * people.messages / _DAY_S * people.peak
    connects = users * people.connects / _DAY_S * people.peak
    gateways = max(1, math.ceil(users / people.per_gateway))
    small, large = 1 - people.channel_share, people.channel_share
    receivers = small * people_by_message(talks()) + large * people_by_message(channels())
    records = small * gateways_of(talks(), gateways) + large * gateways_of(channels(), gateways)
    resting = users * costs.gateway_rest_per_s
    of_message = (
        costs.gateway_send + records * costs.gateway_record + (receivers - records) * costs.gateway_write
    )
    gateway_cpu = (resting + messages * of_message + connects * costs.gateway_connect) / 1e6
    gateways = max(gateways, math.ceil(gateway_cpu / people.busy))
    core_cpu = messages * (costs.core_message + (records - 1) * costs.core_record) / 1e6
    kafka_us = messages * (costs.kafka_message + (records - 1) * costs.kafka_record)
    # A session three times a minute, a user and rooms once; see server/infra/redis/presence.py.
    entries = users * (3 + 1 + people.rooms) / 60
    return Need(
        users=users,
        messages_per_s=messages,
        deliveries_per_s=messages * receivers,
        records_per_message=records,
        gateways=gateways,
        gateway_cpu=gateway_cpu,
        gateway_gib=users * costs.gateway_kib / 1024**2,
        cores=max(1, math.ceil(core_cpu / people.busy)),
        core_cpu=core_cpu,
        kafka_cpu=kafka_us * people.replication / 1e6,
        postgres_cpu=(
            messages * costs.postgres_message
            + connects * costs.postgres_connect
            + users * (people.rooms + 1) / 60 * costs.postgres_row
        )
        / 1e6,
        redis_cpu=(messages * costs.redis_message + entries * costs.redis_entry) / 1e6,
        postgres_gib_per_day=users * people.messages * costs.message_bytes / 1024**3,
    )


def gateways_of(rooms: Sequence[Talk], gateways: int) -> float:
    """How many gateways have members of the room of a message, when people are anywhere."""
    messages = sum(room.messages for room in rooms)
    return (
        sum(room.messages * gateways * (1 - (1 - 1 / gateways) ** room.people) for room in rooms) / messages
    )


def measured(lines: Sequence[Mapping[str, Any]], given: Costs) -> Costs:
    """The costs that the bench's lines tell, instead of those ``given``.

    Of two gateways of which one has the senders and one the receivers, the second's cost is that of a record.
    """
    by = {(line["layout"], line["scenario"], line.get("window")): line["cpu_us"] for line in lines}
    resting = {line["layout"]: line for line in lines if line["scenario"] == "idle"}
    pairs, room, cross = by["roles", "pairs", 8], by["roles", "room", 8], by["cross", "pairs", 8]
    receiving, sending = sorted((cross["gateway0"], cross["gateway1"]))
    members = 200
    rest, storm = resting["roles"], by["roles", "storm", None]
    return replace(
        given,
        gateway_record=receiving,
        gateway_send=max(0.0, sending - receiving),
        gateway_write=max(0.0, (members * room["gateway0"] - pairs["gateway0"]) / members),
        gateway_connect=storm["gateway0"],
        gateway_rest_per_s=max(0.0, rest["rest_cpu_us_per_s"]["gateway0"]),
        gateway_kib=rest["kib_per_session"],
        core_message=pairs["core0"],
        core_record=max(0.0, cross["core0"] + cross["core1"] - pairs["core0"]),
        kafka_message=pairs["kafka"],
        kafka_record=max(0.0, cross["kafka"] - pairs["kafka"]),
        postgres_message=pairs["postgres"],
        postgres_connect=storm["postgres"],
        redis_message=pairs["redis"],
    )


def table(needs: Sequence[Need]) -> str:
    """A row a quantity, a column a number of users, in Markdown."""
    rows = [
        ("messages/s", [f"{one.messages_per_s:,.0f}" for one in needs]),
        ("deliveries/s", [f"{one.deliveries_per_s:,.0f}" for one in needs]),
        ("gateways that a message concerns", [f"{one.records_per_message:.1f}" for one in needs]),
        ("gateways: CPUs used", [f"{one.gateway_cpu:,.1f}" for one in needs]),
        ("gateways: GiB for connections", [f"{one.gateway_gib:,.1f}" for one in needs]),
        ("**gateways**", [f"{one.gateways:,}" for one in needs]),
        ("cores: CPUs used", [f"{one.core_cpu:,.1f}" for one in needs]),
        ("**cores**", [f"{one.cores:,}" for one in needs]),
        ("Kafka: CPUs used", [f"{one.kafka_cpu:,.1f}" for one in needs]),
        ("PostgreSQL: CPUs used", [f"{one.postgres_cpu:,.1f}" for one in needs]),
        ("PostgreSQL: GiB a day", [f"{one.postgres_gib_per_day:,.1f}" for one in needs]),
        ("Redis: CPUs used", [f"{one.redis_cpu:,.1f}" for one in needs]),
    ]
    lines = ["| At the peak | " + " | ".join(f"{one.users:,}" for one in needs) + " |"]
    lines.append("|---|" + "---:|" * len(needs))
    return "\n".join(lines + [f"| {name} | " + " | ".join(cells) + " |" for name, cells in rows])


def main(arguments: Sequence[str] | None = None) -> int:
    """Prints what was measured, what is assumed, and what follows."""
    parser = argparse.ArgumentParser(prog="python -m tests.load.sizing", description=__doc__)
    parser.add_argument("--bench", type=Path, help="lines of make bench-standalone")
    for each in (*fields(Costs), *fields(People)):
        parser.add_argument(f"--{each.name.replace('_', '-')}", type=float, metavar="N")
    options = vars(parser.parse_args(arguments))
    costs = Costs()
    if options["bench"] is not None:
        try:
            lines = [line for line in options["bench"].read_text().splitlines() if line.startswith("{")]
            costs = measured([json.loads(line) for line in lines], costs)
        except (OSError, ValueError, KeyError) as problem:
            print(f"sizing: {options['bench']} holds no whole run: {problem!r}", file=sys.stderr)
            return 2
    costs = _changed(costs, options)
    people = _changed(People(), options)
    for title, group in (("measured", costs), ("assumed", people)):
        print(f"{title}:")
        for each in fields(group):
            print(f"  {each.name:20}{getattr(group, each.name):>12,.2f}")
    print()
    print(table([need(users, costs, people) for users in _SIZES]))
    return 0


def _changed(group: T, options: Mapping[str, Any]) -> T:
    names = [each.name for each in fields(group)]
    return replace(group, **{name: options[name] for name in names if options[name] is not None})


if __name__ == "__main__":
    sys.exit(main())
