from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common import limits
from common.text import body_problem, excerpt, text_problem

# All code points, lone surrogates too.
ANY_TEXT = st.text(st.characters(exclude_categories=[]))


@given(ANY_TEXT)
def test_a_body_is_taken_exactly_if_it_can_be_stored_and_shown(body: str) -> None:
    control = any((ord(c) < 32 and c not in "\t\n") or 0x7F <= ord(c) <= 0x9F for c in body)
    surrogate = any(0xD800 <= ord(c) <= 0xDFFF for c in body)
    blank = not body.strip()
    assert (body_problem(body) is None) == (not control and not surrogate and not blank)


@pytest.mark.parametrize(
    ("body", "taken"),
    [
        ("x" * limits.BODY_MAX_CHARS, True),
        ("x" * (limits.BODY_MAX_CHARS + 1), False),
        ("漢" * (limits.BODY_MAX_BYTES // 3), True),
        ("漢" * (limits.BODY_MAX_BYTES // 3) + "abc", False),
        ("𝄞" * (limits.BODY_MAX_BYTES // 4), True),
        ("𝄞" * (limits.BODY_MAX_BYTES // 4) + "x", False),
    ],
)
def test_the_limits_are_16000_code_points_and_32_kib(body: str, taken: bool) -> None:
    assert (body_problem(body) is None) == taken


@pytest.mark.parametrize("char", ["\t", "\n", "\u200b", "\u202e", "\ufeff", "\U0010ffff", "\u0301"])
def test_text_that_is_only_strange_is_taken(char: str) -> None:
    assert text_problem(f"a{char}b") is None


@pytest.mark.parametrize("char", ["\0", "\r", "\x0b", "\x1b", "\x7f", "\x85", "\x9f", "\ud800"])
def test_text_that_no_database_or_screen_should_see_is_refused(char: str) -> None:
    assert text_problem(f"a{char}b") is not None


@given(ANY_TEXT, st.integers(2, 200))
def test_an_excerpt_is_one_short_line(body: str, most: int) -> None:
    line = excerpt(body, most)
    assert len(line) <= most
    assert line == " ".join(line.split())
    if len(body) <= most and not any(c.isspace() for c in body):
        assert line == body


def test_an_excerpt_that_was_cut_says_so() -> None:
    assert excerpt("one two\n\tthree") == "one two three"
    cut = excerpt("word " * 100)
    assert cut.endswith("word…")
    assert len(cut) <= limits.EXCERPT_MAX_CHARS
