"""Whether a text is looked through for links that stand in it without markup."""

from __future__ import annotations

import re
from typing import Final

MOST_LINKS: Final = 256
"""Of a message: markdown-it looks back over all that was written before each "://"."""
MOST_IN_WORD: Final = 32
"""Of what stands between two blanks: linkify-it reads to its end from each place where a link could begin."""
_BEGINS: Final = re.compile(r"//|[.@]\w")


def links_are_sane(body: str) -> bool:
    """False for a text made to keep the parser busy: the time would grow with its length squared."""
    return body.count("://") <= MOST_LINKS and all(
        sum(1 for _ in _BEGINS.finditer(word)) <= MOST_IN_WORD for word in body.split()
    )
