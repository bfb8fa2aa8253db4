"""Ranking of names against what somebody types: letters in order, whole words and starts first."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterable
from typing import Final, TypeVar

T = TypeVar("T")

_PREFIX: Final = 100
_WORD: Final = 60
_INSIDE: Final = 30
_SCATTERED: Final = 10


def fold(text: str) -> str:
    """Without case and marks: "Tomás" is found by "tomas"."""
    plain = unicodedata.normalize("NFKD", text.casefold())
    return "".join(character for character in plain if not unicodedata.combining(character))


def score(query: str, text: str) -> int:
    """How well ``text`` answers ``query``; both folded. 0 is not at all; an empty query finds everything."""
    if not query:
        return 1
    at = text.find(query)
    if at == 0:
        return _PREFIX + (len(query) == len(text))
    if at > 0:
        return _INSIDE if text[at - 1].isalnum() else _WORD
    return _SCATTERED if _initials(query, text) else 0


def best(query: str, things: Iterable[T], name: Callable[[T], str], *, limit: int) -> list[T]:
    """At most ``limit`` of ``things``, best first; those that tie keep their order."""
    words = fold(query.strip())
    scored = [(score(words, fold(name(thing))), thing) for thing in things]
    found = [pair for pair in scored if pair[0]]
    found.sort(key=lambda pair: -pair[0])
    return [thing for _, thing in found[:limit]]


def _initials(query: str, text: str) -> bool:
    """Letters in order, each after a match or at the start of a word: "mr" finds "Mira Rossi"."""
    place = 0
    previous = -2
    for wanted in query:
        while place < len(text):
            starts = place == 0 or not text[place - 1].isalnum()
            if text[place] == wanted and (starts or previous == place - 1):
                break
            place += 1
        else:
            return False
        previous = place
        place += 1
    return True
