"""What the desktop itself costs: ``python -m tests.load.desktop [--text FILE.jsonl.gz] [--messages N]``.

A real server, a real desktop that has received N messages in R rooms, started anew as a process of its
own: first paint, memory when idle and connected, room switch, scrolling. Prints one JSON object.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from desktop.bootstrap import Desktop
    from desktop.services.account import AccountService
    from desktop.views.page.page import AccountPage

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
os.environ.setdefault("QT_API", "pyside6")
# Nobody's account: its secrets stay out of the person's keyring.
os.environ["PYTHON_KEYRING_BACKEND"] = "keyring.backends.fail.Keyring"

_BATCH: Final = 400
_PATIENCE_S: Final = 120.0
_SETTLE_S: Final = 3.0
_ROUNDS: Final = 3
_SCROLLS: Final = 1_500
_STEP_PX: Final = 60
_FRAME_S: Final = 0.008
_ROOM: Final = "Room "


def main() -> int:
    """Parent: fill, then measure in a fresh process."""
    options = _options()
    if options.measure is not None:
        print(json.dumps(measure(Path(options.measure), options.began)), flush=True)
        return 0
    from tests.load.bench import ROOT, server

    build = ROOT / "build" / "bench"
    build.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=build) as folder, server(Path(folder) / "server") as url:
        profile = Path(folder) / "profile"
        asyncio.run(fill(url, profile, options.messages, options.rooms, options.text))
        results = [_child(profile) for _ in range(_ROUNDS)]
    best = sorted(results, key=lambda one: float(one["first_paint_s"]))[len(results) // 2]
    print(json.dumps({"scenario": "desktop", "messages": options.messages, **best}), flush=True)
    return 0


def _child(profile: Path) -> dict[str, float]:
    command = [sys.executable, "-m", "tests.load.desktop", "--measure", str(profile)]
    ran = subprocess.run(
        [*command, "--began", str(time.monotonic())],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        timeout=300,
    )
    found: dict[str, float] = json.loads(ran.stdout.strip().splitlines()[-1])
    return found


async def fill(url: str, folder: Path, messages: int, rooms: int, text: Path | None) -> None:
    """A desktop that is online receives ``messages`` in ``rooms`` from somebody else."""
    from common.ids import new_id
    from common.protocol.codec import encode
    from common.protocol.requests import MessageSend
    from desktop.services.accounts import AccountsService
    from desktop.storage.profile import Profile
    from tests.load.texts import bodies
    from tests.support.client import client, group_room, register
    from tests.support.wait import until

    profile = Profile(folder)
    accounts = AccountsService(profile)
    sender = await register(url, "sender")
    account = await accounts.register(
        await accounts.find(url), name="Reader", username="reader", password="password 1"
    )
    texts = bodies(text)
    sent = 0
    async with client(url, sender) as socket:
        for number in range(rooms):
            room = await group_room(url, sender, title=f"{_ROOM}{number + 1}")
            await _add(url, sender.access_token, room.room_id, account.record.user_id)
            await until(partial(account.room, room.room_id), timeout_s=_PATIENCE_S)
            share = messages // rooms
            seq = account.core.rooms[room.room_id].head.seq
            for _ in range(0, share, _BATCH):
                for _ in range(_BATCH):
                    sent += 1
                    await socket.raw(encode(MessageSend(sent, new_id(), room.room_id, next(texts))).decode())
                seq += _BATCH
                await until(partial(_reached, account, room.room_id, seq), timeout_s=_PATIENCE_S)
                socket.pushes.clear()
    await accounts.close()
    profile.close()


def _reached(account: AccountService, room_id: str, seq: int) -> bool:
    return account.core.rooms[room_id].head.seq >= seq


async def _add(url: str, token: str, room_id: str, user_id: str) -> None:
    from common.ids import new_id
    from tests.support.client import Rest

    answer = await Rest(url, token).call(
        "POST", f"/rooms/{room_id}/members", client_msg_id=new_id(), user_ids=[user_id]
    )
    if answer.is_error:
        raise RuntimeError(answer.text)


def measure(profile: Path, began: float) -> dict[str, float]:
    """In a process of its own, as a start of the program is."""
    from PySide6.QtCore import QEvent, QObject
    from PySide6.QtWidgets import QApplication

    app = QApplication(sys.argv[:1])
    import qasync

    from desktop.bootstrap import Desktop

    loop = qasync.QEventLoop(app)
    asyncio.set_event_loop(loop)
    painted: list[float] = []

    class Watch(QObject):
        def eventFilter(self, watched: QObject, event: QEvent) -> bool:
            if event.type() is QEvent.Type.Paint:
                painted.append(time.monotonic())
                app.removeEventFilter(self)
            return super().eventFilter(watched, event)

    desktop = Desktop(profile, bind="127.0.0.1", port=0)
    watch = Watch()
    desktop.show()
    app.installEventFilter(watch)
    found: list[dict[str, float]] = []

    async def session() -> None:
        found.append(await _session(desktop, began, painted))

    with loop:
        loop.run_until_complete(session())
    return found[0]


async def _session(desktop: Desktop, began: float, painted: list[float]) -> dict[str, float]:
    from desktop.services.state import Link
    from tests.support.wait import until

    window = desktop.window
    assert window is not None
    window.resize(1280, 800)
    await until(lambda: bool(painted))
    await desktop.run()
    page = window.chat
    assert page is not None
    await until(lambda: page.pane.model.rowCount() > 0)
    filled = time.monotonic()
    await until(lambda: page.account.link.link is Link.ONLINE, timeout_s=_PATIENCE_S)
    await asyncio.sleep(_SETTLE_S)
    idle = _resident_mib()
    switches = await _switches(page)
    frames = await _scroll(page)
    result = {
        "first_paint_s": round(painted[0] - began, 3),
        "rooms_shown_s": round(filled - began, 3),
        "idle_mib": round(idle, 1),
        "switch_p50_ms": _percentile(switches, 50),
        "switch_max_ms": _percentile(switches, 100),
        "frame_p50_ms": _percentile(frames, 50),
        "frame_p99_ms": _percentile(frames, 99),
        "frames": float(len(frames)),
        "after_mib": round(_resident_mib(), 1),
    }
    await desktop.close()
    return result


async def _switches(page: AccountPage) -> list[float]:
    """From the choice to the messages on screen."""
    from tests.support.wait import until

    times: list[float] = []
    for _ in range(2):
        for room in list(page.account.rooms):
            if not room.title.startswith(_ROOM):
                continue
            began = time.perf_counter()
            page.open(room.room_id)
            view = page.conversation
            assert view is not None
            rows = view.list.rows
            await until(rows.rowCount)
            await asyncio.sleep(0)
            view.repaint()
            times.append((time.perf_counter() - began) * 1_000)
            await asyncio.sleep(0.02)
    return times


async def _scroll(page: AccountPage) -> list[float]:
    """Through history, a frame a step: what the step moves, lays out and paints; turns at both ends."""

    view = page.conversation
    assert view is not None
    bar = view.list.verticalScrollBar()
    step = -_STEP_PX
    times: list[float] = []
    for _ in range(_SCROLLS):
        if bar.value() == 0 and view.timeline.at_start:
            step = _STEP_PX
        elif bar.value() == bar.maximum() and view.timeline.at_end:
            step = -_STEP_PX
        began = time.perf_counter()
        bar.setValue(bar.value() + step)
        view.list.viewport().repaint()
        times.append((time.perf_counter() - began) * 1_000)
        # Time for older history to come in, as between two frames.
        await asyncio.sleep(_FRAME_S)
    return times


def _percentile(values: list[float], percent: int) -> float:
    ordered = sorted(values)
    return round(ordered[min(len(ordered) - 1, len(ordered) * percent // 100)], 2)


def _resident_mib() -> float:
    statm = Path("/proc/self/statm")
    if not statm.exists():
        return float("nan")
    return int(statm.read_text(encoding="ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1_048_576


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--text", type=Path, help="real messages: a .jsonl.gz with a text in each line")
    parser.add_argument("--messages", type=int, default=100_000)
    parser.add_argument("--rooms", type=int, default=20)
    parser.add_argument("--measure", help=argparse.SUPPRESS)
    parser.add_argument("--began", type=float, default=0.0, help=argparse.SUPPRESS)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
