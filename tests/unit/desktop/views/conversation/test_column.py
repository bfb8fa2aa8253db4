"""Where rows lie, compared with adding up."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from desktop.views.conversation.column import Column

STEPS = st.lists(
    st.tuples(st.sampled_from(["insert", "remove", "set", "forget"]), st.integers(0, 40), st.integers(1, 90)),
    max_size=40,
)


@given(STEPS)
def test_rows_lie_one_below_the_other_whatever_comes_and_goes(steps: list[tuple[str, int, int]]) -> None:
    column, known = Column(), list[int | None]()
    for what, at, size in steps:
        row = at % (len(known) + 1)
        if what == "insert":
            count = size % 5 + 1
            column.insert(row, count)
            known[row:row] = [None] * count
        elif what == "remove":
            count = min(size % 5, len(known) - row)
            column.remove(row, count)
            del known[row : row + count]
        elif what == "set" and row < len(known):
            column.set(row, size)
            known[row] = size
        elif what == "forget":
            column.forget()
            known = [None] * len(known)
        assert len(column) == len(known)
        assert column.unknown(range(len(known))) == [row for row, high in enumerate(known) if high is None]
    heights = [column.height(row) for row in range(len(known))]
    assert all(high in {None, heights[row]} for row, high in enumerate(known))
    tops = [sum(heights[:row]) for row in range(len(known) + 1)]
    assert [column.top(row) for row in range(len(known))] == tops[:-1]
    assert column.total == tops[-1]
    for y in range(-1, column.total + 1, 7):
        found = next((row for row in range(len(known)) if tops[row] <= y < tops[row + 1]), -1)
        assert column.at(y) == found
        seen = [row for row in range(len(known)) if tops[row] < y + 50 and tops[row + 1] > y]
        assert list(column.between(y, y + 50)) == seen


def test_a_row_that_was_not_measured_is_as_high_as_others_are() -> None:
    column = Column()
    column.insert(0, 2)
    column.set(0, 40)
    column.set(1, 60)
    column.insert(2, 1)
    assert column.height(2) == 50
