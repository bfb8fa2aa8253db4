"""A window beside its own server: ``python -m tests.load.hosting [--n 50] [--rate 100] [--seconds 30]``.

The window hosts in its own process and shows the room in which N others write RATE messages a second
together. A frame is due every 16 ms; what is told is how long after that it was painted: half of the time
the window scrolls by a step each frame, then it follows what comes. Prints one JSON object.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from common.protocol.pushes import MessageNew
    from desktop.views.page.page import AccountPage
    from tests.load.wire import Socket

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
os.environ.setdefault("QT_API", "pyside6")
os.environ["PYTHON_KEYRING_BACKEND"] = "keyring.backends.fail.Keyring"

_FRAME_S: Final = 0.016
_STEP_PX: Final = 40
_PATIENCE_S: Final = 120.0
_RECEIPT_S: Final = 1.0
_WARM_UP_S: Final = 2.0


def main() -> int:
    options = _options()
    if options.talk is not None:
        asyncio.run(_talk(options.talk, options.n, options.rate, options.seconds, options.text))
        return 0
    from PySide6.QtWidgets import QApplication

    app = QApplication(sys.argv[:1])
    app.setQuitOnLastWindowClosed(False)
    import qasync

    loop = qasync.QEventLoop(app)
    asyncio.set_event_loop(loop)
    from tests.load.bench import ROOT

    build = ROOT / "build" / "bench"
    build.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=build) as folder, loop:
        loop.run_until_complete(_host(Path(folder), options))
    return 0


async def _host(folder: Path, options: argparse.Namespace) -> None:
    from desktop.bootstrap import Desktop
    from tests.load.desktop import _percentile
    from tests.support.wait import until

    desktop = Desktop(folder, bind="127.0.0.1", port=0)
    window = desktop.show()
    window.resize(1280, 800)
    await desktop.run()
    await desktop.host.create(server_name="Bench", name="Host", username="host", password="password 1")
    page = window.chat
    assert page is not None
    await until(lambda: len(page.account.rooms) > 0, timeout_s=_PATIENCE_S)
    page.open(page.account.rooms[0].room_id)
    url = f"http://{desktop.host.state.addresses[0]}"
    command = [sys.executable, "-m", "tests.load.hosting", "--talk", url, "--n", str(options.n)]
    command += ["--rate", str(options.rate), "--seconds", str(options.seconds)]
    command += ["--text", str(options.text)] if options.text else []
    others = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    assert others.stdout is not None
    await others.stdout.readline()
    await asyncio.sleep(_WARM_UP_S)
    half = options.seconds / 2 - _WARM_UP_S
    late, painted, seen = await _frames(page, half, scroll=True)
    following, following_painted, seen_following = await _frames(page, half, scroll=False)
    sent = await others.stdout.read()
    await others.wait()
    result = {
        "scenario": "hosting",
        "others": options.n,
        "rate": options.rate,
        "frame_p50_ms": _percentile(late, 50),
        "frame_p99_ms": _percentile(late, 99),
        "frame_max_ms": _percentile(late, 100),
        "paint_p99_ms": _percentile(painted, 99),
        "following_p50_ms": _percentile(following, 50),
        "following_p99_ms": _percentile(following, 99),
        "following_max_ms": _percentile(following, 100),
        "following_paint_p99_ms": _percentile(following_painted, 99),
        "frames": len(late) + len(following),
        "messages_per_s": round((seen + seen_following) / (2 * half), 1),
        "others_said": int(sent.decode().strip() or 0),
    }
    print(json.dumps(result), flush=True)
    await desktop.close()


async def _frames(page: AccountPage, seconds: float, *, scroll: bool) -> tuple[list[float], list[float], int]:
    """From when a frame was due to when it was painted; the painting alone; events that came meanwhile."""
    view = page.conversation
    assert view is not None
    loop = asyncio.get_running_loop()
    bar = view.list.verticalScrollBar()
    began = loop.time()
    before = _head(page)
    late: list[float] = []
    painted: list[float] = []
    due = began
    step = -_STEP_PX
    if not scroll:
        await view.timeline.jump_to_end()
        view.list.follow()
    while due < began + seconds:
        due += _FRAME_S
        await asyncio.sleep(max(0.0, due - loop.time()))
        started = loop.time()
        if bar.value() in {bar.minimum(), bar.maximum()}:
            step = -step
        if scroll:
            bar.setValue(bar.value() + step)
        view.list.viewport().repaint()
        done = loop.time()
        late.append((done - due) * 1_000)
        painted.append((done - started) * 1_000)
        # A frame that came too late is one late frame, not many.
        due = max(due, done - _FRAME_S)
    return late, painted, _head(page) - before


def _head(page: AccountPage) -> int:
    from desktop.services.account import AccountService

    view, account = page.conversation, page.account
    assert view is not None
    assert isinstance(account, AccountService)
    return account.core.rooms[view.room_id].head.seq


async def _talk(url: str, people: int, rate: float, seconds: float, text: Path | None) -> None:
    from common.ids import new_id
    from common.protocol.requests import MessageSend, Receipt
    from tests.load.texts import bodies
    from tests.load.wire import Socket, encode
    from tests.support.client import register

    marks: dict[int, int] = {}

    def heard(number: int, push: MessageNew) -> None:
        marks[number] = push.seq

    sockets: list[Socket] = []
    for number in range(people):
        tokens = await register(url, f"talker{number}")
        sockets.append(await Socket.connect(url, tokens.access_token, partial(heard, number)))
    room_id = sockets[0].heads.rooms[0].room_id
    texts = bodies(text)
    print("talking", flush=True)
    began, said, told = time.monotonic(), 0, time.monotonic()
    while (now := time.monotonic()) < began + seconds:
        while said < (now - began) * rate:
            socket = sockets[said % people]
            socket.send(encode(MessageSend(socket.request_id(), new_id(), room_id, next(texts))))
            said += 1
        if now - told >= _RECEIPT_S:
            told = now
            for number, seq in marks.items():
                socket = sockets[number]
                socket.send(encode(Receipt(socket.request_id(), room_id, seq, seq)))
        await asyncio.sleep(0.005)
    print(said, flush=True)
    for socket in sockets:
        socket.close()


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--n", type=int, default=50)
    parser.add_argument("--rate", type=float, default=100.0)
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--text", type=Path, help="real messages: a .jsonl.gz with a text in each line")
    parser.add_argument("--talk", help=argparse.SUPPRESS)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
