"""Hypothesis strategies for any msgspec type, built from what msgspec knows of it."""

from __future__ import annotations

import functools
from typing import Any, Final

import msgspec
from hypothesis import strategies as st
from msgspec import inspect

from common import limits
from common.ids import id_from_bytes

_VERSION_BYTE: Final = 6
_VARIANT_BYTE: Final = 8
_SHORT: Final = 40


def _as_uuid7(raw: bytes) -> str:
    octets = bytearray(raw)
    octets[_VERSION_BYTE] = 0x70 | octets[_VERSION_BYTE] & 0x0F
    octets[_VARIANT_BYTE] = 0x80 | octets[_VARIANT_BYTE] & 0x3F
    return id_from_bytes(bytes(octets))


IDS: Final = st.binary(min_size=16, max_size=16).map(_as_uuid7)
HEX_64: Final = st.binary(min_size=32, max_size=32).map(bytes.hex)
TEXT_CHARS: Final = st.characters(exclude_categories=["Cs", "Cc"])
"""What may be in the text of a message, but for tab and newline."""


def values_of(kind: Any) -> st.SearchStrategy[Any]:
    """Values of a type that msgspec can decode: structs, unions of them, lists, constrained scalars."""
    return _values(inspect.type_info(kind))


def _values(info: inspect.Type) -> st.SearchStrategy[Any]:
    match info:
        case inspect.Metadata():
            return _values(info.type)
        case inspect.StructType():
            return _structs(info.cls)
        case inspect.UnionType():
            return st.one_of([_values(part) for part in info.types])
        case inspect.ListType():
            longest = 4 if info.max_length is None else min(4, info.max_length)
            return st.lists(_values(info.item_type), min_size=info.min_length or 0, max_size=longest)
        case inspect.StrType():
            return _strings(info)
        case inspect.IntType():
            low = 0 if info.ge is None else info.ge
            return st.integers(low, limits.INT_MAX if info.le is None else info.le)
        case _:
            return _simple(info)


def _simple(info: inspect.Type) -> st.SearchStrategy[Any]:
    match info:
        case inspect.EnumType():
            return st.sampled_from(list(info.cls))
        case inspect.BoolType():
            return st.booleans()
        case inspect.NoneType():
            return st.none()
        case inspect.FloatType():
            return st.floats(0, 1e6)
        case _:
            raise NotImplementedError(f"no strategy for {info}")


def _strings(info: inspect.StrType) -> st.SearchStrategy[str]:
    if info.pattern is not None:
        return HEX_64 if "{64}" in info.pattern else IDS
    least = info.min_length or 0
    most = max(least, min(_SHORT, info.max_length or _SHORT))
    text = st.text(TEXT_CHARS, min_size=least, max_size=most)
    return text.filter(lambda value: not value.isspace())


@functools.cache
def _structs(cls: type[msgspec.Struct]) -> st.SearchStrategy[Any]:
    info = inspect.type_info(cls)
    if not isinstance(info, inspect.StructType):
        raise TypeError(f"{cls} is no struct")
    required = {field.name: _values(field.type) for field in info.fields if field.required}
    optional = {field.name: _values(field.type) for field in info.fields if not field.required}
    return st.fixed_dictionaries(required, optional=optional).map(lambda given: cls(**given))
