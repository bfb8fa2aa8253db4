"""``python -m tests.load.chaos``: 200 people talk while parts of the server die, alone and in pairs.

Starts PostgreSQL, Redis, Kafka, two gateways and two cores of its own. Prints one JSON object a fault: how
long from the moment the last part was back until everybody had one message acknowledged and one received.
At the end it compares what everybody was told and received with what is stored (promises 1 to 3 of
docs/protocol.md) and returns 1 where they differ. The seed is printed; ``--seed`` draws the same faults,
victims and moments again.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, cast

import msgspec

from tests.load.faults import Ground
from tests.load.village import Village, village
from tests.support.daemons import Kafka, Postgres, Redis
from tests.support.house import House
from tests.support.services import own_services

_PREFIX: Final = "chaos."


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How much of it. Times are seconds."""

    people: int = 200
    pause_s: float = 2.0
    before_s: tuple[float, float] = (0.5, 2.0)
    """Between two faults."""
    down_s: tuple[float, float] = (0.0, 3.0)
    """How long it lasts."""
    patience_s: float = 60.0
    """Until everybody must be back: generous, for the figure is what counts."""


_USUAL: Final = Plan()


@contextmanager
def ground(folder: Path, *, gateways: int = 2, cores: int = 2) -> Iterator[Ground]:
    """Everything started; killed when the block ends."""
    with own_services([Postgres, Redis, Kafka]) as daemons, ExitStack() as stack:
        postgres, redis, kafka = cast("tuple[Postgres, Redis, Kafka]", tuple(daemons))
        flags = ["--database-url", postgres.url, "--redis-url", redis.url]
        flags += ["--kafka-servers", kafka.url, "--kafka-prefix", _PREFIX]
        # Few: one broker that was killed looks through all of them before it listens again.
        flags += ["--kafka-partitions", "4"]
        house = House(folder, flags, gateways=gateways, cores=cores)
        stack.callback(house.close)
        house.open()
        yield Ground(house, postgres, redis, kafka, _PREFIX)


async def chaos(
    place: Ground, faults: Sequence[str], plan: Plan, chance: random.Random
) -> AsyncIterator[dict[str, Any]]:
    """``faults``: see ``Ground``. One object a fault, and one of the whole once all was compared.

    Raises:
        AssertionError: a promise was broken, or a part ended that nobody killed.
        TimeoutError: somebody did not get through again.
    """
    async with village(place.house.urls, people=plan.people, pause_s=plan.pause_s, chance=chance) as people:
        await people.back(timeout_s=plan.patience_s)
        for fault in faults:
            await asyncio.sleep(chance.uniform(*plan.before_s))
            yield await _broken(place, fault, people, plan, chance)
        began = time.monotonic()
        await people.quiet(timeout_s=plan.patience_s)
        settled_s = time.monotonic() - began
        stored = await people.check()
        journals = [talker.journal for talker in people.talkers]
        yield {
            "people": plan.people,
            "rooms": len(people.rooms),
            "stored": stored,
            "received": sum(len(taken) for one in journals for taken in one.received.values()),
            "settled_s": round(settled_s, 2),
            "connections": sum(one.connections for one in journals),
            "told_later": sum(one.later for one in journals),
            "sent_again": sum(one.repeats for one in journals),
            "gaps": sum(one.gaps for one in journals),
            "tracebacks": len(place.house.tracebacks()),
        }


async def _broken(
    place: Ground, fault: str, people: Village, plan: Plan, chance: random.Random
) -> dict[str, Any]:
    known = place.parts
    parts = [known[name] for name in fault.split("+")]
    began = time.monotonic()
    for part in parts:
        await asyncio.to_thread(part.down)
    least_s = max(part.least_s for part in parts)
    await asyncio.sleep(max(chance.uniform(*plan.down_s), least_s))
    ups = [part.up for part in parts]
    chance.shuffle(ups)
    # At the same time: a process that can't start yet is started again until it can.
    await asyncio.gather(*(asyncio.to_thread(up) for up in ups))
    back = time.monotonic()
    try:
        times = await people.back(timeout_s=plan.patience_s)
    except TimeoutError as late:
        raise TimeoutError(f"{fault}: {late}") from late
    ended = place.house.ended()
    assert not ended, f"{fault}: {ended} ended by themselves"
    return {
        "fault": fault,
        "down_s": round(back - began, 2),
        "back_median_s": round(statistics.median(times), 2),
        "back_max_s": round(times[-1], 2),
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """Returns 1 when a promise was broken."""
    options = _parser().parse_args(arguments)
    seed = random.randrange(2**32) if options.seed is None else options.seed
    failed: list[BaseException] = []
    print(f"# seed {seed}", flush=True)
    with tempfile.TemporaryDirectory(prefix="parley-chaos-") as folder:
        home = Path(options.logs or folder)
        with ground(home) as place:
            parts = {part for fault in options.faults for part in fault.split("+")}
            if unknown := parts - set(place.parts):
                print(
                    f"chaos: {', '.join(unknown)}: there are only {', '.join(place.parts)}", file=sys.stderr
                )
                return 2
            names = (options.faults or place.faults()) * options.rounds
            plan = Plan(people=options.people, pause_s=options.pause, patience_s=options.patience)
            try:
                with asyncio.Runner(loop_factory=_fast_loop()) as runner:
                    runner.run(_report(place, names, plan, random.Random(seed)))
            except* (AssertionError, TimeoutError) as broken:
                failed = list(_leaves(broken))
            for line in place.house.tracebacks():
                print(f"# {line}", file=sys.stderr)
    for problem in failed:
        print(f"chaos: seed {seed}: {problem}", file=sys.stderr)
    return 1 if failed else 0


def _leaves(group: BaseExceptionGroup[Exception]) -> Iterator[BaseException]:
    for error in group.exceptions:
        if isinstance(error, BaseExceptionGroup):
            yield from _leaves(error)
        else:
            yield error


async def _report(place: Ground, faults: Sequence[str], plan: Plan, chance: random.Random) -> None:
    async for found in chaos(place, faults, plan, chance):
        print(msgspec.json.encode(found).decode(), flush=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.load.chaos", description=__doc__)
    parser.add_argument(
        "faults", nargs="*", metavar="FAULT", help="parts joined by +; none: all of them, alone and in pairs"
    )
    parser.add_argument("--people", type=int, default=_USUAL.people)
    parser.add_argument("--pause", type=float, default=_USUAL.pause_s, help="seconds one thinks, on average")
    parser.add_argument(
        "--patience", type=float, default=_USUAL.patience_s, help="seconds until all must be back"
    )
    parser.add_argument("--rounds", type=int, default=1, help="how often all of it")
    parser.add_argument("--seed", type=int)
    parser.add_argument("--logs", help="a folder for what the processes say, to be kept")
    return parser


def _fast_loop() -> Callable[[], asyncio.AbstractEventLoop] | None:
    try:
        import uvloop
    except ImportError:
        return None
    return uvloop.Loop


if __name__ == "__main__":
    sys.exit(main())
