"""Names that can't be mistaken for each other (Unicode TS 39, in the small).

Two names with one ``key`` look alike: they differ by case, compatibility form, marks of emphasis, or
letters of other scripts that are drawn like Latin ones.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

from common.errors import Code, ParleyError

_USERNAME: Final = re.compile(r"[^\W_](?:[\w.-]*[^\W_])?", re.UNICODE)
_FORBIDDEN: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
# Letters drawn alike, from the prototypes of Unicode's confusables.txt: Cyrillic, Greek, digits.
_CYRILLIC: Final = ("авгеікмнорстухьѕјԁԛԝ", "abreikmhopctyxbsjdqw")
_GREEK: Final = ("αβγεικνορτυχω", "abyeikvoptuxw")
_DIGITS: Final = ("01|", "oll")
_ALIKE: Final = {
    ord(drawn): latin
    for script, letters in (_CYRILLIC, _GREEK, _DIGITS)
    for drawn, latin in zip(script, letters, strict=True)
}


class NameNotAllowedError(ParleyError):
    """The name could be mistaken, or can't be shown."""

    def __init__(self, message: str) -> None:
        super().__init__(Code.NAME_NOT_ALLOWED, message)


def clean(name: str) -> str:
    """The name in NFKC, trimmed, with single spaces.

    Raises:
        NameNotAllowedError: nothing is left, or it holds invisible or direction-changing characters.
    """
    tidy = " ".join(unicodedata.normalize("NFKC", name).split())
    if not tidy:
        raise NameNotAllowedError("a name needs at least one visible character")
    if any(unicodedata.category(char) in _FORBIDDEN for char in tidy):
        raise NameNotAllowedError("a name can't hold invisible characters")
    return tidy


def clean_username(name: str) -> str:
    """As ``clean``; letters, digits, dots, hyphens and underscores, with no mark at either end."""
    tidy = clean(name)
    if _USERNAME.fullmatch(tidy) is None:
        raise NameNotAllowedError("a user name has letters, digits, dots and hyphens only")
    return tidy


def key(name: str) -> str:
    """What all names that look like ``name`` share. ``name`` is clean."""
    plain = unicodedata.normalize("NFD", name.casefold())
    bare = "".join(char for char in plain if not unicodedata.combining(char))
    return bare.translate(_ALIKE).replace(" ", "").replace("rn", "m")
