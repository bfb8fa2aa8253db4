from __future__ import annotations

import pytest

from desktop.views.usernames import suggest_username
from server.users.names import clean_username


@pytest.mark.parametrize(
    ("name", "username"),
    [
        ("Mira Rossi", "mira.rossi"),
        ("Tomás King", "tomas.king"),
        ("Kaveh B.", "kaveh.b"),
        ("  Øystein  Åß ", "oystein.ass"),
        ("_Ann_", "ann"),
        ("田中", "田中"),
        ("A", ""),
        ("!!!", ""),
        ("", ""),
    ],
)
def test_a_name_gives_a_user_name(name: str, username: str) -> None:
    assert suggest_username(name) == username


@pytest.mark.parametrize("name", ["Mira Rossi", "a" * 31 + " b", "x_" * 40, "O'Neil-Smith"])
def test_the_server_takes_what_is_suggested(name: str) -> None:
    suggested = suggest_username(name)

    assert clean_username(suggested) == suggested
    assert len(suggested) <= 32
