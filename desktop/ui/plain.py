"""A message in one line without its markup: for a quotation, a preview, a reply under way."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

LINE: Final = 500
"""Characters: more than the widest window shows of one line."""
SPAN: Final = 400
"""Characters between two signs that belong together: what is further apart keeps its signs. Without a bound
each sign would look for its other half to the end of the text."""
_ADDRESS: Final = 2_000

# The subset of views/conversation/markdown.py by patterns: its parser takes too long to load for a room list.
# None looks past the line that it began in.
_SIGNS: Final = (
    # An excerpt has no line breaks any more: a fence stands between spaces too.
    (re.compile(r"(?<!\S)(?:```|~~~)\w*(?!\S)"), ""),
    (re.compile(r"^[ \t]*(?:>|[-+*]|\d{1,9}[.)])[ \t]+", re.MULTILINE), ""),
    (re.compile(rf"\[([^\]\n]{{1,{SPAN}}})\]\(https?://[^)\s]{{1,{_ADDRESS}}}\)"), r"\1"),
    (re.compile(rf"`([^`\n]{{1,{SPAN}}})`"), r"\1"),
    (re.compile(rf"(?<!\w)(\*\*|__)(?=\S)(.{{1,{SPAN}}}?)(?<=\S)\1(?!\w)"), r"\2"),
    (re.compile(rf"~~(?=\S)(.{{1,{SPAN}}}?)(?<=\S)~~"), r"\1"),
    (re.compile(rf"(?<![\w*_])([*_])(?=[^\s*_])(.{{1,{SPAN}}}?)(?<=[^\s*_])\1(?![\w*_])"), r"\2"),
)


@lru_cache(maxsize=512)
def plain(body: str) -> str:
    """All its words, for one line or to be read out; a text of signs only stays as it is."""
    text = body
    for pattern, kept in _SIGNS:
        text = pattern.sub(kept, text)
    return " ".join(text.split()) or " ".join(body.split())


def one_line(body: str) -> str:
    """What a single line shows of it: no more is looked at than could be seen."""
    return plain(body[:LINE])
