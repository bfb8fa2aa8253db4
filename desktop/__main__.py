"""``parley [--data DIR]``: the desktop."""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from collections.abc import Sequence
from pathlib import Path

os.environ.setdefault("QT_API", "pyside6")

from PySide6.QtCore import QStandardPaths
from PySide6.QtWidgets import QApplication, QMessageBox

from desktop.instance import FolderError, Instance, not_usable
from desktop.ui.i18n import tr


def main(arguments: Sequence[str] | None = None) -> int:
    """Run until the window is closed. A second start with the same folder raises the first."""
    options = _parser().parse_args(arguments)
    app = QApplication(sys.argv[:1])
    app.setApplicationName("Parley")
    folder = options.data or Path(
        QStandardPaths.writableLocation(QStandardPaths.StandardLocation.AppDataLocation)
    )
    try:
        instance = Instance(folder)
        if not instance.first():
            if instance.raise_first():
                return 0
            return refuse(
                app, tr("Parley is open already, but does not answer. End it, then start it again.")
            )
    except FolderError as problem:
        return refuse(app, str(problem))
    import qasync

    from desktop.bootstrap import Desktop, run_until

    try:
        desktop = Desktop(folder, bind=options.bind, port=options.port)
    except OSError:  # a folder that can be written, with settings in it that can't be read
        return refuse(app, not_usable(folder))
    loop = qasync.QEventLoop(app)
    asyncio.set_event_loop(loop)
    window = desktop.show()
    instance.raise_wanted.connect(window.come_to_front)
    ended: asyncio.Future[None] = loop.create_future()

    def end() -> None:
        if not ended.done():
            ended.set_result(None)

    app.setQuitOnLastWindowClosed(False)
    app.lastWindowClosed.connect(end)
    with loop:
        loop.run_until_complete(run_until(lambda: ended, desktop))
    instance.close()
    return 0


def refuse(app: QApplication, text: str) -> int:
    """Say why the program does not start, to the terminal and in a box for who has none; the exit code."""
    print(f"parley: {text}", file=sys.stderr)
    import qasync

    box = QMessageBox(QMessageBox.Icon.Critical, "Parley", text)
    with qasync.QEventLoop(app) as loop:
        read = asyncio.Event()
        box.finished.connect(read.set)
        box.open()
        loop.run_until_complete(read.wait())
    return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="parley", description="Chat on your own network.")
    parser.add_argument("--data", type=Path, help="the folder of the whole profile")
    parser.add_argument("--bind", default="0.0.0.0", help="where hosting listens")  # noqa: S104 - hosting is for the network
    parser.add_argument("--port", type=int, help="where hosting listens")
    return parser


if __name__ == "__main__":
    sys.exit(main())
