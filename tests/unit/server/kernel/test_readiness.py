"""Who is asked how often, and what is said of it."""

from __future__ import annotations

import asyncio

from common.errors import Code, ParleyError
from server.kernel.readiness import Check, Readiness
from tests.support.clock import ManualClock


class Part:
    def __init__(self) -> None:
        self.problem: str | None = None
        self.hangs = False
        self.asked = 0

    async def __call__(self) -> None:
        self.asked += 1
        if self.hangs:
            await asyncio.Event().wait()
        if self.problem is not None:
            raise ParleyError(Code.UNAVAILABLE, self.problem)


def ready_of(**parts: Part) -> tuple[Readiness, ManualClock]:
    clock = ManualClock()
    checks = [Check(name=name, look=part, vital=name != "redis") for name, part in parts.items()]
    readiness = Readiness(checks, clock=clock, timeout_s=0.01)
    readiness.state = None
    return readiness, clock


async def test_all_is_well() -> None:
    readiness, _ = ready_of(database=Part(), redis=Part())
    report = await readiness.report()
    assert (report.missing, report.degraded) == ([], [])
    assert report.up == {"database": True, "redis": True}


async def test_what_is_missing_is_named_a_line_each() -> None:
    database, kafka, redis = Part(), Part(), Part()
    database.problem, kafka.hangs, redis.problem = "away", True, "away too"
    readiness, _ = ready_of(database=database, kafka=kafka, redis=redis)
    report = await readiness.report()
    assert report.missing == ["database: away", "kafka: no answer within 0.01 s"]
    assert report.degraded == ["redis: away too"]
    assert report.up == {"database": False, "kafka": False, "redis": False}


async def test_an_answer_is_good_for_a_while_and_for_all_who_ask() -> None:
    part = Part()
    readiness, clock = ready_of(database=part)
    await asyncio.gather(*(readiness.report() for _ in range(10)))
    part.problem = "away"
    clock.advance(ms=1_400)
    assert (await readiness.report()).missing == []
    assert part.asked == 1
    clock.advance(ms=200)
    assert (await readiness.report()).missing == ["database: away"]
    assert part.asked == 2


async def test_a_process_that_starts_or_closes_asks_nobody() -> None:
    part = Part()
    readiness, _ = ready_of(database=part)
    readiness.state = "closing"
    assert (await readiness.report()).missing == ["closing"]
    assert part.asked == 0
    assert (await Readiness([], clock=ManualClock()).report()).missing == ["starting"]
