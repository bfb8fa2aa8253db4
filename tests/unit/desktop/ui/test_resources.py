from __future__ import annotations

from pathlib import Path

import pytest

from desktop.ui import resources
from tests.support.tree import ROOT


def test_a_checkout_uses_its_own_files() -> None:
    assert resources.resource("README.md") == ROOT / "resources" / "README.md"


def test_a_wheel_carries_them_inside_the_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    inside = tmp_path / "desktop" / "_resources"
    (inside / "icons").mkdir(parents=True)
    (inside / "icons" / "a.svg").touch()
    monkeypatch.setattr(resources, "_CANDIDATES", (tmp_path / "resources", inside))

    assert resources.resource("icons", "a.svg") == inside / "icons" / "a.svg"


def test_a_missing_one_says_which() -> None:
    with pytest.raises(FileNotFoundError, match=r"icons/none\.svg is missing"):
        resources.resource("icons", "none.svg")
