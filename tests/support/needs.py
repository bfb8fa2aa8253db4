"""Programs that a test cannot do without: missing ones are a loud skip at home and a failure in CI."""

from __future__ import annotations

import os
import shutil
import subprocess
from typing import NoReturn

import pytest


def program(name: str) -> str:
    """The path of the program `name`; skips the test, or in CI fails it, where there is none."""
    path = shutil.which(name)
    if path is not None:
        return path
    return _missing(name)


def system_module(python: str, name: str) -> None:
    """Goes on where the Python at the path `python`, the system's own, has a module."""
    try:
        found = subprocess.run([python, "-c", f"import {name}"], check=False, capture_output=True, timeout=60)
    except FileNotFoundError:
        _missing(python)
    if found.returncode != 0:
        _missing(f"{name} for {python}")


def _missing(what: str) -> NoReturn:
    reason = f"{what} is not installed: make setup brings it"
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)
