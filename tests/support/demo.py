"""`make demo`: two real desktops and the server inside one of them, on a virtual screen.

A real conversation of many people is replayed while the two write; pictures are left in build/demo/.
Without Xvfb (Windows, macOS) the windows are drawn off the screen, and it says so; `--here` shows them.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

from tests.support.client import Client, client, register
from tests.support.conversations import conversation, people
from tests.support.crash import Child
from tests.support.screen import virtual_screen
from tests.support.tree import ROOT

PICTURES: Final = ROOT / "build" / "demo"
_SCREEN: Final = "1920x1000x24"
_SPEAKERS: Final = 12
_LINES: Final = 120
_PAUSE_S: Final = 0.12
_LEAST_NAME: Final = 2


def main() -> int:
    options = _parser().parse_args()
    shutil.rmtree(PICTURES, ignore_errors=True)
    PICTURES.mkdir(parents=True)
    with ExitStack() as stack:
        environment = {} if options.here else stack.enter_context(_screen())
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(ignore_cleanup_errors=True)))
        mira = stack.enter_context(_desktop(folder, "mira", environment, place=(20, 20)))
        address = mira.line_where(lambda line: line.startswith("hosting ")).split()[-1]
        print(f"Mira hosts on {address}")
        dario = stack.enter_context(
            _desktop(folder, "dario", environment, address=address, place=(1_000, 20))
        )
        dario.line_where(lambda line: line == "joined")
        print("Dario joined; the conversation begins")
        said = asyncio.run(_replay(f"http://{address}"))
        print(f"{said} messages of {_SPEAKERS} people were replayed")
        for desktop in (dario, mira):
            seen = desktop.line_where(lambda line: line.startswith("saw "))
            print(f"{'Dario' if desktop is dario else 'Mira'} {seen}")
    names = sorted(path.name for path in PICTURES.iterdir())
    print("build/demo/:", *names)
    return 0 if names else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="make demo", description="A conversation in two real windows.")
    parser.add_argument("--here", action="store_true", help="on this screen instead of a virtual one")
    return parser


@contextmanager
def _screen() -> Iterator[dict[str, str]]:
    """A virtual screen with a window manager; what its programs need in their environment."""
    if shutil.which("Xvfb") is None:
        print("There is no Xvfb here: the windows are drawn, and not shown.")
        yield {"QT_QPA_PLATFORM": "offscreen"}
        return
    with virtual_screen(_SCREEN) as environment:
        print(f"A virtual screen of {_SCREEN} on {environment['DISPLAY']}")
        yield environment


def _desktop(
    folder: Path,
    name: str,
    environment: dict[str, str],
    *,
    address: str = "",
    place: tuple[int, int],
) -> Child:
    arguments = [str(folder / name), name, address, *map(str, place), str(PICTURES)]
    return Child("tests.support.demo_desktop", *arguments, environment=environment)


async def _replay(url: str) -> int:
    """The most talkative of the extract say what they said; how many messages."""
    speakers: dict[str, Client] = {}
    named = [nick for nick in people() if len(_username(nick)) >= _LEAST_NAME][:_SPEAKERS]
    async with asyncio.timeout(120):
        stack = [client(url, await register(url, _username(nick))) for nick in named]
        opened = [await one.__aenter__() for one in stack]
        try:
            speakers.update(zip(named, opened, strict=True))
            room_id = next(head.room_id for head in opened[0].heads if head.title == "Everyone")
            lines = (line for line in conversation() if line.nick in speakers and line.text.isprintable())
            began, said = time.monotonic(), 0
            for line in itertools.islice(lines, _LINES):
                await speakers[line.nick].say(room_id, line.text)
                said += 1
                await asyncio.sleep(max(0.0, began + said * _PAUSE_S - time.monotonic()))
            return said
        finally:
            for one in stack:
                await one.__aexit__(None, None, None)


def _username(nick: str) -> str:
    return "".join(letter for letter in nick.lower() if letter.isascii() and letter.isalnum())[:20]


if __name__ == "__main__":
    sys.exit(main())
