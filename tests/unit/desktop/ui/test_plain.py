"""Markup left out of what stands in one line."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from desktop.ui.plain import plain


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("**all three** systems", "all three systems"),
        ("an *old* and _new_ ~~way~~", "an old and new way"),
        ("run `make test` now", "run make test now"),
        ("```python\nreturn 0\n```", "return 0"),
        ("> quoted\n\nanswered", "quoted answered"),
        ("- one\n- two\n3. three", "one two three"),
        ("[the notes](https://example.org/a) are here", "the notes are here"),
        ("2 * 3 * 4", "2 * 3 * 4"),
        ("snake_case_name and __init__", "snake_case_name and init"),
        ("a\n\nb", "a b"),
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
