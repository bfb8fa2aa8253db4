"""Markup left out of what stands in one line."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.limits import BODY_MAX_CHARS
from desktop.ui.plain import _SIGNS, LINE, SPAN, one_line, plain


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("**all three** systems", "all three systems"),
        ("an *old* and _new_ ~~way~~", "an old and new way"),
        ("run `make test` now", "run make test now"),
        ("```python\nreturn 0\n```", "return 0"),
        ("look: ```python return 0 ``` right", "look: return 0 right"),
        ("a~~~b and ```", "a~~~b and"),
        ("> quoted\n\nanswered", "quoted answered"),
        ("- one\n- two\n3. three", "one two three"),
        ("[the notes](https://example.org/a) are here", "the notes are here"),
        ("2 * 3 * 4", "2 * 3 * 4"),
        ("snake_case_name and __init__", "snake_case_name and init"),
        ("a\n\nb", "a b"),
        ("a\n\n\n> b\n\t- c", "a b c"),
        ("- -", "-"),
        ("***", "***"),
        ("", ""),
    ],
)
def test_signs_go_and_words_stay(body: str, words: str) -> None:
    assert plain(body) == words


@given(st.text())
def test_no_text_becomes_nothing_and_none_gets_a_line_break(body: str) -> None:
    words = plain(body)
    assert bool(words) == bool(body.split())
    assert len(words.splitlines()) <= 1


@pytest.mark.parametrize(("opens", "closes"), [("**", "**"), ("~~", "~~"), ("_", "_"), ("`", "`")])
def test_signs_look_for_their_other_half_so_far_and_no_further(opens: str, closes: str) -> None:
    near, far = "a" * SPAN, "a" * (SPAN + 1)
    assert plain(f"{opens}{near}{closes}") == near
    assert plain(f"{opens}{far}{closes}") == f"{opens}{far}{closes}"


def test_what_stands_before_a_sign_is_looked_for_in_its_line_only() -> None:
    """Across lines, as many empty ones as a body may hold took seconds."""
    crossing = [
        pattern.pattern
        for pattern, _ in _SIGNS
        if any("\n" in found.group() for found in pattern.finditer("a\n\n```\n \n> \n\n- b\n\n1. \n\n"))
    ]
    assert crossing == []


def test_of_a_long_text_a_line_looks_at_its_head() -> None:
    body = "**a** " * (LINE // 6) + "b" * BODY_MAX_CHARS
    assert one_line(body) == plain(body[:LINE])
    assert len(one_line(body)) <= LINE
