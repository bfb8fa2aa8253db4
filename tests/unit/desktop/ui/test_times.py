from __future__ import annotations

import datetime as dt
import os
import time
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from desktop.ui import times

# Half and quarter hours, a change of half an hour, a day that was left out, and one west of all.
ZONES = ("UTC", "Europe/Vienna", "Asia/Kathmandu", "Australia/Lord_Howe", "Pacific/Apia", "Pacific/Honolulu")
NOON_MS = 1_700_049_600_000  # Wednesday, 2023-11-15, 12:00 UTC
DAY_MS = 86_400_000


@pytest.fixture(params=ZONES)
def zone(request: pytest.FixtureRequest) -> Iterator[str]:
    if not hasattr(time, "tzset"):
        pytest.skip("a process can't choose its time zone here")
    before = os.environ.get("TZ")
    os.environ["TZ"] = request.param
    _settle()
    yield request.param
    os.environ.pop("TZ") if before is None else os.environ.update(TZ=before)
    _settle()


def _settle() -> None:
    time.tzset()
    times._offset_s.cache_clear()


def test_days_and_clocks_are_those_of_the_calendar(zone: str) -> None:
    del zone

    @given(st.integers(min_value=1_000_000_000_000, max_value=2_000_000_000_000))
    def check(at_ms: int) -> None:
        slow = dt.datetime.fromtimestamp(at_ms / 1_000, tz=dt.UTC).astimezone()
        assert times.local_day(at_ms) == (slow.date() - dt.date(1970, 1, 1)).days
        assert times.clock_time(at_ms) == slow.strftime("%H:%M")

    check()


@pytest.mark.parametrize(
    ("days", "long", "short"),
    [
        (0, "Today", None),
        (1, "Yesterday", "Yesterday"),
        (2, "Monday", "Mon"),
        (6, "Thursday", "Thu"),
        (7, "2023-11-08", "2023-11-08"),
        (-1, "2023-11-16", "2023-11-16"),
    ],
)
def test_days_are_told_as_people_say_them(days: int, long: str, short: str | None) -> None:
    at_ms = NOON_MS - days * DAY_MS
    assert times.day(at_ms, NOON_MS) == long
    assert times.short_day(at_ms, NOON_MS) == (short or times.clock_time(at_ms))
