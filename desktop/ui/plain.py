"""A message in one line without its markup: for a quotation, a preview, a reply under way."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

# The subset of views/conversation/markdown.py by patterns: its parser takes too long to load for a room list.
_SIGNS: Final = (
    (re.compile(r"^\s*(?:```|~~~)\w*$", re.MULTILINE), ""),
    (re.compile(r"^\s*(?:>|[-+*]|\d+[.)])\s+", re.MULTILINE), ""),
    (re.compile(r"\[([^\]\n]+)\]\(https?://[^)\s]+\)"), r"\1"),
    (re.compile(r"`([^`\n]+)`"), r"\1"),
    (re.compile(r"(?<!\w)(\*\*|__)(?=\S)(.+?)(?<=\S)\1(?!\w)"), r"\2"),
    (re.compile(r"~~(?=\S)(.+?)(?<=\S)~~"), r"\1"),
    (re.compile(r"(?<![\w*_])([*_])(?=[^\s*_])(.+?)(?<=[^\s*_])\1(?![\w*_])"), r"\2"),
)


@lru_cache(maxsize=512)
def plain(body: str) -> str:
    """Its words in one line; a text of signs only stays as it is."""
    text = body
    for pattern, kept in _SIGNS:
        text = pattern.sub(kept, text)
    return " ".join(text.split()) or " ".join(body.split())
