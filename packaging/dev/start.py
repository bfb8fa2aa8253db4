"""`make run`: the desktop, or, where there is no screen, the server that it carries.

Arguments are handed on, e.g. `make run ARGS="--data /some/folder"`.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from typing import Final

from place import BIN, ROOT, say

SERVER_DATA: Final = ROOT / ".run" / "server"
EXE: Final = ".exe" if sys.platform == "win32" else ""


def main(arguments: Sequence[str]) -> int:
    """Runs until the person closes it; returns its exit code."""
    command = desktop(arguments) if has_screen(os.environ, sys.platform) else server(arguments)
    try:
        return subprocess.run(command, cwd=ROOT, check=False).returncode
    except KeyboardInterrupt:
        return 130  # the child got the same Ctrl+C and has ended


def has_screen(environment: Mapping[str, str], platform: str) -> bool:
    """Windows and macOS always have one; elsewhere X11 or Wayland says so."""
    named = any(environment.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY"))
    return named or platform in {"win32", "darwin"}


def desktop(arguments: Sequence[str]) -> list[str]:
    """The command of the window."""
    return [str(BIN / f"parley{EXE}"), *arguments]


def server(arguments: Sequence[str]) -> list[str]:
    """The command of the server alone, after saying why it is that and what to do with it."""
    say("There is no screen here (no DISPLAY, no WAYLAND_DISPLAY), so this starts the server alone.")
    say("On a computer with a screen start Parley and enter the address that is printed below.")
    say('Other computers can reach it with: make run ARGS="--host 0.0.0.0". Ctrl+C stops it.')
    data = [] if "--data" in arguments else ["--data", str(SERVER_DATA)]
    return [str(BIN / f"parley-server{EXE}"), "serve", *data, *arguments]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
