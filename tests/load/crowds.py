"""Rooms as people make them: sizes and numbers of messages of the real conversations in ``tests/data``."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from functools import cache

from tests.support.conversations import conversation


@dataclass(frozen=True, slots=True)
class Talk:
    """How many people took part, and how many messages they wrote."""

    people: int
    messages: int


@cache
def talks() -> tuple[Talk, ...]:
    """What answers each other, as it was annotated by hand: the direct and small rooms of a messenger."""
    roots: dict[tuple[str, int], tuple[str, int]] = {}

    def root(key: tuple[str, int]) -> tuple[str, int]:
        while (above := roots.setdefault(key, key)) != key:
            key = above
        return key

    for line in conversation():
        if line.reply_to is not None:
            answered = root((line.log, line.reply_to))
            roots[root((line.log, line.n))] = answered
    nicks: defaultdict[tuple[str, int], list[str]] = defaultdict(list)
    for line in conversation():
        if (line.log, line.n) in roots:
            nicks[root((line.log, line.n))].append(line.nick)
    return tuple(Talk(len(set(of_one)), len(of_one)) for of_one in nicks.values())


@cache
def channels() -> tuple[Talk, ...]:
    """Whole logs of the channel: the large rooms."""
    nicks: defaultdict[str, list[str]] = defaultdict(list)
    for line in conversation():
        nicks[line.log].append(line.nick)
    return tuple(Talk(len(set(of_one)), len(of_one)) for of_one in nicks.values())


def people_by_message(of: tuple[Talk, ...]) -> float:
    """In a room of how many people a message is written, on average."""
    return sum(talk.people * talk.messages for talk in of) / sum(talk.messages for talk in of)
