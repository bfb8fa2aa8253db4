"""Checks of text that both sides make: the client before it sends, the server before it stores."""

from __future__ import annotations

import re
from typing import Final

from common import limits

_CONTROL: Final = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f]").search
_SURROGATE: Final = re.compile("[\ud800-\udfff]").search


def body_problem(body: str) -> str | None:
    """Why ``body`` may not be a message, in words, or None.

    Allowed are 1 to 16,000 code points, at most 32 KiB of UTF-8, not blank, without control
    characters but tab and newline and without lone surrogates.
    """
    if not body or body.isspace():
        return "the message is empty"
    if len(body) > limits.BODY_MAX_CHARS:
        return f"the message is longer than {limits.BODY_MAX_CHARS:,} characters"
    problem = text_problem(body)
    if problem is None and not body.isascii() and len(body.encode()) > limits.BODY_MAX_BYTES:
        return f"the message is larger than {limits.BODY_MAX_BYTES // 1024} KiB"
    return problem


def text_problem(text: str) -> str | None:
    """Why ``text`` can't be stored or shown, in words, or None. Length is not looked at."""
    if _CONTROL(text):
        return "the text contains control characters"
    if not text.isascii() and _SURROGATE(text):
        return "the text contains a lone surrogate"
    return None


def excerpt(body: str, max_chars: int = limits.EXCERPT_MAX_CHARS) -> str:
    """One line of at most ``max_chars`` code points for quotes, previews and notifications."""
    # Only the head is folded: a body has up to 16,000 characters and this runs per message.
    line = " ".join(body[: max_chars * 4].split())
    return line if len(line) <= max_chars else line[: max_chars - 1].rstrip() + "…"
