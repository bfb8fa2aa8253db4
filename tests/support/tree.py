"""The checkout that the tests belong to, and copies of it to seed mistakes into."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]
PACKAGES: Final = ("common", "desktop", "server")


def python_files(*folders: str) -> Iterator[Path]:
    """Every Python file below the folders of the checkout, sorted, tracked or not."""
    for folder in folders:
        yield from sorted(path for path in (ROOT / folder).rglob("*.py") if "__pycache__" not in path.parts)


def tracked_files() -> list[Path]:
    """Every file that git tracks and that exists, sorted; nothing outside a git checkout (an sdist)."""
    if not (ROOT / ".git").exists():
        return []
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True, timeout=60)
    paths = sorted(ROOT / name for name in listed.stdout.decode().split("\0") if name)
    return [path for path in paths if path.is_file()]


def copy_packages(target: Path) -> None:
    """Copies what import-linter reads: the three packages, its configuration and our contract types."""
    for package in (*PACKAGES, "tests/architecture"):
        shutil.copytree(ROOT / package, target / package, ignore=_not_python)
    shutil.copy(ROOT / "tests" / "__init__.py", target / "tests")
    shutil.copy(ROOT / "pyproject.toml", target)


def _not_python(folder: str, names: list[str]) -> set[str]:
    return {
        name
        for name in names
        if name == "__pycache__" or not (name.endswith(".py") or (Path(folder) / name).is_dir())
    }
