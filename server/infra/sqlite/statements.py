"""Portable SQL made into SQLite's own, once per text.

``$1`` becomes ``?1``: bound by a sequence, ``$n`` would go by first appearance and swap silently.
``IN $1`` with a list becomes ``IN (?1,?2,...)``, padded to a power of two by repeating the last item, so
that few texts serve all lengths and stay prepared. A one-row INSERT becomes a many-row one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any, Final

_TOKEN: Final = re.compile(
    r"""'(?:[^']|'')*' | "(?:[^"]|"")*" | --[^\n]* | (?P<in>\bIN\s+)\$(?P<list>\d+)\b | \$(?P<one>\d+)\b""",
    re.IGNORECASE | re.VERBOSE,
)
_VALUES: Final = re.compile(
    r"\A(\s*INSERT\s.*?\bVALUES\s*)(\((?:[^()]|\([^()]*\))*\))(.*)\Z", re.IGNORECASE | re.DOTALL
)
_NUMBERED: Final = re.compile(r"\?(\d+)")
_RETURNING: Final = re.compile(r"\bRETURNING\b", re.IGNORECASE)

MAX_PARAMETERS: Final = 32_766
"""SQLITE_MAX_VARIABLE_NUMBER."""
_MAX_TEXTS: Final = 2_048
_MAX_ROWS: Final = 64

Bound = tuple[str, Sequence[Any]]


class Statements:
    """Remembers what it rewrote; belongs to one connection, so to one thread."""

    def __init__(self) -> None:
        self._plain: dict[str, str] = {}
        self._with_lists: dict[str, _ListStatement] = {}
        self._many: dict[str, _ManyRows | None] = {}

    def bind(self, sql: str, args: tuple[object, ...]) -> Bound:
        """The text and the sequence to run it with.

        Raises:
            TypeError: a parameter of ``IN $n`` is no list, or the number of arguments is wrong.
            ValueError: the lists are longer than SQLite takes.
        """
        text = self._plain.get(sql)
        if text is not None:
            return text, args
        statement = self._with_lists.get(sql)
        if statement is None:
            if len(self._plain) + len(self._with_lists) > _MAX_TEXTS:
                self._plain.clear()
                self._with_lists.clear()
            statement = _ListStatement(sql)
            if not statement.has_lists:
                text = self._plain[sql] = _TOKEN.sub(_numbered, sql)
                return text, args
            self._with_lists[sql] = statement
        return statement.bind(args)

    def bind_many(self, sql: str, rows: Sequence[Sequence[object]]) -> Iterator[Bound] | None:
        """Few texts that insert all rows, or None if the text is no plain one-row INSERT.

        One statement for many rows lets go of the interpreter lock once, not once a row: with a
        busy event loop beside it, each time costs up to a switch interval.
        """
        if sql not in self._many:
            if len(self._many) > _MAX_TEXTS:
                self._many.clear()
            self._many[sql] = _ManyRows.of(_TOKEN.sub(_numbered, sql))
        many = self._many[sql]
        return None if many is None else many.bind(rows)


def _numbered(match: re.Match[str]) -> str:
    one = match["one"]
    return match[0] if one is None else f"?{one}"


class _ListStatement:
    """A text cut at its parameters."""

    def __init__(self, sql: str) -> None:
        self._pieces: list[str | tuple[str, int]] = []
        scalars, lists = set[int](), set[int]()
        end = 0
        for match in _TOKEN.finditer(sql):
            if match["list"] is not None:
                position = int(match["list"]) - 1
                lists.add(position)
                self._pieces += [sql[end : match.start()], match["in"], ("list", position)]
            elif match["one"] is not None:
                position = int(match["one"]) - 1
                scalars.add(position)
                self._pieces += [sql[end : match.start()], ("one", position)]
            else:
                continue
            end = match.end()
        self._pieces.append(sql[end:])
        self._scalars, self._lists = sorted(scalars), sorted(lists)
        self._count = max(scalars | lists, default=-1) + 1
        self._texts: dict[tuple[int, ...], str] = {}

    @property
    def has_lists(self) -> bool:
        return bool(self._lists)

    def bind(self, args: tuple[object, ...]) -> Bound:
        if len(args) != self._count:
            raise TypeError(f"the statement takes {self._count} parameters, {len(args)} were given")
        values = [args[position] for position in self._scalars]
        sizes: list[int] = []
        for position in self._lists:
            items = args[position]
            if not isinstance(items, list | tuple):
                raise TypeError(
                    f"parameter ${position + 1} of an IN takes a list, not {type(items).__name__}"
                )
            count = len(items)
            size = 0 if count == 0 else 1 << (count - 1).bit_length()
            if len(values) + size > MAX_PARAMETERS:
                size = count
                if len(values) + size > MAX_PARAMETERS:
                    raise ValueError(f"a list of {count} is longer than SQLite takes")
            sizes.append(size)
            values.extend(items)
            values.extend(items[-1:] * (size - count))
        key = tuple(sizes)
        text = self._texts.get(key)
        if text is None:
            text = self._texts[key] = self._text(sizes)
        return text, values

    def _text(self, sizes: Sequence[int]) -> str:
        numbers = {position: str(i) for i, position in enumerate(self._scalars, 1)}
        following = len(self._scalars) + 1
        lists: dict[int, str] = {}
        for position, size in zip(self._lists, sizes, strict=True):
            lists[position] = ",".join(f"?{n}" for n in range(following, following + size))
            following += size
        return "".join(
            piece
            if isinstance(piece, str)
            else (f"({lists[piece[1]]})" if piece[0] == "list" else f"?{numbers[piece[1]]}")
            for piece in self._pieces
        )


class _ManyRows:
    """An INSERT whose only parameters are those of its one row of VALUES."""

    def __init__(self, head: str, row: str, tail: str) -> None:
        self._head, self._row, self._tail = head, row, tail
        self._width = max(int(n) for n in _NUMBERED.findall(row))
        self._max_rows = min(_MAX_ROWS, MAX_PARAMETERS // self._width)
        self._texts: dict[int, str] = {}

    @classmethod
    def of(cls, text: str) -> _ManyRows | None:
        match = _VALUES.match(text)
        if match is None or _RETURNING.search(match[3]):
            return None
        if (
            not _NUMBERED.search(match[2])
            or _NUMBERED.search(match[1] + match[3])
            or "'" in match[2]
            or "$" in text
        ):
            return None
        return cls(match[1], match[2], match[3])

    def bind(self, rows: Sequence[Sequence[object]]) -> Iterator[Bound]:
        done = 0
        while done < len(rows):
            # Powers of two, so that seven texts serve all numbers of rows.
            count = min(self._max_rows, 1 << ((len(rows) - done).bit_length() - 1))
            values: list[object] = []
            for row in rows[done : done + count]:
                if len(row) != self._width:
                    raise TypeError(f"the statement takes {self._width} parameters, {len(row)} were given")
                values += row
            yield self._text(count), values
            done += count

    def _text(self, count: int) -> str:
        text = self._texts.get(count)
        if text is None:
            shifted = (_shifted(self._row, by=i * self._width) for i in range(count))
            text = self._texts[count] = f"{self._head}{','.join(shifted)}{self._tail}"
        return text


def _shifted(row: str, *, by: int) -> str:
    return _NUMBERED.sub(lambda match: f"?{int(match[1]) + by}", row)
