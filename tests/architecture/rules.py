"""Rules of style.md that ruff does not know, over the syntax tree of one file; see test_tree.py."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import Final

# A suppression is `noqa: CODE - why` or `type: ignore[code]  # why`.
_SUPPRESSION: Final = re.compile(r"#\s*(noqa|type:\s*ignore)\b(?P<rest>.*)$")
_REASONED: Final = re.compile(r"(:\s*[A-Z]+\d+(,\s*[A-Z]+\d+)*|\[[a-z-]+(,\s*[a-z-]+)*\])\s*(-|#)\s*\S+")
_STARTERS: Final = ("create_task", "ensure_future")
_MODAL: Final = ("exec", "exec_")

_Function = ast.FunctionDef | ast.AsyncFunctionDef


def modal_calls(tree: ast.Module) -> Iterator[int]:
    """Lines that call `.exec()`: a nested event loop kills the tasks of the outer one; use `open()`."""
    return _calls_of(tree, _MODAL)


def ownerless_tasks(tree: ast.Module) -> Iterator[int]:
    """Lines that start a task which nobody keeps: all but `group.create_task` of a TaskGroup."""
    groups = {
        item.optional_vars.id
        for node in ast.walk(tree)
        if isinstance(node, ast.AsyncWith)
        for item in node.items
        if isinstance(item.optional_vars, ast.Name) and "TaskGroup" in ast.unparse(item.context_expr)
    }
    return _calls_of(tree, _STARTERS, but_on=groups)


def function_lengths(tree: ast.Module) -> Iterator[tuple[str, int]]:
    """Name and lines of every function, its decorators left out, what is nested in it counted."""
    for node in ast.walk(tree):
        if isinstance(node, _Function):
            yield node.name, (node.end_lineno or node.lineno) - node.lineno + 1


def unreasoned_suppressions(source: str) -> Iterator[int]:
    """Lines that silence ruff or mypy without naming the rule and the reason."""
    for number, line in enumerate(source.splitlines(), 1):
        found = _SUPPRESSION.search(line)
        if found and not _REASONED.match(found["rest"]):
            yield number


def _calls_of(tree: ast.Module, names: tuple[str, ...], but_on: set[str] | None = None) -> Iterator[int]:
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        called = node.func
        if isinstance(called, ast.Attribute) and called.attr in names:
            owner = called.value
            if not (isinstance(owner, ast.Name) and owner.id in (but_on or set())):
                yield node.lineno
        elif isinstance(called, ast.Name) and called.id in names and called.id in _STARTERS:
            yield node.lineno
