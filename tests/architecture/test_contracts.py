"""Each import contract of pyproject.toml breaks when its rule is broken, and is kept by the tree as it is."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Final, NamedTuple

import pytest

from tests.support.tree import ROOT, copy_packages


class Seed(NamedTuple):
    """One forbidden import: the module that imports, and the line that it must not hold."""

    module: str
    line: str


SEEDS: Final = {
    "common-is-pure": Seed("common.ids", "import websockets"),
    "desktop-not-server": Seed("desktop.bootstrap", "import server.bootstrap"),
    "server-has-no-window": Seed("server.embedded", "import desktop.bootstrap"),
    "server-layers": Seed("server.kernel.ports", "import server.chat.model"),
    "gateway-knows-no-context": Seed("server.gateway.session", "from server.chat import model"),
    "infra-implements-ports": Seed("server.infra.sqlite", "import server.chat.service"),
    "contexts-are-independent": Seed("server.chat.service", "import server.users.service"),
    "rooms-of-a-context": Seed("server.users.repository", "import server.users.service"),
    "drivers-in-infra": Seed("server.chat.repository", "import asyncpg"),
    "sqlite-in-infra": Seed("desktop.services.state", "import sqlite3"),
    "desktop-layers": Seed("desktop.services.state", "import desktop.views.main"),
    "widgets-know-no-service": Seed("desktop.widgets.avatar", "import desktop.services.state"),
    "services-without-widgets": Seed("desktop.services.state", "from PySide6 import QtCore, QtWidgets"),
    "production-not-tests": Seed("server.bootstrap", "import tests.support.tree"),
}

# What may look like a broken rule and is not.
ALLOWED: Final = {
    "desktop-not-server": Seed("desktop.embedded_host", "import server.embedded"),
    "contexts-are-independent": Seed("server.chat.service", "from server.users import event"),
    "infra-implements-ports": Seed("server.infra.sqlite", "import server.chat.ports"),
    "services-without-widgets": Seed("desktop.services.state", "from PySide6 import QtCore"),
    "sqlite-in-infra": Seed("desktop.storage.cache", "import sqlite3"),
}

NEIGHBOURS: Final = (
    "desktop.net.connection",
    "desktop.models.rooms",
    "desktop.ui.theme",
    "desktop.views.main",
    "server.chat.model",
    "server.chat.ports",
    "server.http.app",
    "server.users.event",
    "server.users.service",
)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    copy_packages(tmp_path)
    # What the lines import has to exist, or the linter refuses to judge; it may be empty.
    for module in (*NEIGHBOURS, *(seed.module for seed in (*SEEDS.values(), *ALLOWED.values()))):
        _append(tmp_path, module, "")
    return tmp_path


def test_every_contract_is_proved() -> None:
    config = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert {contract["id"] for contract in config["tool"]["importlinter"]["contracts"]} == set(SEEDS)


@pytest.mark.parametrize("contract", SEEDS)
def test_a_seeded_violation_breaks_its_contract(tree: Path, contract: str) -> None:
    seed = SEEDS[contract]
    _append(tree, seed.module, seed.line)

    code, said = _lint(tree, contract)

    assert code == 1, said
    assert "1 broken" in said
    assert seed.module in said


@pytest.mark.parametrize("contract", ALLOWED)
def test_the_allowed_neighbour_keeps_it(tree: Path, contract: str) -> None:
    _append(tree, ALLOWED[contract].module, ALLOWED[contract].line)

    code, said = _lint(tree, contract)

    assert code == 0, said


def test_the_tree_keeps_all() -> None:
    code, said = _lint(ROOT)

    assert code == 0, said
    assert f"Contracts: {len(SEEDS)} kept, 0 broken." in said


def _append(tree: Path, module: str, line: str) -> None:
    """Adds the line to the module, which is made, with the packages above it, where it does not exist."""
    path = tree.joinpath(*module.split("."))
    for parent in reversed(path.relative_to(tree).parents[:-1]):
        (tree / parent).mkdir(exist_ok=True)
        (tree / parent / "__init__.py").touch()
    file = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    with file.open("a", encoding="utf-8") as out:
        out.write(f"\n{line}\n")


def _lint(tree: Path, *contracts: str) -> tuple[int, str]:
    """Runs lint-imports at `tree`; returns its exit code and what it said."""
    only = [argument for contract in contracts for argument in ("--contract", contract)]
    run = subprocess.run(
        [
            sys.executable,
            "-c",
            "from importlinter.cli import lint_imports_command as c; c()",
            "--no-cache",
            *only,
        ],
        cwd=tree,
        capture_output=True,
        encoding="utf-8",
        check=False,
        timeout=120,
    )
    return run.returncode, run.stdout + run.stderr
