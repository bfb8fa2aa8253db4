"""docs/protocol.md is current, whole, and its examples are what the code takes."""

from __future__ import annotations

import json
import re
from types import GenericAlias, ModuleType
from typing import Any, get_args

import msgspec
import pytest
from protocol_docs import pages

from common import limits
from common.errors import Code
from common.protocol import pushes, requests, rest, types
from tests.support.tree import ROOT

_FENCE = re.compile(r"```json (\w+)(\[\])?\n(.*?)\n```", re.DOTALL)
_MODULES: tuple[ModuleType, ...] = (requests, pushes, rest, types, limits)


def struct_of(name: str) -> Any:
    return next(getattr(module, name) for module in _MODULES if hasattr(module, name))


def examples() -> list[tuple[str, Any, str]]:
    found = []
    for page in pages():
        for name, many, text in _FENCE.findall((ROOT / page).read_text(encoding="utf-8")):
            kind = struct_of(name)
            found.append((name, GenericAlias(list, (kind,)) if many else kind, text))
    return found


def test_the_pages_are_current() -> None:
    for page, text in pages().items():
        assert (ROOT / page).read_text(encoding="utf-8") == text, f"{page}: make docs"


@pytest.mark.parametrize(("name", "kind", "text"), examples())
def test_an_example_is_what_the_code_takes_and_gives(name: str, kind: Any, text: str) -> None:
    decoded = msgspec.json.decode(text, type=kind)
    again = msgspec.json.decode(msgspec.json.encode(decoded))
    shown = json.loads(text)
    # Fields that hold their default may be left out by the encoder, none may change.
    for key, value in again.items() if isinstance(again, dict) else ():
        assert shown[key] == value, name


def test_nothing_of_the_protocol_is_left_out() -> None:
    shown = {name for name, _, _ in examples()}
    spoken = {cls.__name__ for cls in (*get_args(requests.Request), *get_args(pushes.Push))}
    assert spoken <= shown
    text = (ROOT / "docs" / "protocol.md").read_text(encoding="utf-8")
    for code in Code:
        assert f"`{code.value}`" in text
    for field in limits.Limits.__struct_fields__:
        assert f"`{field}`" in text
    calls = (ROOT / "docs" / "protocol" / "rest.md").read_text(encoding="utf-8")
    for call in ("POST /api/v1/auth/reset", "POST /api/v1/invites", "PATCH /api/v1/server"):
        assert f"### `{call}`" in calls
