"""What the protocol's documents say of a msgspec struct: its fields, their types, and an example of it."""

from __future__ import annotations

import ast
import functools
import hashlib
import importlib
import inspect
import itertools
import json
from collections.abc import Iterable, Iterator
from enum import Enum
from typing import Final

import msgspec
from msgspec import inspect as shapes
from protocol_samples import EXAMPLES, LEFT_OUT
from protocol_words import FIELDS

from common.ids import ID_PATTERN
from common.limits import Limits

WIDTH: Final = 100
_SERVER_ID_MARK: Final = "{64}"
Struct = type[msgspec.Struct]


class MissingWordsError(Exception):
    """Something of the protocol has no words yet, and where to put them."""


def tag_of(cls: Struct) -> str:
    """The ``type`` of a request or a push; the class name of any other struct."""
    tag = cls.__struct_config__.tag
    return cls.__name__ if tag is None else str(tag)


def title(cls: Struct) -> str:
    """What its heading and its links show."""
    return f"`{tag_of(cls)}`" if cls.__struct_config__.tag is not None else cls.__name__


def fields_of(cls: Struct) -> tuple[shapes.Field, ...]:
    """As msgspec knows them, in the order of the wire."""
    info = shapes.type_info(cls)
    if not isinstance(info, shapes.StructType):
        raise TypeError(f"{cls} is no struct")
    return info.fields


def docstring(thing: type) -> str:
    """The whole docstring as one Markdown paragraph or several."""
    text = inspect.cleandoc(thing.__doc__ or "").replace("``", "`")
    return "\n\n".join(" ".join(part.split("\n")) for part in text.split("\n\n"))


def words_of(cls: Struct, field: str) -> str:
    """A field's docstring, else its words in ``protocol_words``.

    Raises:
        MissingWordsError: there are none.
    """
    found = _field_docs(cls).get(field) or FIELDS.get(f"{cls.__name__}.{field}") or FIELDS.get(field)
    if found is None:
        raise MissingWordsError(
            f"{cls.__name__}.{field}: nobody says what it means. Give it a docstring in {cls.__module__}, "
            "or words in packaging/dev/protocol_words.py"
        )
    return " ".join(found.replace("``", "`").split())


def _field_docs(cls: Struct) -> dict[str, str]:
    found: dict[str, str] = {}
    for base in reversed(cls.__mro__):
        if issubclass(base, msgspec.Struct) and base is not msgspec.Struct:
            found.update(attribute_docs(base.__module__).get(base.__name__, {}))
    return found


@functools.cache
def attribute_docs(module: str) -> dict[str, dict[str, str]]:
    """Docstrings below assignments: by class and name, and under "" those of the module itself."""
    tree = ast.parse(inspect.getsource(importlib.import_module(module)))
    classes = {node.name: node.body for node in tree.body if isinstance(node, ast.ClassDef)}
    return {name: dict(_documented(body)) for name, body in {"": tree.body, **classes}.items()}


def _documented(body: list[ast.stmt]) -> Iterator[tuple[str, str]]:
    for statement, following in itertools.pairwise(body):
        target = statement.targets[0] if isinstance(statement, ast.Assign) else None
        if isinstance(statement, ast.AnnAssign):
            target = statement.target
        text = following.value if isinstance(following, ast.Expr) else None
        if isinstance(target, ast.Name) and isinstance(text, ast.Constant) and isinstance(text.value, str):
            yield target.id, text.value


def used_by(kinds: Iterable[shapes.Type]) -> Iterator[type]:
    """The structs and enums that these types name themselves, in order."""
    for kind in kinds:
        match kind:
            case shapes.Metadata():
                yield from used_by((kind.type,))
            case shapes.UnionType():
                yield from used_by(kind.types)
            case shapes.ListType():
                yield from used_by((kind.item_type,))
            case shapes.StructType() | shapes.EnumType():
                yield kind.cls
            case _:
                pass


def type_words(kind: shapes.Type, links: dict[type, str]) -> str:
    """A type as a table shows it; ``links`` has the address of each documented struct and enum."""
    match kind:
        case shapes.Metadata():
            return type_words(kind.type, links)
        case shapes.UnionType():
            return _union_words(kind, links)
        case shapes.ListType():
            most = "" if kind.max_length is None else f", {kind.min_length or 0} to {kind.max_length}"
            return f"array of {type_words(kind.item_type, links)}{most}"
        case shapes.StructType() | shapes.EnumType():
            name = title(kind.cls) if isinstance(kind, shapes.StructType) else kind.cls.__name__
            return f"[{name}]({links[kind.cls]})"
        case shapes.StrType():
            return _string_words(kind)
        case shapes.IntType():
            return _integer_words(kind)
        case _:
            return _plain_words(kind)


def _union_words(kind: shapes.UnionType, links: dict[type, str]) -> str:
    parts = [part for part in kind.types if not isinstance(part, shapes.NoneType)]
    several_structs = len(parts) > 1 and all(isinstance(part, shapes.StructType) for part in parts)
    if several_structs:
        return "one of the events " + ", ".join(type_words(part, links) for part in parts)
    return " or ".join(type_words(part, links) for part in parts)


def _plain_words(kind: shapes.Type) -> str:
    names: dict[type[shapes.Type], str] = {
        shapes.BoolType: "true or false",
        shapes.FloatType: "number",
        shapes.BytesType: "bytes",
    }
    if type(kind) not in names:
        raise MissingWordsError(f"packaging/dev/protocol_shapes.py has no words for the type {kind}")
    return names[type(kind)]


def _string_words(kind: shapes.StrType) -> str:
    if kind.pattern is not None:
        return _pattern_words(kind.pattern)
    if kind.max_length is None:
        return "string"
    return f"string, {kind.min_length or 0} to {kind.max_length} characters"


def _pattern_words(pattern: str) -> str:
    if pattern == ID_PATTERN:
        return "id"
    return "64 hex digits" if _SERVER_ID_MARK in pattern else f"string like `{pattern}`"


def _integer_words(kind: shapes.IntType) -> str:
    low, high = kind.ge, kind.le
    if high is None or high >= 2**53 - 1:
        return "integer" if low is None else f"integer from {low}"
    return f"integer, {low or 0} to {high}"


def unit_words(field: str) -> str:
    """What a name's ending says (``common.protocol.types``)."""
    for ending, words in (("_at_ms", "ms since 1970 UTC"), ("_time_ms", "ms since 1970 UTC"), ("_ms", "ms")):
        if field.endswith(ending):
            return words
    return "seconds" if field.endswith("_s") else ""


# Examples.


def example(cls: Struct) -> msgspec.Struct:
    """An instance that shows every field, but for those that make no sense together."""
    if cls is Limits:
        return Limits()
    left_out = LEFT_OUT.get(cls.__name__, ())
    return cls(**{field.name: _value(cls, field) for field in fields_of(cls) if field.name not in left_out})


def example_json(cls: Struct) -> object:
    """The example of a struct, as ``json.loads`` gives it."""
    return json.loads(msgspec.json.encode(example(cls)))


def _value(cls: Struct, field: shapes.Field) -> object:
    for name in (f"{cls.__name__}.{field.name}", field.name):
        if name in EXAMPLES:
            return EXAMPLES[name]
    return _made(field.type, field.name)


def _made(kind: shapes.Type, name: str) -> object:
    match kind:
        case shapes.Metadata():
            return _made(kind.type, name)
        case shapes.UnionType():
            return _made(next(part for part in kind.types if not isinstance(part, shapes.NoneType)), name)
        case shapes.ListType():
            return [_made(kind.item_type, name)]
        case shapes.StructType():
            return example(kind.cls)
        case shapes.EnumType():
            return next(iter(kind.cls))
        case shapes.StrType():
            return _made_text(kind, name)
        case shapes.IntType():
            return max(1, kind.ge or 0)
        case shapes.BoolType():
            return True
        case shapes.FloatType():
            return 1.5
        case _:
            raise MissingWordsError(f"packaging/dev/protocol_shapes.py makes no example of {kind}")


def _made_text(kind: shapes.StrType, name: str) -> str:
    digits = hashlib.sha256(name.encode()).hexdigest()
    if kind.pattern is None:
        text = name.replace("_", " ").ljust(kind.min_length or 0, ".")
        return text if kind.max_length is None else text[: kind.max_length]
    if kind.pattern == ID_PATTERN:
        return f"0199f3a2-7c{digits[:2]}-7{digits[2:5]}-8{digits[5:8]}-{digits[8:20]}"
    return digits


def pretty(value: object, indent: int = 0) -> str:
    """JSON that fills its lines; what fits into one stays in one."""
    one = json.dumps(value, ensure_ascii=False)
    if not isinstance(value, dict | list) or not value or indent + len(one) <= WIDTH:
        return one
    inner = indent + 2
    if isinstance(value, dict):
        items = [f"{json.dumps(key)}: {pretty(part, inner)}" for key, part in value.items()]
    else:
        items = [pretty(part, inner) for part in value]
    opening, closing = ("{", "}") if isinstance(value, dict) else ("[", "]")
    lines = "\n".join(" " * inner + line for line in _filled(items, WIDTH - inner))
    return f"{opening}\n{lines}\n{' ' * indent}{closing}"


def _filled(items: list[str], width: int) -> Iterator[str]:
    line = ""
    for number, item in enumerate(items, 1):
        text = item + ("," if number < len(items) else "")
        if line and ("\n" in text or "\n" in line or len(line) + 1 + len(text) > width):
            yield line
            line = text
        else:
            line = f"{line} {text}" if line else text
    yield line


def choices(cls: type[Enum]) -> str:
    """The values of an enum."""
    return ", ".join(f"`{member.value}`" for member in cls)
