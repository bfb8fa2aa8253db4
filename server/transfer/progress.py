"""How far a transfer is: a bar on a terminal, a line a table elsewhere."""

from __future__ import annotations

import sys
import time
from typing import Final, Self, TextIO

_WIDTH: Final = 30
_EVERY_S: Final = 0.1


class Progress:
    """``total`` rows in all; more may come."""

    def __init__(self, title: str, total: int, *, out: TextIO | None = None) -> None:
        self._title = title
        self._total = total
        self._done = 0
        self._table = ""
        self._of_table = 0
        self._out = out or sys.stderr
        self._live = self._out.isatty()
        self._shown_at = 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._end_table()
        if self._live:
            self._out.write("\r\x1b[K")
            self._out.flush()

    def __call__(self, table: str, rows: int) -> None:
        """So many rows more of a table."""
        if table != self._table:
            self._end_table()
            self._table, self._of_table = table, 0
        self._done += rows
        self._of_table += rows
        now = time.monotonic()
        if self._live and now - self._shown_at >= _EVERY_S:
            self._shown_at = now
            self._show()

    def _show(self) -> None:
        share = min(1.0, self._done / self._total) if self._total else 1.0
        bar = ("#" * round(share * _WIDTH)).ljust(_WIDTH, ".")
        self._out.write(
            f"\r\x1b[K{self._title} [{bar}] {share:4.0%} {self._table} {self._done:,}/{self._total:,}"
        )
        self._out.flush()

    def _end_table(self) -> None:
        if self._of_table and not self._live:
            print(f"{self._title}: {self._table}, {self._of_table:,} rows", file=self._out, flush=True)
