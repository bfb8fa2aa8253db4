"""How many panes a window of a given width shows (experience.md, "Layout")."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

NARROW_BELOW: Final = 640
WIDE_ABOVE: Final = 1040

MIN_WIDTH: Final = 360
MIN_HEIGHT: Final = 480
FIRST_WIDTH: Final = 1280
FIRST_HEIGHT: Final = 800

LIST_WIDTH: Final = 308
LIST_MIN: Final = 240
LIST_MAX: Final = 480
CONVERSATION_MIN: Final = 340
DETAILS_WIDTH: Final = 280
DETAILS_MIN: Final = 220
DETAILS_MAX: Final = 420


@dataclass(frozen=True, slots=True, kw_only=True)
class Panes:
    """Which panes are on screen side by side."""

    list: bool
    conversation: bool
    details: bool
    back: bool
    """One pane at a time: the conversation needs a way back to the list."""


def arrange(width: int, *, in_room: bool, details: bool) -> Panes:
    """What fits into ``width`` pixels.

    ``in_room``: a conversation was opened and not left again, which matters in a narrow window only.
    ``details``: the details panel is wanted; up to ``WIDE_ABOVE`` it takes the conversation's place.
    """
    if width < NARROW_BELOW:
        return Panes(
            list=not in_room, conversation=in_room and not details, details=in_room and details, back=True
        )
    if width <= WIDE_ABOVE:
        return Panes(list=True, conversation=not details, details=details, back=False)
    return Panes(list=True, conversation=True, details=details, back=False)


def window_title(unread: int) -> str:
    """``(3) Parley``."""
    return f"({unread}) Parley" if unread else "Parley"
