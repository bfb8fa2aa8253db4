"""A desktop in its own process that writes until it is killed: `python -m tests.support.writer DATA PREFIX`.

Prints "kept N" once draft N of its outbox would survive the end of the process.
"""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
os.environ.setdefault("QT_API", "pyside6")
os.environ["PYTHON_KEYRING_BACKEND"] = "keyring.backends.fail.Keyring"

import qasync
from PySide6.QtWidgets import QApplication

from desktop.bootstrap import Desktop
from tests.e2e.windows import conversation, open_chat, signed_in, started, write

_MOST = 500


async def _write(desktop: Desktop, prefix: str) -> None:
    page = open_chat(desktop)
    page.open(page.account.rooms[0].room_id)
    view = conversation(desktop)
    for number in range(_MOST):
        write(view, f"{prefix} {number}")
        # Behind the draft in the worker's queue: when this is done, so is the draft's commit.
        await desktop.accounts.items[0].core.worker.run(lambda _: None, urgent=True)
        print(f"kept {number}", flush=True)


async def _story(folder: Path, prefix: str) -> None:
    desktop = await started(folder)
    await signed_in(desktop)
    await _write(desktop, prefix)
    await asyncio.sleep(3_600)


def main() -> None:
    app = QApplication(sys.argv[:1])
    loop = qasync.QEventLoop(app)
    asyncio.set_event_loop(loop)
    with loop:
        loop.run_until_complete(_story(Path(sys.argv[1]), sys.argv[2]))


if __name__ == "__main__":
    main()
