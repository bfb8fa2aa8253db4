from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from server.kernel.limiter import RateLimiter
from tests.contract.adapters import LIMITERS
from tests.support.clock import ManualClock


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture(params=list(LIMITERS.values()), ids=list(LIMITERS))
async def limiter(request: pytest.FixtureRequest, clock: ManualClock) -> AsyncIterator[RateLimiter]:
    async with request.param(clock) as opened:
        yield opened


async def test_a_burst_up_to_the_limit_passes_and_no_more(limiter: RateLimiter) -> None:
    waits = [await limiter.hit("k", limit=3, window_ms=1_000) for _ in range(5)]
    assert waits[:3] == [0, 0, 0]
    assert all(wait > 0 for wait in waits[3:])


async def test_waiting_as_told_is_enough(limiter: RateLimiter, clock: ManualClock) -> None:
    for passed_ms in (0, 300, 300):
        clock.advance(ms=passed_ms)
        assert await limiter.hit("k", limit=3, window_ms=1_000) == 0
    wait_ms = await limiter.hit("k", limit=3, window_ms=1_000)
    assert 0 < wait_ms <= 400
    clock.advance(ms=wait_ms)
    assert await limiter.hit("k", limit=3, window_ms=1_000) == 0


async def test_refused_events_do_not_make_the_wait_longer(limiter: RateLimiter, clock: ManualClock) -> None:
    await limiter.hit("k", limit=1, window_ms=1_000)
    for _ in range(9):
        clock.advance(ms=100)
        assert await limiter.hit("k", limit=1, window_ms=1_000) > 0
    clock.advance(ms=100)
    assert await limiter.hit("k", limit=1, window_ms=1_000) == 0


async def test_no_sliding_window_ever_holds_more_than_the_limit(
    limiter: RateLimiter, clock: ManualClock
) -> None:
    passed: list[int] = []
    for step in range(300):
        clock.advance(ms=17 * (step % 5))
        if await limiter.hit("k", limit=4, window_ms=250) == 0:
            passed.append(clock.now_ms())
    for start in passed:
        assert sum(start <= moment < start + 250 for moment in passed) <= 4
    assert len(passed) > 40


async def test_keys_do_not_touch_each_other(limiter: RateLimiter) -> None:
    assert await limiter.hit("a", limit=1, window_ms=1_000) == 0
    assert await limiter.hit("b", limit=1, window_ms=1_000) == 0


async def test_what_is_taken_back_was_not_counted(limiter: RateLimiter, clock: ManualClock) -> None:
    await limiter.take_back("never seen")
    for _ in range(9):
        assert await limiter.hit("k", limit=2, window_ms=1_000) == 0
        clock.advance(ms=1)
        await limiter.take_back("k")
    assert [await limiter.hit("k", limit=2, window_ms=1_000) > 0 for _ in range(3)] == [False, False, True]
    await limiter.take_back("k")
    assert [await limiter.hit("k", limit=2, window_ms=1_000) > 0 for _ in range(2)] == [False, True]


async def test_reset_forgets(limiter: RateLimiter) -> None:
    await limiter.hit("k", limit=1, window_ms=1_000)
    await limiter.reset("k")
    await limiter.reset("never seen")
    assert await limiter.hit("k", limit=1, window_ms=1_000) == 0


async def test_a_limit_of_zero_is_none(limiter: RateLimiter) -> None:
    for _ in range(100):
        assert await limiter.hit("k", limit=0, window_ms=1_000) == 0


async def test_the_wall_clock_decides_nothing(limiter: RateLimiter, clock: ManualClock) -> None:
    await limiter.hit("k", limit=1, window_ms=1_000)
    clock.set_wall(clock.now_ms() + 10**9)
    assert await limiter.hit("k", limit=1, window_ms=1_000) > 0
