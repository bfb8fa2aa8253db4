from __future__ import annotations

import pytest

from desktop.views.panes import Panes, arrange, window_title


@pytest.mark.parametrize(
    ("width", "in_room", "details", "shown"),
    [
        (360, False, False, "list"),
        (639, True, False, "conversation"),
        (639, True, True, "details"),
        (639, False, True, "list"),
        (640, False, False, "list conversation"),
        (1040, True, True, "list details"),
        (1041, True, False, "list conversation"),
        (1041, True, True, "list conversation details"),
    ],
)
def test_a_window_shows_what_fits(width: int, in_room: bool, details: bool, shown: str) -> None:
    panes = arrange(width, in_room=in_room, details=details)
    wanted = shown.split()

    assert panes == Panes(
        list="list" in wanted,
        conversation="conversation" in wanted,
        details="details" in wanted,
        back=width < 640,
    )


def test_the_title_counts_what_is_unread() -> None:
    assert window_title(0) == "Parley"
    assert window_title(3) == "(3) Parley"
