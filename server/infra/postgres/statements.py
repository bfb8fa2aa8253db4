"""Portable SQL made into PostgreSQL's own, once per text: a list goes as one array, changes go together."""

from __future__ import annotations

import re
from functools import lru_cache, partial
from typing import Final

_TOKEN: Final = re.compile(
    r"""'(?:[^']|'')*' | "(?:[^"]|"")*" | --[^\n]* | (?P<not>\bNOT\s+)?\bIN\s+\$(?P<list>\d+)\b""",
    re.IGNORECASE | re.VERBOSE,
)
_PARAMETER: Final = re.compile(
    r"""'(?:[^']|'')*' | "(?:[^"]|"")*" | --[^\n]* | \$(?P<number>\d+)\b""", re.VERBOSE
)
_TEXTS: Final = 2_048


@lru_cache(maxsize=_TEXTS)
def translated(sql: str) -> str:
    """``IN $n`` is ``= ANY($n)``, ``NOT IN $n`` is ``<> ALL($n)``; literals and comments stay."""
    return _TOKEN.sub(_any, sql)


@lru_cache(maxsize=_TEXTS)
def joined(texts: tuple[str, ...], counts: tuple[int, ...]) -> str:
    """Statements that change something as one: the others as parts of the last.

    ``counts``: how many parameters each has; they come one after the other.
    """
    parts = [
        _PARAMETER.sub(partial(_behind, sum(counts[:at])), translated(text)) for at, text in enumerate(texts)
    ]
    named = ", ".join(f"part{at} AS ({part})" for at, part in enumerate(parts[:-1]))
    return f"WITH {named} {parts[-1]}" if named else parts[-1]


def _behind(before: int, match: re.Match[str]) -> str:
    number = match["number"]
    return match[0] if number is None else f"${int(number) + before}"


def _any(match: re.Match[str]) -> str:
    number = match["list"]
    if number is None:
        return match[0]
    return f"<> ALL(${number})" if match["not"] else f"= ANY(${number})"
