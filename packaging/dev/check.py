"""`make test` and `make lint`: every check, the tests last so that their summary ends the output.

`check.py --lint` leaves the tests out. Other arguments go to pytest, e.g. `make test ARGS="-k outbox"`.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from typing import Final

from place import BIN, PYTHON, ROOT, in_ci, say

CHECKS: Final = {
    "style (ruff check)": [str(PYTHON), "-m", "ruff", "check", "--quiet"],
    "layout (ruff format)": [str(PYTHON), "-m", "ruff", "format", "--check", "--quiet"],
    "types (mypy --strict)": [str(PYTHON), "-m", "mypy", "--no-error-summary"],
    "imports (import-linter)": [str(BIN / "lint-imports")],
}
# Between them it is the whole of tests/; each is a folder, and a folder without tests is not run.
PARTS: Final = ("architecture", "unit", "contract", "integration", "e2e", "load")


def main(arguments: Sequence[str]) -> int:
    """Returns 0 only when every check and every test passed."""
    failed = [name for name, command in CHECKS.items() if not _passes(name, command)]
    if "--lint" in arguments:
        return _verdict(failed)
    parts = [part for part in PARTS if any((ROOT / "tests" / part).rglob("test_*.py"))]
    say(f"tests of these parts run: {', '.join(parts)}; without tests: {_names(set(PARTS) - set(parts))}")
    say(
        f"a part whose programs are missing {'fails (CI)' if in_ci() else 'is skipped, and named at the end'}"
    )
    environment = {"QT_QPA_PLATFORM": "offscreen", **os.environ}
    command = [str(PYTHON), "-m", "pytest", *arguments]
    if subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode != 0:
        failed.append("tests (pytest)")
    return _verdict(failed)


def _passes(name: str, command: Sequence[str]) -> bool:
    began = time.monotonic()
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, encoding="utf-8", check=False, timeout=1200)
    passed = ran.returncode == 0
    say(f"{name}: {'ok' if passed else 'FAILED'} ({time.monotonic() - began:.1f} s)")
    if not passed:
        say(ran.stdout + ran.stderr)
    return passed


def _names(parts: set[str]) -> str:
    return ", ".join(sorted(parts)) or "none"


def _verdict(failed: Sequence[str]) -> int:
    if failed:
        say(f"FAILED: {', '.join(failed)}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
