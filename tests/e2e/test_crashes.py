"""kill -9 of a desktop in the middle of sending, and of the server under two windows."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from desktop.services.state import SendState
from tests.e2e.conftest import Drive
from tests.e2e.windows import PATIENCE_S, conversation, join, messages, open_chat, signed_in, started, write
from tests.support.client import Client, client, register
from tests.support.crash import Child
from tests.support.serving import serve
from tests.support.wait import until

_ROUNDS = 3
_WRITTEN = 24
_A_ROUND = 50
"""Kills asked for by the option that bring one more round under two windows."""


async def _said(reader: Client, room_id: str) -> list[str]:
    """Every message of a room, oldest first."""
    found: list[str] = []
    before = None
    while True:
        page = await reader.history(room_id, before=before)
        found[:0] = [message.body for message in page.messages]
        if page.at_start:
            return found
        before = page.from_seq


def test_a_desktop_killed_while_it_sends_delivers_after_its_restart(
    tmp_path: Path, drive: Drive, request: pytest.FixtureRequest
) -> None:
    seed = random.randrange(2**32)
    request.node.add_report_section("call", "seed", str(seed))
    chance = random.Random(seed)
    server, url = serve(tmp_path / "server")
    address = urlsplit(url).netloc
    folder = tmp_path / "dario"

    async def story() -> None:
        desktop = await join(folder, address)
        room_id = open_chat(desktop).account.rooms[0].room_id
        await desktop.close()
        kept: list[str] = []
        for number in range(_ROUNDS):
            prefix = f"round {number}, message"
            with Child("tests.support.writer", str(folder), prefix) as child:
                lines = chance.randrange(1, _WRITTEN)
                for _ in range(lines):
                    await asyncio.to_thread(child.next_line)
                await asyncio.sleep(chance.uniform(0, 0.01))
                unread = child.kill()
            told = lines + sum(line.startswith("kept ") for line in unread)
            kept += [f"{prefix} {n}" for n in range(told)]
        desktop = await started(folder)
        await signed_in(desktop)
        account = desktop.accounts.items[0]
        await until(lambda: account.link.waiting == 0, timeout_s=PATIENCE_S)
        page = open_chat(desktop)
        page.open(room_id)
        await until(lambda: messages(conversation(desktop)), timeout_s=PATIENCE_S)
        assert not [m for m in messages(conversation(desktop)) if m.state is SendState.FAILED]
        await desktop.close()
        async with client(url, await register(url, "reader")) as one:
            said = await _said(one, room_id)
        assert len(said) == len(set(said)), "a message is there twice"
        assert [body for body in said if body in set(kept)] == kept, "a draft is missing or out of order"

    try:
        drive(story)
    finally:
        server.kill()


def test_a_server_killed_under_two_windows_loses_and_doubles_nothing(
    tmp_path: Path, drive: Drive, request: pytest.FixtureRequest
) -> None:
    seed = random.randrange(2**32)
    request.node.add_report_section("call", "seed", str(seed))
    chance = random.Random(seed)
    rounds = max(1, int(request.config.getoption("--kills")) // _A_ROUND)

    async def story() -> None:
        server, url = serve(tmp_path / "server")
        try:
            place = urlsplit(url)
            mira = await join(tmp_path / "mira", place.netloc, name="Mira Rossi", username="mira")
            dario = await join(tmp_path / "dario", place.netloc)
            windows = (mira, dario)
            room_id = open_chat(mira).account.rooms[0].room_id
            for desktop in windows:
                open_chat(desktop).open(room_id)
            views = {id(desktop): conversation(desktop) for desktop in windows}
            # A message that comes while a window still opens its room is another story.
            await until(
                lambda: not any(view.timeline.loading for view in views.values()), timeout_s=PATIENCE_S
            )
            await asyncio.sleep(0.3)
            wanted: set[str] = set()
            for number in range(rounds):
                cut = chance.randrange(_WRITTEN)
                for n in range(_WRITTEN):
                    writer = windows[n % 2]
                    body = f"round {number}, message {n}"
                    wanted.add(body)
                    write(views[id(writer)], body)
                    await asyncio.sleep(chance.uniform(0, 0.004))
                    if n == cut:
                        await asyncio.to_thread(server.kill)
                server, _ = await asyncio.to_thread(lambda: serve(tmp_path / "server", port=place.port or 0))
                for desktop in windows:
                    open_chat(desktop).account.try_now()
                await until(
                    lambda: all(open_chat(desktop).account.link.waiting == 0 for desktop in windows),
                    timeout_s=PATIENCE_S,
                )
            await until(
                lambda: all(
                    len(messages(view)) == len(wanted) and all(m.seq for m in messages(view))
                    for view in views.values()
                ),
                timeout_s=PATIENCE_S,
            )
            shown = [[(m.seq, m.body) for m in messages(view)] for view in views.values()]
            assert shown[0] == shown[1]
            assert {body for _, body in shown[0]} == wanted
            seqs = [seq for seq, _ in shown[0]]
            assert seqs == sorted(seqs, key=lambda seq: seq or 0)
            for view in views.values():
                assert not [m for m in messages(view) if m.state is SendState.FAILED]
            await dario.close()
            await mira.close()
        finally:
            server.kill()

    drive(story)
