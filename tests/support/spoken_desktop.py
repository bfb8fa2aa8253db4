"""A desktop that hosts and shows its first room: DATA. Says where, then what comes, until it is killed."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

os.environ.setdefault("QT_API", "pyside6")
os.environ["PYTHON_KEYRING_BACKEND"] = "keyring.backends.fail.Keyring"

import qasync
from PySide6.QtWidgets import QApplication

from tests.e2e.windows import conversation, host, messages, open_chat, window_of
from tests.support.wait import until


async def _story(folder: Path) -> None:
    desktop = await host(folder)
    page = open_chat(desktop)
    page.open(page.account.rooms[0].room_id)
    window_of(desktop).activateWindow()
    await until(window_of(desktop).isActiveWindow, timeout_s=30)
    await until(
        lambda: conversation(desktop).list.landed or conversation(desktop).timeline.at_end, timeout_s=30
    )
    print(f"hosting {desktop.host.state.addresses[0]}", flush=True)
    seen = 0

    def more() -> bool:
        return len(messages(conversation(desktop))) > seen

    while True:
        await until(more, timeout_s=120)
        seen = len(messages(conversation(desktop)))
        print(f"seen {seen}", flush=True)


def main() -> None:
    app = QApplication(sys.argv[:1])
    app.setApplicationName("Parley")
    app.setQuitOnLastWindowClosed(False)
    loop = qasync.QEventLoop(app)
    asyncio.set_event_loop(loop)
    with loop:
        loop.run_until_complete(_story(Path(sys.argv[1])))


if __name__ == "__main__":
    main()
