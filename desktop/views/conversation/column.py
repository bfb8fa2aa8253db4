"""Rows one below the other: where each begins, also of those that were not measured yet."""

from __future__ import annotations

from bisect import bisect_right
from itertools import accumulate
from typing import Final

_GUESS: Final = 64
"""Pixels of a row while none was measured."""


class Column:
    """Heights and tops in pixels; row 0 begins at 0. Of a row that was not measured the height is a guess."""

    def __init__(self) -> None:
        self._heights: list[int] = []
        self._known: list[bool] = []
        self._tops: list[int] | None = None

    def __len__(self) -> int:
        return len(self._heights)

    @property
    def total(self) -> int:
        """Where the last row ends."""
        return self._positions()[-1]

    def top(self, row: int) -> int:
        """Where a row begins."""
        return self._positions()[row]

    def height(self, row: int) -> int:
        """Of one row."""
        return self._heights[row]

    def at(self, y: int) -> int:
        """The row at ``y``; -1 above the first and below the last."""
        if not 0 <= y < self.total:
            return -1
        return bisect_right(self._positions(), y) - 1

    def between(self, top: int, bottom: int) -> range:
        """The rows of which a part lies from ``top`` to before ``bottom``."""
        top, bottom = max(top, 0), min(bottom, self.total)
        if top >= bottom:
            return range(0)
        return range(self.at(top), self.at(bottom - 1) + 1)

    def unknown(self, rows: range) -> list[int]:
        """Those of ``rows`` that are to be measured."""
        return [row for row in rows if not self._known[row]]

    def set(self, row: int, height: int) -> None:
        """It was measured."""
        self._known[row] = True
        if self._heights[row] != height:
            self._heights[row] = height
            self._tops = None

    def insert(self, row: int, count: int) -> None:
        """``count`` rows from ``row`` on are new."""
        self._heights[row:row] = [self._guess()] * count
        self._known[row:row] = [False] * count
        self._tops = None

    def remove(self, row: int, count: int) -> None:
        """``count`` rows from ``row`` on are gone."""
        del self._heights[row : row + count], self._known[row : row + count]
        self._tops = None

    def forget(self) -> None:
        """Nothing is known any more, as at another width; what was measured is the best guess."""
        self._known = [False] * len(self._known)

    def _guess(self) -> int:
        measured = [height for height, known in zip(self._heights, self._known, strict=True) if known]
        return sum(measured) // len(measured) if measured else _GUESS

    def _positions(self) -> list[int]:
        if self._tops is None:
            self._tops = list(accumulate(self._heights, initial=0))
        return self._tops
