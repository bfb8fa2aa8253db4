"""What the documentation for operators has to say."""

from __future__ import annotations

import re
from typing import Final

import pytest
from cyclopts import App

from server.cli import accounts, data, doctor, serve
from server.cli.app import app
from tests.support.tree import ROOT

PAGES: Final = [ROOT / "README.md", *sorted((ROOT / "docs" / "operating").glob("*.md"))]
INSTALLS: Final = ("README.md", "docs/operating/docker.md", "docs/operating/kubernetes.md")
MODULES: Final = (accounts, data, doctor, serve)
"""They bring the commands."""


def commands(of: App) -> list[str]:
    return [name for name in of if not name.startswith("-")]


def text() -> str:
    return "\n".join(page.read_text(encoding="utf-8") for page in PAGES)


@pytest.mark.parametrize("command", commands(app))
def test_every_command_is_somewhere(command: str) -> None:
    assert re.search(rf"(?:parley-server |`){command}\b", text()), command


@pytest.mark.parametrize("page", INSTALLS)
def test_each_way_to_install_ends_with_somebody_who_can_get_in(page: str) -> None:
    said = (ROOT / page).read_text(encoding="utf-8")
    assert "create-admin NAME" in said
    assert "invite" in said
