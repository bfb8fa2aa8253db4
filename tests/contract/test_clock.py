from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from server.kernel.clock import Clock, SystemClock
from tests.support.clock import ManualClock


@pytest.fixture(params=[SystemClock, ManualClock])
def clock(request: pytest.FixtureRequest) -> Clock:
    make: Callable[[], Clock] = request.param
    return make()


def test_times_are_of_their_types_and_never_go_back(clock: Clock) -> None:
    wall, waited = clock.now_ms(), clock.monotonic()
    assert isinstance(wall, int)
    assert isinstance(waited, float)
    assert clock.monotonic() >= waited


def test_the_system_clock_counts_milliseconds_since_1970() -> None:
    before = int(time.time() * 1_000)
    assert before <= SystemClock().now_ms() <= int(time.time() * 1_000) + 1


def test_the_manual_clock_moves_when_told() -> None:
    clock = ManualClock(now_ms=5)
    clock.advance(ms=1_500)
    assert (clock.now_ms(), clock.monotonic()) == (1_505, 1.5)
    clock.set_wall(3)
    assert (clock.now_ms(), clock.monotonic()) == (3, 1.5)
