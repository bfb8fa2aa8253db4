"""Times as people read them, in the computer's own time zone."""

from __future__ import annotations

import datetime as dt


def local(at_ms: int) -> dt.datetime:
    """Milliseconds since 1970 as local time."""
    return dt.datetime.fromtimestamp(at_ms / 1_000, tz=dt.UTC).astimezone()


def clock_time(at_ms: int) -> str:
    """``14:32``."""
    return local(at_ms).strftime("%H:%M")


def day(at_ms: int, now_ms: int) -> str:
    """``Today``, ``Yesterday``, a weekday within the last week, else the date."""
    days = (local(now_ms).date() - local(at_ms).date()).days
    if days == 0:
        return "Today"
    if days == 1:
        return "Yesterday"
    return local(at_ms).strftime("%A" if 0 < days < 7 else "%Y-%m-%d")  # noqa: PLR2004 - days of a week


def short_day(at_ms: int, now_ms: int) -> str:
    """The time today, else the day, for a room list."""
    word = day(at_ms, now_ms)
    if word == "Today":
        return clock_time(at_ms)
    return word if word == "Yesterday" or word[0].isdigit() else word[:3]
