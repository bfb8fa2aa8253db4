"""A real window through the accessibility tree, as a screen reader gets it over D-Bus."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support import needs
from tests.support.client import client, register
from tests.support.crash import Child
from tests.support.screen import session_bus, virtual_screen
from tests.support.tree import ROOT

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="AT-SPI is Linux's way")

SYSTEM_PYTHON = "/usr/bin/python3"
CONTROLS = {
    "push button",
    "check box",
    "radio button",
    "text",
    "password text",
    "list",
    "list item",
    "combo box",
}
SAID = "Build 41 passes on **all three** systems."
READ = "Build 41 passes on all three systems."


@pytest.fixture
def environment() -> Iterator[dict[str, str]]:
    for program in ("Xvfb", "openbox", "dbus-daemon"):
        needs.program(program)
    needs.system_module(SYSTEM_PYTHON, "pyatspi")
    with virtual_screen("1400x900x24") as screen, session_bus(screen) as bus:
        yield {**bus, "QT_LINUX_ACCESSIBILITY_ALWAYS_ON": "1"}


class Reader(Child):
    """The screen reader, by what it is told."""

    def __init__(self, environment: dict[str, str]) -> None:
        script = (ROOT / "tests/support/screen_reader.py").read_text(encoding="utf-8")
        super().__init__(
            None, "Parley", code=script, environment=environment, python=SYSTEM_PYTHON, stdin=subprocess.PIPE
        )

    def ready(self) -> None:
        """It listens."""
        self.line_where(lambda line: "listening" in json.loads(line))

    def hears(self, words: str) -> None:
        """Passes what is announced before."""
        self.line_where(lambda line: json.loads(line).get("announced") == words)

    def parts(self) -> list[dict[str, Any]]:
        """Everything that is shown now."""
        pipe = self.process.stdin
        assert pipe is not None
        pipe.write("tree\n")
        pipe.flush()
        found: list[dict[str, Any]] = []
        while "end" not in (part := json.loads(self.next_line() or "{}")):
            found.append(part)
        return [part for part in found if "role" in part]


async def _say(url: str, text: str) -> None:
    tokens = await register(url, "dario")
    async with client(url, tokens) as dario:
        await dario.say(dario.heads[0].room_id, text)


def test_a_screen_reader_finds_everything_and_hears_what_others_write(
    environment: dict[str, str], tmp_path: Path
) -> None:
    with (
        Child("tests.support.spoken_desktop", str(tmp_path / "mira"), environment=environment) as desktop,
        Reader(environment) as reader,
    ):
        address = desktop.line_where(lambda line: line.startswith("hosting ")).split()[-1]
        reader.ready()
        asyncio.run(_say(f"http://{address}", SAID))
        desktop.line_where(lambda line: line == "seen 1")
        reader.hears(f"Dario: {READ}")
        parts = reader.parts()
    controls = [part for part in parts if part["role"] in CONTROLS]
    assert [part for part in controls if not part["name"]] == []
    names = {(part["role"], part["name"]) for part in parts}
    for wanted in (
        ("list", "Rooms"),
        ("list", "Messages"),
        ("push button", "Send"),
        ("push button", "Emoji"),
        ("check box", "Details"),
        ("push button", "New conversation"),
        ("push button", "Search or jump to"),
        ("text", "Message"),
    ):
        assert wanted in names
    items = [part["name"] for part in parts if part["role"] == "list item"]
    assert any(item.startswith("Everyone. Dario: Build 41") for item in items)
    assert any(item.startswith("Dario, ") and item.endswith(READ) for item in items)
    assert "Message" in [part["name"] for part in parts if "focused" in part["states"]]
