"""Abuse case 28: names that could be taken for another's."""

from __future__ import annotations

import pytest

from common.errors import Code
from server.users import names


@pytest.mark.parametrize(
    ("name", "twin"),
    [
        ("Ann", "ANN"),
        ("Ann", "\uff21\uff4e\uff4e"),  # full width
        ("coco", "\u0441\u043e\u0441\u043e"),  # Cyrillic
        ("Paypal", "\u0420\u0430\u0443\u0440\u0430\u04c0"),  # Cyrillic with palochka
        ("José", "Jose"),
        ("Ann", "Ann\ufe0f"),  # variation selector
        ("lol", "1o1"),
        ("modern", "modem"),
        ("Ann Lee", "AnnLee"),
        ("straße", "STRASSE"),
        ("lid", "l\u0131d"),  # dotless i
    ],
)
def test_twins_share_a_key(name: str, twin: str) -> None:
    assert names.key(names.clean(name)) == names.key(names.clean(twin))


@pytest.mark.parametrize(("one", "other"), [("Ann", "Anne"), ("Mia", "Max"), ("日本", "日木")])
def test_different_names_have_different_keys(one: str, other: str) -> None:
    assert names.key(one) != names.key(other)


@pytest.mark.parametrize(
    "name",
    [
        "   ",
        "a\u202eb",  # right-to-left override
        "a\u200bb",  # zero width space
        "a\u2066b",  # isolate
        "Ann\u3164",  # Hangul filler, drawn as nothing
        "Ann\u2800",  # Braille blank
        "Ann\x00",
        "p\u0430ypal",  # one Cyrillic letter in a Latin word
        "\u03b1dmin",  # Greek alpha
        "\ufdfa" * 10,  # eighteen letters each under NFKC
    ],
)
def test_names_that_deceive_are_refused(name: str) -> None:
    with pytest.raises(names.NameNotAllowedError) as refusal:
        names.clean(name)
    assert refusal.value.code is Code.NAME_NOT_ALLOWED


@pytest.mark.parametrize(
    "name", ["Анна", "Ann Анна", "José", "Łukasz", "日本 Tokyo", "O'Neil", "Ζωή", "Zoë 🎉"]
)
def test_honest_names_stay_as_they_are(name: str) -> None:
    assert names.clean(name) == name


@pytest.mark.parametrize("name", [".ann", "ann-", "a b", "a/b", "@ann", "\ufb03" * 11])
def test_user_names_have_letters_digits_and_marks_inside(name: str) -> None:
    with pytest.raises(names.NameNotAllowedError):
        names.clean_username(name)
