from __future__ import annotations

import tomllib
from importlib import metadata
from typing import NoReturn

import pytest

from common.version import UNKNOWN, product_version
from tests.support.tree import ROOT


def test_it_is_that_of_the_project() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert product_version() == project["version"]


def test_without_metadata_it_is_unknown_and_nothing_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> NoReturn:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "version", missing)
    assert product_version() == UNKNOWN
