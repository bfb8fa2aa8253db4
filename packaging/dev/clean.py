"""`make clean`: removes what the other targets make, .venv included; never a profile or a server's data."""

from __future__ import annotations

import shutil
import sys
from typing import Final

from place import ROOT, VENV, say

MADE: Final = (
    ".coverage",
    ".hypothesis",
    ".import_linter_cache",
    ".mypy_cache",
    ".pytest_cache",
    ".ruff_cache",
    "build",
    "dist",
)


def main() -> int:
    """Returns 0; what cannot be removed raises."""
    for path in [ROOT / name for name in MADE] + [VENV]:
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
    for cache in ROOT.rglob("__pycache__"):
        shutil.rmtree(cache)
    say("clean")
    return 0


if __name__ == "__main__":
    sys.exit(main())
