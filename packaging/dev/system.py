"""The system libraries and programs that pip cannot bring, and how Debian and its children call them."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Sequence
from typing import Final

from place import say

# What `python3 -m venv` lacks on a bare Debian.
VENV_PACKAGES: Final = ("python3-venv",)

# What the PySide6 wheel leaves to the system.
WINDOW_PACKAGES: Final = (
    "fonts-dejavu-core",
    "libdbus-1-3",
    "libegl1",
    "libfontconfig1",
    "libgl1",
    "libglib2.0-0",
    "libxcb-cursor0",
    "libxcb-icccm4",
    "libxcb-keysyms1",
    "libxcb-shape0",
    "libxkbcommon-x11-0",
)

# A virtual screen with a window manager, hands for it, a session bus, a screen reader, faces for pictures.
SCREEN_PACKAGES: Final = (
    "at-spi2-core",
    "dbus-daemon",
    "fonts-noto-color-emoji",
    "openbox",
    "python3-pyatspi",
    "xauth",
    "xdotool",
    "xvfb",
)


# Kafka in the tests runs on Java, and Maven brings it; PgBouncer stands before PostgreSQL.
_SERVICE_PROGRAMS: Final = {"java": "default-jre-headless", "mvn": "maven", "pgbouncer": "pgbouncer"}


def service_packages() -> tuple[str, ...]:
    """For the programs that are not here, from wherever they might have come."""
    return tuple(package for program, package in _SERVICE_PROGRAMS.items() if not _has(program))


def _has(program: str) -> bool:
    # Debian keeps daemons where a plain user's PATH does not look.
    return bool(shutil.which(program) or shutil.which(program, path="/usr/sbin:/sbin"))


def missing(packages: Sequence[str]) -> list[str]:
    """Those of the packages that dpkg does not have installed; none where there is no dpkg to ask."""
    if not _is_debian():
        return []
    asked = subprocess.run(
        ["dpkg-query", "-W", "-f=${Package} ${db:Status-Status}\n", *packages],
        capture_output=True,
        encoding="utf-8",
        check=False,  # it fails when it knows one of them not at all
        timeout=60,
    )
    installed = {line.split()[0] for line in asked.stdout.splitlines() if line.endswith(" installed")}
    return [package for package in packages if package not in installed]


def bring(packages: Sequence[str], *, purpose: str) -> bool:
    """Installs with apt what is missing, as root or through sudo; else says the exact command.

    Returns:
        True when nothing is missing any more, or when this is no Debian, where we cannot know.
    """
    lacking = missing(packages)
    if not lacking:
        return True
    prefix = _root_prefix()
    install = ["apt-get", "install", "-y", "--no-install-recommends", *lacking]
    if prefix is None:
        say(f"{purpose} needs packages of your system. As root, run:\n  {shlex.join(install)}")
        return False
    say(f"{purpose}: installing {', '.join(lacking)}")
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for command in (["apt-get", "update", "-q"], install):
        done = subprocess.run(
            [*prefix, *command],
            env=environment,
            stdin=subprocess.DEVNULL,
            # sudo asks for its password at the terminal itself
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            check=False,
            timeout=1800,
        )
        if done.returncode != 0:
            say(f"{done.stdout}This failed:\n  {shlex.join([*prefix, *command])}")
            return False
    return True


def _is_debian() -> bool:
    return sys.platform == "linux" and bool(shutil.which("apt-get") and shutil.which("dpkg-query"))


def _root_prefix() -> list[str] | None:
    """What to write before a command so that it runs as root; None where nothing would."""
    if sys.platform == "win32":
        return None
    if os.geteuid() == 0:
        return []
    if shutil.which("sudo"):
        # Without a terminal nobody can type the password: fail at once rather than wait.
        return ["sudo"] if sys.stdin.isatty() else ["sudo", "-n"]
    return None
