"""The one token table: colours of the light and the dark theme, radii, avatar palette."""

from __future__ import annotations

import zlib
from dataclasses import dataclass, replace
from functools import cache
from typing import Final

RADIUS_CONTROL: Final = 10
_AA: Final = 4.5
_MIDDLE: Final = 0.18
"""Luminance at which black and white are as far away."""
RADIUS_BUBBLE: Final = 14


@dataclass(frozen=True, slots=True, kw_only=True)
class Tokens:
    """Colours by what they are for, as ``#RRGGBB``."""

    background: str
    side: str
    surface: str
    line: str
    text: str
    muted: str
    accent: str
    on_accent: str
    own: str
    selection: str
    danger: str
    ok: str
    warn: str
    field: str
    """Of a field that lies on the side."""
    hover: str
    least: float = _AA
    """Contrast of text with its ground, WCAG."""
    outlined: bool = False
    """What is chosen or one's own has an outline, where its ground alone is hard to tell."""


LIGHT: Final = Tokens(
    background="#F3F5F6",
    side="#FAFBFB",
    surface="#FFFFFF",
    line="#E2E6E8",
    text="#14191C",
    muted="#5F6B72",
    accent="#0B7A75",
    on_accent="#FFFFFF",
    own="#D5F0EC",
    selection="#DDF1EE",
    danger="#C23A3A",
    ok="#1D9E5A",
    warn="#B77400",
    field="#EDF0F1",
    hover="#E9EDEE",
)
DARK: Final = Tokens(
    background="#101517",
    side="#151B1E",
    surface="#1C2428",
    line="#283237",
    text="#E8EDEF",
    muted="#93A1A8",
    accent="#35B8AE",
    on_accent="#08201E",
    own="#12494A",
    selection="#173B3B",
    danger="#F07070",
    ok="#3CCB7F",
    warn="#E5A93C",
    field="#1C2428",
    hover="#222B30",
)
# WCAG AAA: 7 and more between text and ground, lines that are seen by everyone.
CONTRAST: Final = Tokens(
    background="#000000",
    side="#000000",
    surface="#000000",
    line="#FFFFFF",
    text="#FFFFFF",
    muted="#E4E4E4",
    accent="#5CFFF2",
    on_accent="#000000",
    own="#00332F",
    selection="#00403B",
    danger="#FF9C9C",
    ok="#7CFFB2",
    warn="#FFD27A",
    field="#000000",
    hover="#262626",
    least=7.0,
    outlined=True,
)

AVATARS: Final = (
    "#0B7A75",
    "#2F7D46",
    "#2E78B7",
    "#7A58C6",
    "#A5438C",
    "#B8482F",
    "#846411",
    "#4A5F73",
    "#9C3D54",
    "#3A6EA5",
    "#5B6B1F",
    "#6B4F9E",
)
"""White on each has a contrast of at least 4.5."""


def avatar_colour(key: str, chosen: int | None = None) -> str:
    """The colour somebody chose, or one that follows from their id."""
    return AVATARS[(zlib.crc32(key.encode()) if chosen is None else chosen) % len(AVATARS)]


@cache
def readable(colour: str, ground: str, least: float = _AA) -> str:
    """``colour`` made as much lighter or darker as text of it on ``ground`` needs (WCAG: AA 4.5, AAA 7)."""
    aim = 0 if _luminance(ground) > _MIDDLE else 255
    channels = [int(colour[at : at + 2], 16) for at in (1, 3, 5)]
    mixed = colour
    for share in range(0, 101, 5):
        mixed = "#" + "".join(f"{(c * (100 - share) + aim * share) // 100:02X}" for c in channels)
        if contrast(mixed, ground) >= least:
            break
    return mixed


@cache
def on_bubble(tokens: Tokens, *, own: bool) -> Tokens:
    """The theme as it is read on an own bubble or another's: small words and links stand out enough there."""
    ground = tokens.own if own else tokens.surface
    return replace(
        tokens,
        muted=readable(tokens.muted, ground, tokens.least),
        accent=readable(tokens.accent, ground, tokens.least),
        danger=readable(tokens.danger, ground, tokens.least),
    )


def contrast(one: str, other: str) -> float:
    """WCAG 2.1 contrast ratio of two ``#RRGGBB`` colours, 1 to 21."""
    lighter, darker = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(colour: str) -> float:
    channels = (int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5))
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]  # noqa: PLR2004 - WCAG's constants
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
