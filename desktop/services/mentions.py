"""Who a text names: "@Mira Rossi", "@mira" or "@room", wherever it stands as a word of its own."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from common.limits import MENTIONS_MAX
from common.protocol.types import Mention
from desktop.services.state import Person

ROOM: Final = "room"
"""``@room`` names everyone who is in the room."""


def find_mentions(text: str, people: Iterable[Person]) -> list[Mention]:
    """In the order they stand, at most 50. Positions count code points, as the wire does and Python."""
    if "@" not in text:
        return []
    named: dict[str, str | None] = {ROOM: None}
    for person in people:
        if not person.deleted:
            for name in filter(None, (person.username, person.name)):
                named.setdefault(name.casefold(), person.user_id)
    # The longest first: "@Ann Lee" is not "@Ann" and a word.
    words = "|".join(re.escape(name) for name in sorted(named, key=len, reverse=True))
    found: list[Mention] = []
    for match in re.finditer(rf"(?<![\w@])@({words})(?!\w)", text, re.IGNORECASE):
        key = match[1].casefold()
        if key in named and len(found) < MENTIONS_MAX:
            found.append(Mention(start=match.start(), len=len(match[0]), user_id=named[key]))
    return found
