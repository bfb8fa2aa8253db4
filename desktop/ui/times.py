"""Times as people read them, in the computer's own time zone."""

from __future__ import annotations

import datetime as dt
from functools import lru_cache
from typing import Final

from desktop.ui.i18n import tr

_QUARTER_MS: Final = 900_000
_DAY_S: Final = 86_400
_WEEK: Final = 7


def local(at_ms: int) -> dt.datetime:
    """Milliseconds since 1970 as local time."""
    return dt.datetime.fromtimestamp(at_ms / 1_000, tz=dt.UTC).astimezone()


def local_day(at_ms: int) -> int:
    """Days since 1970 on the local calendar. Cheap: every row of a conversation asks."""
    return _local_s(at_ms) // _DAY_S


def clock_time(at_ms: int) -> str:
    """``14:32``."""
    minutes = _local_s(at_ms) % _DAY_S // 60
    return f"{minutes // 60:02}:{minutes % 60:02}"


def day(at_ms: int, now_ms: int) -> str:
    """``Today``, ``Yesterday``, a weekday within the last week, else the date."""
    days = local_day(now_ms) - local_day(at_ms)
    if days == 0:
        return tr("Today")
    if days == 1:
        return tr("Yesterday")
    return local(at_ms).strftime("%A" if 0 < days < _WEEK else "%Y-%m-%d")


def short_day(at_ms: int, now_ms: int) -> str:
    """The time today, else the day, for a room list."""
    days = local_day(now_ms) - local_day(at_ms)
    if days == 0:
        return clock_time(at_ms)
    return local(at_ms).strftime("%a") if 1 < days < _WEEK else day(at_ms, now_ms)


def _local_s(at_ms: int) -> int:
    return at_ms // 1_000 + _offset_s(at_ms // _QUARTER_MS)


@lru_cache(maxsize=4_096)
def _offset_s(quarter: int) -> int:
    """East of UTC in that quarter of an hour, within which no zone changes."""
    found = local(quarter * _QUARTER_MS).utcoffset()
    return 0 if found is None else round(found.total_seconds())
