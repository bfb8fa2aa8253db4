"""Names that can't be mistaken for each other (Unicode TS 39, in the small).

Two names with one ``key`` look alike: they differ by case, compatibility form, marks of emphasis, or
letters of other scripts that are drawn like Latin ones.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

from common.errors import Code, ParleyError
from common.limits import NAME_MAX_CHARS, USERNAME_MAX_CHARS

_USERNAME: Final = re.compile(r"[^\W_](?:[\w.-]*[^\W_])?", re.UNICODE)
_FORBIDDEN: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
# Letters and symbols that are drawn as nothing (Unicode's Default_Ignorable_Code_Point, and Braille's blank).
_BLANK: Final = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0")
_VARIATION_SELECTORS: Final = frozenset(map(chr, (*range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0))))
# Scripts that share shapes: a word keeps to one of them (TS 39, section 5.2). A name may use several,
# one a word; scripts without look-alikes (Japanese beside Latin) mix freely.
_SCRIPTS: Final = frozenset({"LATIN", "CYRILLIC", "GREEK", "ARMENIAN", "CHEROKEE", "COPTIC", "LISU"})
_WORD: Final = re.compile(r"[^\W\d_]+")
# Letters drawn alike, from the prototypes of Unicode's confusables.txt: Cyrillic, Greek, digits and others.
_CYRILLIC: Final = ("авгеікмнорстухьѕјԁԛԝӏүһѵ", "abreikmhopctyxbsjdqwlyhv")
_ARMENIAN: Final = ("օսոհցզա", "ounhgqw")  # noqa: RUF001 - look-alikes are its subject
_LATIN: Final = ("ıɩɪɑɡʏᴄᴏᴜᴠᴡᴢꜱ", "iiiagycouvwzs")  # noqa: RUF001 - look-alikes are its subject
_GREEK: Final = ("αβγεικνορτυχω", "abyeikvoptuxw")
_DIGITS: Final = ("01|", "oll")
_ALIKE: Final = {
    ord(drawn): latin
    for script, letters in (_CYRILLIC, _GREEK, _ARMENIAN, _LATIN, _DIGITS)
    for drawn, latin in zip(script, letters, strict=True)
}


class NameNotAllowedError(ParleyError):
    """The name could be mistaken, or can't be shown."""

    def __init__(self, message: str) -> None:
        super().__init__(Code.NAME_NOT_ALLOWED, message)


def clean(name: str) -> str:
    """The name in NFKC, trimmed, with single spaces.

    Raises:
        NameNotAllowedError: nothing is left or too much, it holds invisible or direction-changing
            characters, or a word of it mixes scripts that share shapes.
    """
    tidy = _tidy(name)
    if not tidy:
        raise NameNotAllowedError("a name needs at least one visible character")
    if len(tidy) > NAME_MAX_CHARS:  # NFKC can make eighteen letters of one
        raise NameNotAllowedError(f"a name has at most {NAME_MAX_CHARS} characters")
    if any(char in _BLANK or unicodedata.category(char) in _FORBIDDEN for char in tidy):
        raise NameNotAllowedError("a name can't hold invisible characters")
    if any(_mixes_scripts(word) for word in _WORD.findall(tidy)):
        raise NameNotAllowedError("a word of a name can't mix letters of several alphabets")
    return tidy


def clean_username(name: str) -> str:
    """As ``clean``; letters, digits, dots, hyphens and underscores, with no mark at either end."""
    tidy = clean(name)
    if len(tidy) > USERNAME_MAX_CHARS:
        raise NameNotAllowedError(f"a user name has at most {USERNAME_MAX_CHARS} characters")
    if _USERNAME.fullmatch(tidy) is None:
        raise NameNotAllowedError("a user name has letters, digits, dots and hyphens only")
    return tidy


def key(name: str) -> str:
    """What all names that look like ``name`` share; any text has one, clean or not."""
    plain = unicodedata.normalize("NFD", _tidy(name).casefold())
    bare = "".join(
        char for char in plain if not unicodedata.combining(char) and char not in _VARIATION_SELECTORS
    )
    return bare.translate(_ALIKE).replace(" ", "").replace("rn", "m")


def _tidy(name: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", name).split())


def _mixes_scripts(word: str) -> bool:
    """The standard library knows no scripts; the first word of a letter's name tells these apart."""
    return len({unicodedata.name(char, "").partition(" ")[0] for char in word} & _SCRIPTS) > 1
