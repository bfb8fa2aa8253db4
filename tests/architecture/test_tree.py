"""The whole tree keeps the sizes and bans of style.md, and names no machine."""

from __future__ import annotations

import ast
import math
import re
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

from tests.architecture import rules
from tests.support.tree import PACKAGES, ROOT, python_files, tracked_files

EVERYTHING: Final = (*PACKAGES, "packaging", "tests")
FILE_LINES: Final = 400
FUNCTION_LINES_P95: Final = 40

# The one place of each side that starts tasks and keeps them.
TASK_OWNERS: Final = (ROOT / "server/kernel/tasks.py", ROOT / "desktop/net/tasks.py")

# Put together here, so that this file does not hold what it looks for.
_MACHINE_PATHS: Final = "|".join(re.escape(f"/{name}/") for name in ("work", "farm", "root", "tmp/bash_jobs"))
_REGISTRIES: Final = (
    r"(registry *= *|\"resolved\": *|index-url[ =]+|<url>)\"?https?:"
    r"|https?:[^ \"]*/(simple/?[\"<]|packages/[0-9a-f]{2}/|maven2)"
    r"|pypi\.org/simple|pythonhosted\.org|registry\.npmjs"
)
FOREIGN: Final = re.compile(rf"(?<![\w.])({_MACHINE_PATHS})|{_REGISTRIES}")


@pytest.mark.parametrize("folder", ["resources", "packaging"])
def test_data_folders_are_no_packages(folder: str) -> None:
    assert [path for path in python_files(folder) if path.name == "__init__.py"] == []


def test_no_dialog_runs_its_own_event_loop() -> None:
    assert _found(python_files("desktop"), rules.modal_calls) == []


def test_every_task_has_an_owner() -> None:
    files = (path for path in python_files(*PACKAGES) if path not in TASK_OWNERS)

    assert _found(files, rules.ownerless_tasks) == []


def test_files_stay_short() -> None:
    lengths = {path: len(_source(path).splitlines()) for path in python_files(*EVERYTHING)}

    assert {_name(path): length for path, length in lengths.items() if length > FILE_LINES} == {}


@pytest.mark.parametrize("package", [*PACKAGES, "tests"])
def test_functions_stay_short(package: str) -> None:
    lengths = sorted(
        (length, f"{_name(path)}:{name}")
        for path in python_files(package)
        for name, length in rules.function_lengths(_tree(path))
    )
    p95 = lengths[math.ceil(0.95 * len(lengths)) - 1]

    assert p95[0] <= FUNCTION_LINES_P95, lengths[-10:]


def test_suppressions_have_reasons() -> None:
    found = [
        f"{_name(path)}:{line}"
        for path in python_files(*EVERYTHING)
        for line in rules.unreasoned_suppressions(_source(path))
    ]

    assert found == []


def test_no_file_names_a_machine_or_a_registry() -> None:
    found = [
        f"{_name(path)}: {match[0]}"
        for path in tracked_files()
        if (text := _text(path)) is not None and (match := FOREIGN.search(text))
    ]

    assert found == []


@pytest.mark.parametrize(
    "text",
    [
        "cd /" + "work/main",
        "'/" + "root/.cache'",
        "--index-" + "url https://mirror/",
        "https://x/sim" + 'ple/"',
    ],
)
def test_a_machine_or_a_registry_would_be_found(text: str) -> None:
    assert FOREIGN.search(text)


@pytest.mark.parametrize("text", ["docs/work/plan.md", "https://example.org/work", "the index of URLs"])
def test_other_text_is_left_alone(text: str) -> None:
    assert FOREIGN.search(text) is None


@pytest.mark.parametrize("extra", ["dev", "desktop", "server", "standalone"])
def test_the_lock_files_hold_what_is_asked_for(extra: str) -> None:
    project = tomllib.loads(_source(ROOT / "pyproject.toml"))["project"]
    lock = _source(ROOT / "requirements" / f"{extra}.lock")
    pinned = {
        match["name"]: Version(match["version"])
        for match in re.finditer(r"^(?P<name>[\w.-]+)==(?P<version>[\w.]+)", lock, re.MULTILINE)
    }
    wanted = [Requirement(text) for text in _requirements(project, extra)]

    assert [
        str(requirement)
        for requirement in wanted
        if not requirement.specifier.contains(pinned[requirement.name.lower()])
    ] == []
    assert len(pinned) > len(wanted)


def _requirements(project: dict[str, object], extra: str) -> Iterator[str]:
    """What the extra asks for, the extras that it names itself followed."""
    dependencies, extras = project["dependencies"], project["optional-dependencies"]
    assert isinstance(dependencies, list)
    assert isinstance(extras, dict)
    yield from dependencies
    for text in extras[extra]:
        requirement = Requirement(text)
        if requirement.name == "parley":
            for name in requirement.extras:
                yield from _requirements(project, name)
        else:
            yield text


def _found(files: Iterator[Path], rule: Callable[[ast.Module], Iterator[int]]) -> list[str]:
    return [f"{_name(path)}:{line}" for path in files for line in rule(_tree(path))]


def _name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def _source(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def _text(path: Path) -> str | None:
    """The text of the file; None when it is a picture, a font, a sound or packed."""
    try:
        return _source(path)
    except UnicodeDecodeError:
        return None


def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_bytes())
