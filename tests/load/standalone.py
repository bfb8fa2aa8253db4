"""``make bench-standalone``: real PostgreSQL, Redis and Kafka; the server as one process, and by roles."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest

from tests.load.bench import ROOT, server
from tests.support.daemons import Daemon, Kafka, Postgres, Redis
from tests.support.services import own_services

_IDLE: Final = ("idle", "--n", "200", "--seconds", "8")
_WARM_UP: Final = ("pingpong", "--m", "3000")
"""A broker that was just started compiles its code meanwhile, on the two cores that all share: a lone message
takes a third longer then, and three times as much of the broker's CPU. Where it stays it has run for days."""
_TALKS: Final = (
    ("pairs", "--n", "10", "--m", "2000", "--w", "8"),
    ("room", "--n", "200", "--m", "1000", "--w", "8"),
    ("pingpong", "--m", "1500"),
)
_REST: Final = (("room", "--n", "200", "--m", "200", "--w", "1"), ("storm", "--n", "200"))
_SCENARIO_TIMEOUT_S: Final = 300.0
_DISTURBED_SHARE: Final = 0.2
_GOALS: Final = (
    ("pingpong", "p50_ms", 5.0),
    ("pairs", "messages_per_s", 2_500),
    ("room", "deliveries_per_s", 60_000),
)


class LastingKafka(Kafka):
    """As it is started where it stays: it compiles what it does often."""

    compiling = ()


@dataclass(frozen=True, slots=True)
class Layout:
    """Processes of one server; without cores its one gateway is of role ``all``.

    With two gateways the two of a pair, and neighbours in a room, are at different ones.
    """

    name: str
    gateways: int
    cores: int
    scenarios: Sequence[Sequence[str]]

    def processes(self) -> dict[str, tuple[str, ...]]:
        """Name and flags of each. Cores first, so that somebody consumes when gateways are ready."""
        if not self.cores:
            return {"all": ()}
        cores = {f"core{number}": ("--role", "core") for number in range(self.cores)}
        return cores | {
            f"gateway{number}": ("--role", "gateway", "--ordinal", str(number))
            for number in range(self.gateways)
        }


LAYOUTS: Final = (
    Layout("all", 1, 0, (_IDLE, *_TALKS, *_REST)),
    Layout("roles", 1, 1, (_IDLE, *_TALKS, *_REST)),
    Layout("cross", 2, 2, _TALKS),
)


def run(wanted: Sequence[str] = ()) -> int:
    """One JSON object a scenario and layout on standard output; everything else on standard error.

    ``wanted``: names of layouts, else all. Returns 1 when a scenario is void or the services can't be had.
    """
    # Told to end, as by a time limit, it takes what it started with it.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    build = ROOT / "build" / "bench"
    build.mkdir(parents=True, exist_ok=True)
    found: list[Mapping[str, Any]] = []
    layouts = [layout for layout in LAYOUTS if not wanted or layout.name in wanted]
    try:
        with (
            own_services((Postgres, Redis, LastingKafka)) as daemons,
            tempfile.TemporaryDirectory(dir=build) as folder,
        ):
            for layout in layouts:
                warm_up = () if found else (_WARM_UP,)
                found += _measure(layout, daemons, Path(folder), warm_up)
    except (pytest.skip.Exception, pytest.fail.Exception) as problem:
        print(f"bench: {problem}", file=sys.stderr)
        return 1
    _judge(found)
    return 0 if len(found) == sum(len(layout.scenarios) for layout in layouts) else 1


def _measure(
    layout: Layout, daemons: Sequence[Daemon], folder: Path, warm_up: Sequence[Sequence[str]]
) -> list[Mapping[str, Any]]:
    """What each scenario found; the accounts of ``folder`` are used again by the next layout.

    Nothing is told of ``warm_up``, which comes first.
    """
    urls = [daemon.socket_url if isinstance(daemon, Postgres) else daemon.url for daemon in daemons]
    flags = ["--database-url", urls[0], "--redis-url", urls[1], "--kafka-servers", urls[2]]
    found: list[Mapping[str, Any]] = []
    with ExitStack() as stack:
        servers = {
            name: stack.enter_context(server(folder, *flags, *role))
            for name, role in layout.processes().items()
        }
        options = [f"--url={url}" for name, url in servers.items() if not name.startswith("core")]
        options += [f"--metrics={name}={url}" for name, url in servers.items()]
        options += [f"--process={daemon.name}={daemon.pid}" for daemon in daemons]
        for scenario in warm_up:
            _scenario([*scenario, *options])
        for scenario in layout.scenarios:
            one = _scenario([*scenario, *options])
            if one is not None:
                found.append({"layout": layout.name, **one})
                print(json.dumps(found[-1]), flush=True)
    return found


def _scenario(arguments: Sequence[str]) -> dict[str, Any] | None:
    command = [sys.executable, "-m", "tests.load", *arguments, "--json"]
    done = subprocess.run(
        command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=False, timeout=_SCENARIO_TIMEOUT_S
    )
    return json.loads(done.stdout.splitlines()[-1]) if done.returncode == 0 else None


def _judge(found: Sequence[Mapping[str, Any]]) -> None:
    """The figures that are to be reached. A busy machine is told: nothing follows from its figures."""
    for scenario, key, goal in _GOALS:
        for one in found:
            if one["scenario"] != scenario or one.get("window") == 1:
                continue
            reached = one[key] <= goal if key == "p50_ms" else one[key] >= goal
            busy = one["others_cpu_share"]
            print(
                f"# {one['layout']:>6} {scenario:>9} {key} {one[key]:,} (goal {goal:,}): "
                f"{'reached' if reached else 'missed'}"
                + (f"; others took {busy} CPUs" if busy > _DISTURBED_SHARE else ""),
                file=sys.stderr,
            )
