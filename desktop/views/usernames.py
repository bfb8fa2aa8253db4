"""A user name made from a person's name, to be changed where it does not please."""

from __future__ import annotations

import re
import unicodedata
from typing import Final

from common import limits

_NOT_IN_A_WORD: Final = re.compile(r"[^\w]+", re.UNICODE)
# What NFKD leaves whole: letters that are written with two in other alphabets.
_SPELLED: Final = str.maketrans({"ß": "ss", "ø": "o", "æ": "ae", "œ": "oe", "ł": "l", "đ": "d"})


def suggest_username(name: str) -> str:
    """``mira.rossi`` for "Mira Rossi"; empty while the name gives too little."""
    folded = unicodedata.normalize("NFKD", name.casefold().translate(_SPELLED))
    bare = "".join(character for character in folded if not unicodedata.combining(character))
    words = [word.strip("_") for word in _NOT_IN_A_WORD.split(bare)]
    joined = ".".join(word for word in words if word)[: limits.USERNAME_MAX_CHARS].rstrip("._")
    return joined if len(joined) >= limits.USERNAME_MIN_CHARS else ""
