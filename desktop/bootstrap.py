"""The one composition function of the desktop: services meet views here, and nowhere else."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Final

from PySide6.QtWidgets import QApplication

from desktop.net.tasks import TaskOwner
from desktop.services.accounts import AccountsService
from desktop.services.host import DEFAULT_PORT, EVERYWHERE, HostedServer, HostService, HostSettings
from desktop.services.state import ServiceError
from desktop.storage.profile import Profile
from desktop.ui import fonts
from desktop.ui.theme import dress
from desktop.views.conversation.markdown import warm_up
from desktop.views.window import MainWindow

_WARM_UP_S: Final = 0.5
"""After the first window is filled."""


class Desktop:
    """The program: ``show`` paints the first window, ``run`` fills it, ``close`` ends all in order."""

    def __init__(self, folder: Path, *, bind: str = EVERYWHERE, port: int | None = None) -> None:
        profile = Profile(folder)
        self.accounts = AccountsService(profile)
        self.host = HostService(
            profile=profile,
            accounts=self.accounts,
            start_server=_start_server,
            bind=bind,
            port=DEFAULT_PORT if port is None else port,
        )
        self._profile = profile
        self._tasks = TaskOwner("desktop")
        self.window: MainWindow | None = None

    def show(self) -> MainWindow:
        """The first window, before anything is loaded."""
        app = QApplication.instance()
        if isinstance(app, QApplication):
            fonts.load(app)
            dress(app, self._profile)
            app.styleHints().colorSchemeChanged.connect(lambda: dress(app, self._profile))
        self.window = MainWindow(
            accounts=self.accounts, host=self.host, settings=self._profile, tasks=self._tasks
        )
        self.window.show()
        return self.window

    async def run(self) -> None:
        """Open what the profile knows and start the server that it hosts."""
        await self.accounts.start()
        if self.host.exists:
            try:
                await self.host.start()
            except ServiceError as problem:
                self.accounts.notice.emit(problem.text)
        self._tasks.spawn(_warm_up(), name="warm up")

    async def close(self) -> None:
        """Write what is unsaved, stop the server, end what runs: each also where another one fails."""
        if self.window is not None:
            self.window.keep_place()
        async with AsyncExitStack() as ends:  # the last one first
            ends.callback(gc.unfreeze)
            ends.callback(self._close_window)
            ends.callback(self._profile.close)
            ends.push_async_callback(self.host.close)
            ends.push_async_callback(self.accounts.close)
            ends.push_async_callback(self._tasks.close)

    def _close_window(self) -> None:
        if self.window is not None:
            # Qt's own time and order, not the garbage collector's.
            self.window.close_now()
            self.window.deleteLater()
            self.window = None


async def _warm_up() -> None:
    """What the first room would have to wait for is loaded while nobody waits."""
    await asyncio.sleep(_WARM_UP_S)
    await asyncio.to_thread(warm_up)
    _keep_from_collector()


def _keep_from_collector() -> None:
    """What is loaded now stays: a full collection that goes through it too is five frames long."""
    gc.collect(1)
    gc.freeze()


async def _start_server(settings: HostSettings) -> HostedServer:
    # Only hosting pays for importing the server.
    from desktop.embedded_host import start_server

    server = await start_server(settings)
    _keep_from_collector()
    return server


async def run_until(closed: Callable[[], asyncio.Future[None]], desktop: Desktop) -> None:
    """Run the program until ``closed``; an error in starting it is not the end of the window."""
    try:
        await desktop.run()
        await closed()
    finally:
        await desktop.close()
