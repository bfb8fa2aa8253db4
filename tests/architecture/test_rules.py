"""The rules find what they are for: a check that cannot fail checks nothing."""

from __future__ import annotations

import ast

import pytest

from tests.architecture import rules

GROUPED = """
async def both() -> None:
    async with asyncio.TaskGroup() as group:
        group.create_task(one())
"""


@pytest.mark.parametrize("line", ["dialog.exec()", "self.menu.exec_(here)", "QDialog(None).exec()"])
def test_a_modal_call_is_found(line: str) -> None:
    assert list(rules.modal_calls(ast.parse(line))) == [1]


@pytest.mark.parametrize("line", ["dialog.open()", "connection.execute('x')", "exec('x')"])
def test_others_are_not_modal(line: str) -> None:
    assert list(rules.modal_calls(ast.parse(line))) == []


@pytest.mark.parametrize(
    "line", ["asyncio.create_task(x())", "loop.create_task(x())", "ensure_future(x())", "create_task(x())"]
)
def test_a_task_without_owner_is_found(line: str) -> None:
    assert list(rules.ownerless_tasks(ast.parse(line))) == [1]


@pytest.mark.parametrize("source", ["tasks.spawn(x(), name='x')", GROUPED])
def test_an_owned_task_is_fine(source: str) -> None:
    assert list(rules.ownerless_tasks(ast.parse(source))) == []


def test_function_lengths_are_counted() -> None:
    tree = ast.parse("@decorated\ndef short():\n    pass\n\nasync def longer():\n    a\n    b\n")

    assert list(rules.function_lengths(tree)) == [("short", 2), ("longer", 3)]


# Written in two parts, or ruff and this very rule would read them as suppressions of this file.
NOQA = "x  # no" + "qa"
IGNORE = "x  # type: " + "ignore"


@pytest.mark.parametrize("line", [NOQA, f"{NOQA}: S105", f"{IGNORE}[attr-defined]", IGNORE])
def test_a_suppression_without_reason_is_found(line: str) -> None:
    assert list(rules.unreasoned_suppressions(f"\n{line}")) == [2]


@pytest.mark.parametrize(
    "line", [f"{NOQA}: S105, S106 - the name of a code", f"{IGNORE}[attr-defined]  # private, see above"]
)
def test_a_suppression_with_reason_is_fine(line: str) -> None:
    assert list(rules.unreasoned_suppressions(line)) == []
