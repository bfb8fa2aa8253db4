from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.protocol.version import VERSION, VERSIONS, negotiate


@given(st.lists(st.integers()), st.lists(st.integers()))
def test_both_sides_agree_whoever_asks(offered: list[int], spoken: list[int]) -> None:
    agreed = negotiate(offered, spoken)
    assert agreed == negotiate(spoken, offered)
    if agreed is None:
        assert not set(offered) & set(spoken)
    else:
        assert agreed in offered
        assert agreed in spoken
        assert not any(other > agreed for other in set(offered) & set(spoken))


@pytest.mark.parametrize(
    ("offered", "agreed"), [([1], 1), ([0, 1, 2], 1), ([2, 3], None), ([], None), ([-1], None)]
)
def test_what_this_program_answers(offered: list[int], agreed: int | None) -> None:
    assert negotiate(offered) == agreed


def test_the_present_version_is_spoken() -> None:
    assert max(VERSIONS) == VERSION
