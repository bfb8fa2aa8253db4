from __future__ import annotations

import io

from server.transfer.progress import Progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_terminal_shows_a_bar_and_is_left_clean() -> None:
    out = Terminal()
    with Progress("copy", 200, out=out) as progress:
        progress("users", 50)
    shown = out.getvalue()
    assert "\r\x1b[Kcopy [########......................]  25% users 50/200" in shown
    assert shown.endswith("\r\x1b[K")
    assert "\n" not in shown


def test_elsewhere_a_line_tells_of_each_table_that_has_rows() -> None:
    out = io.StringIO()
    with Progress("copy", 30, out=out) as progress:
        for table, rows in (("users", 10), ("users", 10), ("devices", 0), ("messages", 1_000)):
            progress(table, rows)
    assert out.getvalue().splitlines() == ["copy: users, 20 rows", "copy: messages, 1,000 rows"]
