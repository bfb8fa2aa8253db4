"""`make docs`: writes the tables and examples of docs/protocol.md and docs/protocol/ from the code.

What stands between `<!-- made: NAME -->` and `<!-- end -->` is made here, the rest is written by hand.
A fence "```json Name" holds an example of the struct of that name; tests decode every one of them.
`protocol_docs.py --check` writes nothing and fails when a file is not current.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from enum import Enum
from pathlib import Path
from typing import Any, Final, TypeGuard, get_args

import msgspec
from place import ROOT, say
from protocol_calls import Call, calls
from protocol_shapes import (
    MissingWordsError,
    Struct,
    attribute_docs,
    choices,
    docstring,
    example_json,
    fields_of,
    pretty,
    tag_of,
    title,
    type_words,
    unit_words,
    used_by,
    words_of,
)
from protocol_words import CALL_ERRORS, CLOSES, ERRORS, FIELDS, FIXED, LIMITS, REQUEST_ERRORS

from common import limits
from common.errors import HTTP_STATUS, RETRYABLE, CloseCode, Code
from common.protocol import pushes, requests, rest

MAIN: Final = Path("docs/protocol.md")
SOCKET: Final = Path("docs/protocol/socket.md")
REST: Final = Path("docs/protocol/rest.md")
_BLOCK: Final = re.compile(r"(<!-- made: (?P<name>[\w-]+) -->\n).*?(<!-- end -->)", re.DOTALL)

_REQUESTS: Final[tuple[Struct, ...]] = get_args(requests.Request)
_ROOM_EVENTS: Final[tuple[Struct, ...]] = get_args(pushes.RoomEvent)
_ACCOUNT_EVENTS: Final[tuple[Struct, ...]] = get_args(pushes.AccountEvent)
_PUSHES: Final[tuple[Struct, ...]] = get_args(pushes.Push)
_ANSWERS: Final = tuple(cls for cls in _PUSHES if "id" in cls.__struct_fields__)
_OTHERS: Final = tuple(cls for cls in _PUSHES if cls not in {*_ANSWERS, *_ROOM_EVENTS, *_ACCOUNT_EVENTS})


class Reference:
    """All that is made; where a struct or enum is described is found once."""

    def __init__(self) -> None:
        self.calls = calls()
        spoken = [*_REQUESTS, *_PUSHES]
        self.shapes = [one for one in _reached(spoken) if one not in {*spoken, limits.Limits}]
        bodies = [_item(body) for call in self.calls for body in (call.body, call.answer)]
        known = {*spoken, *self.shapes, limits.Limits}
        self.bodies = [
            one for one in _reached([rest.Problem, *filter(_is_struct, bodies)]) if one not in known
        ]
        self._places: dict[type, tuple[Path, str]] = {
            limits.Limits: (MAIN, "limits-of-this-server"),
            Code: (MAIN, "errors"),
        }
        self._places |= {one: (SOCKET, _anchor(one)) for one in (*spoken, *self.shapes)}
        self._places |= {one: (REST, _anchor(one)) for one in self.bodies}
        # The one name that a request and a push share; GitHub numbers the second.
        self._places[pushes.TypingShown] = (SOCKET, "typing-1")

    def blocks(self) -> dict[str, Callable[[], str]]:
        """By the name in the marker."""
        return {
            "fixed-limits": _fixed_limits,
            "limits": _limits,
            "errors": _errors,
            "close-codes": _close_codes,
            "requests": lambda: self._structs(_REQUESTS, SOCKET),
            "answers": lambda: self._structs(_ANSWERS, SOCKET),
            "room-events": lambda: self._structs(_ROOM_EVENTS, SOCKET),
            "account-events": lambda: self._structs(_ACCOUNT_EVENTS, SOCKET),
            "other-pushes": lambda: self._structs(_OTHERS, SOCKET),
            "shapes": lambda: self._structs(self.shapes, SOCKET),
            "calls": lambda: "\n\n".join(self._call(call) for call in self.calls),
            "bodies": lambda: self._structs(self.bodies, REST),
        }

    def _links(self, page: Path) -> dict[type, str]:
        return {
            one: f"#{anchor}" if place == page else f"{_way(page, place)}#{anchor}"
            for one, (place, anchor) in self._places.items()
        }

    def _structs(self, found: Iterable[type], page: Path) -> str:
        return "\n\n".join(self._struct(one, page) for one in found)

    def _struct(self, cls: type, page: Path) -> str:
        if issubclass(cls, Enum):
            return f"### {cls.__name__}\n\nOne of {choices(cls)}. {docstring(cls)}"
        if not issubclass(cls, msgspec.Struct):
            raise TypeError(f"{cls} is neither struct nor enum")
        parts = [f"### {title(cls)}", docstring(cls), *self._fields(cls, page)]
        if cls in _REQUESTS:
            codes = REQUEST_ERRORS.get(tag_of(cls), ())
            parts.append(f"Errors of its own: {_codes(codes, SOCKET)}." if codes else "No errors of its own.")
        return "\n\n".join([*parts, _fence(cls)])

    def _fields(self, cls: Struct, page: Path) -> Iterator[str]:
        links = self._links(page)
        rows = [
            (
                f"`{field.encode_name}`",
                ", ".join(filter(None, (type_words(field.type, links), unit_words(field.name)))),
                _presence(field),
                words_of(cls, field.name),
            )
            for field in fields_of(cls)
        ]
        if rows:
            yield _table(("Field", "Type", "", "Meaning"), rows)

    def _call(self, call: Call) -> str:
        links = self._links(REST)
        who = "Public." if call.public else "Signed in."
        parts = [f"### `{call.method} {call.path}`", f"{call.summary} {who}"]
        if call.query:
            parts.append(_table(("Query", "Type", "", "Meaning"), map(_parameter, call.query)))
        parts += _body("Body", call.body, call.body_media, links)
        answer = list(_body(f"Answer {call.status}", call.answer, call.answer_media, links))
        parts += answer or [f"Answer {call.status}, no body."]
        codes = CALL_ERRORS.get(call.key, ())
        parts.append(f"Errors of its own: {_codes(codes, REST)}." if codes else "No errors of its own.")
        return "\n\n".join(parts)


def made(text: str, blocks: dict[str, Callable[[], str]]) -> str:
    """``text`` with every block made anew.

    Raises:
        KeyError: a marker names no block.
    """
    return _BLOCK.sub(lambda found: f"{found[1]}\n{blocks[found['name']]()}\n\n{found[3]}", text)


def pages() -> dict[Path, str]:
    """What each page should be."""
    blocks = Reference().blocks()
    return {page: made((ROOT / page).read_text(encoding="utf-8"), blocks) for page in (MAIN, SOCKET, REST)}


def main(arguments: Sequence[str]) -> int:
    """Returns 1 where ``--check`` finds a page that is not current, or words are missing."""
    try:
        fresh = pages()
    except MissingWordsError as problem:
        say(str(problem))
        return 1
    stale = [page for page, text in fresh.items() if (ROOT / page).read_text(encoding="utf-8") != text]
    for page in stale:
        if "--check" in arguments:
            say(f"{page.as_posix()} is not current: make docs")
        else:
            (ROOT / page).write_text(fresh[page], encoding="utf-8", newline="\n")
            say(f"{page.as_posix()} written")
    return 1 if stale and "--check" in arguments else 0


def _reached(structs: Iterable[type]) -> list[type]:
    """These and every struct and enum that their fields name, once each, in the order they are met."""
    found: dict[type, None] = {}
    waiting = list(structs)
    while waiting:
        one = waiting.pop(0)
        if one in found:
            continue
        found[one] = None
        if issubclass(one, msgspec.Struct) and one is not limits.Limits:
            waiting += [
                used for field in fields_of(one) for used in used_by((field.type,)) if used is not Code
            ]
    return list(found)


def _item(kind: object) -> object:
    """The struct of ``list[struct]``, or itself."""
    inside = get_args(kind)
    return inside[0] if inside else kind


def _is_struct(kind: object) -> TypeGuard[Struct]:
    return isinstance(kind, type) and issubclass(kind, msgspec.Struct)


def _anchor(one: type) -> str:
    """As GitHub makes it of the heading."""
    name = tag_of(one) if issubclass(one, msgspec.Struct) else one.__name__
    return name.lower().replace(".", "")


def _way(page: Path, other: Path) -> str:
    up = "../" * (len(page.parts) - 2)
    return up + other.relative_to("docs").as_posix() if up == "" or other == MAIN else other.name


def _presence(field: msgspec.inspect.Field) -> str:
    if field.required:
        return "required"
    default = field.default
    if default is msgspec.NODEFAULT or default is None:
        return "optional"
    shown = default.value if isinstance(default, Enum) else default
    return f"optional, else `{pretty(shown)}`"


def _parameter(one: dict[str, Any]) -> tuple[str, str, str, str]:
    schema = one["schema"]
    kind = next(part for part in schema.get("oneOf", (schema,)) if part["type"] != "null")
    low, high = kind.get("minimum"), kind.get("maximum")
    bounds = f", {int(low or 0)} to {int(high)}" if high is not None and high < limits.INT_MAX else ""
    longest = f", at most {kind['maxLength']} characters" if "maxLength" in kind else ""
    default = schema.get("default")
    presence = "required" if one["required"] else "optional"
    if default not in {None, ""}:
        presence += f", else `{default}`"
    name = one["name"]
    if f"?{name}" not in FIELDS:
        raise MissingWordsError(
            f"the query parameter {name} has no words: FIELDS['?{name}'] in protocol_words.py"
        )
    return f"`{name}`", f"{kind['type']}{bounds}{longest}", presence, FIELDS[f"?{name}"]


def _body(name: str, kind: object, media: Sequence[str], links: dict[type, str]) -> Iterator[str]:
    """Words and an example; nothing where there is no body."""
    if kind is None:
        return
    item = _item(kind)
    if not _is_struct(item):
        yield f"{name}: {' or '.join(f'`{one}`' for one in media) or 'bytes'}."
        return
    many = item is not kind
    yield f"{name}: {'array of ' if many else ''}[{item.__name__}]({links[item]})."
    yield _fence(item, many=many)


def _fence(cls: Struct, *, many: bool = False) -> str:
    shown = example_json(cls)
    return f"```json {cls.__name__}{'[]' if many else ''}\n{pretty([shown] if many else shown)}\n```"


def _codes(codes: Iterable[Code], page: Path) -> str:
    return ", ".join(f"[`{code.value}`]({_way(page, MAIN)}#errors)" for code in codes)


def _errors() -> str:
    rows = [
        (
            f"`{code.value}`",
            str(HTTP_STATUS[code]),
            "yes" if code in RETRYABLE else "no",
            *_worded(ERRORS, code),
        )
        for code in Code
    ]
    return _table(("Code", "HTTP", "Again", "Meaning", "What a client does"), rows)


def _close_codes() -> str:
    said = attribute_docs("common.errors")["CloseCode"]
    rows = []
    for name, code in vars(CloseCode).items():
        if name.isupper():
            meaning, reaction = _worded(CLOSES, name)
            rows.append((str(code), said.get(name, meaning), reaction))
    return _table(("Code", "Meaning", "What a client does"), rows)


def _worded(words: dict[Any, tuple[str, str]], name: str) -> tuple[str, str]:
    if name not in words:
        raise MissingWordsError(f"{name} has no words in packaging/dev/protocol_words.py")
    return words[name]


def _fixed_limits() -> str:
    said = attribute_docs("common.limits")[""]
    rows = []
    for name, value in vars(limits).items():
        if name.isupper():
            words = said.get(name) or FIXED.get(name)
            if words is None:
                raise MissingWordsError(f"common.limits.{name}: nobody says what it means")
            rows.append((f"`{name}`", f"{value:,}", " ".join(words.split())))
    return _table(("Name", "Value", "Of what"), rows)


def _limits() -> str:
    said = attribute_docs("common.limits")["Limits"]
    rows = []
    for field in fields_of(limits.Limits):
        words = said.get(field.name) or LIMITS.get(field.name)
        if words is None:
            raise MissingWordsError(f"common.limits.Limits.{field.name}: nobody says what it means")
        rows.append((f"`{field.name}`", f"{field.default:,}", " ".join(words.split())))
    return _table(("Field", "Default", "Of what"), rows) + "\n\n" + _fence(limits.Limits)


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = ["| " + " | ".join(heads) + " |", "|" + " --- |" * len(heads)]
    lines += ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
