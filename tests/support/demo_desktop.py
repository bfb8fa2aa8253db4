"""One of the two windows of `make demo`: DATA NAME ADDRESS X Y PICTURES; an empty address hosts."""

from __future__ import annotations

import asyncio
import os
import sys
from functools import partial
from pathlib import Path
from typing import Final

os.environ.setdefault("QT_API", "pyside6")
os.environ["PYTHON_KEYRING_BACKEND"] = "keyring.backends.fail.Keyring"

import qasync
from PySide6.QtWidgets import QApplication

from desktop.bootstrap import Desktop
from desktop.ui.theme import THEME_SETTING, Theme, dress
from desktop.widgets.toast import Toast
from tests.e2e.windows import conversation, host, join, messages, open_chat, window_of, write
from tests.support.wait import until

_ENOUGH: Final = 110
_SIZE: Final = (900, 860)
_PATIENCE_S: Final = 120.0
_SAYS: Final = {
    "mira": (
        "Good morning everyone 👋",
        "@room the *release notes* are in the shared folder.",
        "See you at lunch",
    ),
    "dario": ("Hello! I just joined.", "Works for me: `make run` on three machines.", "🎉"),
}


async def _story(folder: Path, name: str, address: str, place: tuple[int, int], pictures: Path) -> None:
    desktop = await (join(folder, address) if address else host(folder))
    window = window_of(desktop)
    window.setGeometry(*place, *_SIZE)
    if address:
        # One of the two in dark, so that both are seen.
        desktop._profile.set_setting(THEME_SETTING, Theme.DARK)
        app = QApplication.instance()
        assert isinstance(app, QApplication)
        dress(app, desktop._profile)
    page = open_chat(desktop)
    page.open(page.account.rooms[0].room_id)
    print("joined" if address else f"hosting {desktop.host.state.addresses[0]}", flush=True)
    for number, words in enumerate(_SAYS[name], 1):
        write(conversation(desktop), words)
        await until(partial(_come, desktop, _ENOUGH * number // len(_SAYS[name])), timeout_s=_PATIENCE_S)
        await _picture(desktop, pictures / f"{name}-{number}.png")
    if not address:
        screen = window.screen().grabWindow(0)
        if not screen.isNull():
            screen.save(str(pictures / "screen.png"))
    print(f"saw {len(messages(conversation(desktop)))} messages", flush=True)
    await asyncio.sleep(5)
    await desktop.close()


def _come(desktop: Desktop, seq: int) -> bool:
    """Whether the room's stream has come so far."""
    last = messages(conversation(desktop))[-1:]
    return bool(last) and (last[0].seq or 0) >= seq


async def _picture(desktop: Desktop, file: Path) -> None:
    for toast in window_of(desktop).findChildren(Toast):
        toast.hide()
    await asyncio.sleep(0.2)
    window_of(desktop).grab().save(str(file))


def main() -> None:
    folder, name, address, x, y, pictures = sys.argv[1:]
    app = QApplication(sys.argv[:1])
    app.setQuitOnLastWindowClosed(False)
    loop = qasync.QEventLoop(app)
    asyncio.set_event_loop(loop)
    with loop:
        loop.run_until_complete(_story(Path(folder), name, address, (int(x), int(y)), Path(pictures)))


if __name__ == "__main__":
    main()
