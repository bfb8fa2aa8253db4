"""Where things are in the checkout. Standard library only: it runs before anything is installed."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]
VENV: Final = ROOT / ".venv"
# sysconfig's "venv" scheme knows this too, but only for the running interpreter.
BIN: Final = VENV / ("Scripts" if sys.platform == "win32" else "bin")
PYTHON: Final = BIN / ("python.exe" if sys.platform == "win32" else "python")


def say(text: str) -> None:
    """Prints at once, so that it stands before what a child process prints next."""
    print(text, flush=True)


def in_ci() -> bool:
    """True where a missing part is a failure, not a skip: `CI` is set as every CI service sets it."""
    return os.environ.get("CI", "").lower() in {"1", "true", "yes"}
