"""Makes `.venv` with everything in it, at the versions and hashes of requirements/dev.lock.

Run it with any Python 3.11 to 3.13, on a machine that has nothing else: `python3 packaging/dev/setup.py`
(Windows: `py packaging/dev/setup.py`). It does nothing, quickly, when all is done already.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.util
import json
import os
import platform
import subprocess
import sys
from collections.abc import Sequence
from typing import Final

import system
from place import PYTHON, ROOT, VENV, in_ci, say

LOCK: Final = ROOT / "requirements" / "dev.lock"
STAMP: Final = VENV / "parley-setup.json"
VENV_PART: Final = "venv"
OLDEST: Final = (3, 11)
NEWEST: Final = (3, 13)

# For whom the system's packages are brought.
PARTS: Final = {
    "run": system.WINDOW_PACKAGES,
    "test": system.WINDOW_PACKAGES + system.SCREEN_PACKAGES + system.service_packages(),
}


class SetupError(Exception):
    """Something that the person has to do first; the text says what."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Returns 1 when the environment cannot be made, or, in CI, when a system package is missing."""
    parser = argparse.ArgumentParser(description="Make .venv and bring what Parley needs.")
    parser.add_argument("--for", dest="part", choices=sorted(PARTS), default="test")
    part: str = parser.parse_args(arguments).part
    if not OLDEST <= sys.version_info[:2] <= NEWEST:
        say(
            f"setup: Python {OLDEST[0]}.{OLDEST[1]} to {NEWEST[0]}.{NEWEST[1]} is needed, this is "
            f"{platform.python_version()}; name another, e.g. make PYTHON=python3.11"
        )
        return 1
    wanted = fingerprint()
    done = _read_stamp(wanted)
    if part in done:
        return 0
    try:
        if not done:
            _make_environment()
        complete = system.bring(
            PARTS[part], purpose="Qt's windows" if part == "run" else "Testing windows and services"
        )
    except SetupError as error:
        say(f"setup: {error}")
        return 1
    if complete:
        # What is enough for tests is enough to run.
        done |= {name for name, packages in PARTS.items() if set(packages) <= set(PARTS[part])}
    STAMP.write_text(
        json.dumps({"fingerprint": wanted, "parts": sorted(done | {VENV_PART})}), encoding="utf-8"
    )
    say("setup: done" if complete else "setup: done, but for the system packages above")
    return 1 if in_ci() and not complete else 0


def fingerprint() -> str:
    """Changes when the environment would: with the lock file, the metadata, the Python, or the place."""
    import tomllib  # noqa: PLC0415 - an older Python lacks it, and shall get as far as being told so

    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    facts = [project, platform.python_version(), str(ROOT)]
    digest = hashlib.sha256(LOCK.read_bytes())
    digest.update(json.dumps(facts, sort_keys=True).encode())
    return digest.hexdigest()


def _read_stamp(wanted: str) -> set[str]:
    """The parts that were brought for this very fingerprint; empty where the environment is to be made."""
    try:
        stamp = json.loads(STAMP.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return set()
    return set(stamp["parts"]) if stamp["fingerprint"] == wanted else set()


def _make_environment() -> None:
    if not _pip_works():
        _make_venv()
    say("setup: installing what requirements/dev.lock names")
    _pip("install", "--require-hashes", "--only-binary", ":all:", "-r", str(LOCK))
    # Without isolation hatchling is taken from .venv, so that this step needs no network.
    _pip("install", "--no-deps", "--no-build-isolation", "--editable", str(ROOT))


def _make_venv() -> None:
    if importlib.util.find_spec("ensurepip") is None and not system.bring(
        system.VENV_PACKAGES, purpose="Python's venv module"
    ):
        raise SetupError("this Python cannot make virtual environments")
    say("setup: making .venv")
    # --clear: what is there has no working pip, so it is the rest of an attempt that was broken off.
    made = subprocess.run([sys.executable, "-m", "venv", "--clear", str(VENV)], check=False, timeout=600)
    if made.returncode != 0:
        raise SetupError("making .venv failed; see above")


def _pip_works() -> bool:
    if not PYTHON.exists():
        return False
    asked = subprocess.run([PYTHON, "-m", "pip", "--version"], capture_output=True, check=False, timeout=120)
    return asked.returncode == 0


def _pip(*arguments: str) -> None:
    environment = {**os.environ, "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    command = [str(PYTHON), "-m", "pip", "--quiet", *arguments]
    done = subprocess.run(command, cwd=ROOT, env=environment, check=False, timeout=3600)
    if done.returncode != 0:
        raise SetupError("pip could not install everything; see above")


if __name__ == "__main__":
    sys.exit(main())
