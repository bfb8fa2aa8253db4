"""Portable SQL made into PostgreSQL's own, once per text: a list goes as one array."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

_TOKEN: Final = re.compile(
    r"""'(?:[^']|'')*' | "(?:[^"]|"")*" | --[^\n]* | (?P<not>\bNOT\s+)?\bIN\s+\$(?P<list>\d+)\b""",
    re.IGNORECASE | re.VERBOSE,
)
_TEXTS: Final = 2_048


@lru_cache(maxsize=_TEXTS)
def translated(sql: str) -> str:
    """``IN $n`` is ``= ANY($n)``, ``NOT IN $n`` is ``<> ALL($n)``; literals and comments stay."""
    return _TOKEN.sub(_any, sql)


def _any(match: re.Match[str]) -> str:
    number = match["list"]
    if number is None:
        return match[0]
    return f"<> ALL(${number})" if match["not"] else f"= ANY(${number})"
