"""A real conversation of many people, as tests/data/README.md describes it."""

from __future__ import annotations

from functools import cache
from typing import Final

import msgspec

from tests.support.tree import ROOT

EXTRACT: Final = ROOT / "tests" / "data" / "conversation.jsonl"


class Line(msgspec.Struct, frozen=True):
    """One message: `n` counts within its `log`, `at` is UTC to the minute, `reply_to` an earlier `n`.

    The text is as it was written: it may hold control characters, HTML and anything else that people paste.
    """

    log: str
    n: int
    at: str
    nick: str
    text: str
    reply_to: int | None = None
    action: bool = False


@cache
def conversation() -> tuple[Line, ...]:
    """All of the extract, in its order: log by log, oldest first."""
    return tuple(msgspec.json.Decoder(Line).decode_lines(EXTRACT.read_bytes()))


def people() -> list[str]:
    """Everyone who speaks, the most talkative first, names in order where they tie."""
    counts: dict[str, int] = {}
    for line in conversation():
        counts[line.nick] = counts.get(line.nick, 0) + 1
    return sorted(counts, key=lambda nick: (-counts[nick], nick))
