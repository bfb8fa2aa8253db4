"""Programs that a test cannot do without: missing ones are a loud skip at home and a failure in CI."""

from __future__ import annotations

import os
import shutil

import pytest


def program(name: str) -> str:
    """The path of the program `name`; skips the test, or in CI fails it, where there is none."""
    path = shutil.which(name)
    if path is not None:
        return path
    reason = f"{name} is not installed: make setup brings it"
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)
