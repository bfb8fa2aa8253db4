"""A virtual screen with a window manager, and a session bus: what a real window needs."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

_SCREEN: Final = "1920x1000x24"


@contextmanager
def virtual_screen(size: str = _SCREEN) -> Iterator[dict[str, str]]:
    """Xvfb, and openbox where it is installed; what programs on it need in their environment."""
    reader, writer = os.pipe()
    command = ["Xvfb", "-displayfd", str(writer), "-screen", "0", size, "-nolisten", "tcp"]
    with subprocess.Popen(command, pass_fds=(writer,), stderr=subprocess.DEVNULL) as screen:
        os.close(writer)
        with os.fdopen(reader) as told:
            display = f":{told.readline().strip()}"
        environment = {"DISPLAY": display, "QT_QPA_PLATFORM": "xcb"}
        manager = None
        if shutil.which("openbox") is not None:
            manager = subprocess.Popen(
                ["openbox"], env={**os.environ, **environment}, stderr=subprocess.DEVNULL
            )
        try:
            yield environment
        finally:
            for process in filter(None, (manager, screen)):
                process.terminate()
                process.wait(10)


@contextmanager
def session_bus(environment: dict[str, str]) -> Iterator[dict[str, str]]:
    """A bus of its own, as a desktop has one; ``environment`` with its address."""
    command = ["dbus-daemon", "--session", "--nofork", "--print-address"]
    # What it starts for others, the accessibility bus, is on the same screen.
    around = {**os.environ, **environment}
    with subprocess.Popen(
        command, env=around, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as bus:
        if bus.stdout is None:
            raise RuntimeError("the bus has no output")
        try:
            yield {**environment, "DBUS_SESSION_BUS_ADDRESS": bus.stdout.readline().strip()}
        finally:
            bus.terminate()
            bus.wait(10)
