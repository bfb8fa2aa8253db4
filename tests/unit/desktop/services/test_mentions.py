"""Who a text names."""

from __future__ import annotations

import pytest

from desktop.services.mentions import find_mentions
from desktop.services.state import Person

MIRA = Person(user_id="1", name="Mira Rossi", username="mira")
ANN = Person(user_id="2", name="Ann", username="ann")
ANN_LEE = Person(user_id="3", name="Ann Lee", username="lee")
GONE = Person(user_id="4", name="Deleted user", username="", deleted=True)
PEOPLE = (MIRA, ANN, ANN_LEE, GONE)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("nobody", []),
        ("@mira look", [(0, 5, "1")]),
        ("Hello @Mira Rossi!", [(6, 11, "1")]),
        ("@ANN LEE and @ann, (@lee)", [(0, 8, "3"), (13, 4, "2"), (20, 4, "3")]),
        ("@room: lunch", [(0, 5, None)]),
        ("mira@example.org", []),
        ("@mirage, @annex, @@ann", []),
        ("@Deleted user", []),
        ("\N{GRINNING FACE}\N{GRINNING FACE} @mira", [(3, 5, "1")]),
    ],
)
def test_names_stand_as_words_of_their_own(text: str, found: list[tuple[int, int, str | None]]) -> None:
    assert [(one.start, one.len, one.user_id) for one in find_mentions(text, PEOPLE)] == found


def test_there_are_at_most_fifty() -> None:
    assert len(find_mentions("@mira " * 60, PEOPLE)) == 50
