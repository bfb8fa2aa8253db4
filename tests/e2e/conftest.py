"""The event loop of real windows."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Awaitable, Callable, Iterator

import pytest
import qasync
from PySide6.QtCore import QEvent
from PySide6.QtWidgets import QApplication

Drive = Callable[[Callable[[], Awaitable[None]]], None]


@pytest.fixture
def drive(qapp: QApplication) -> Iterator[Drive]:
    """Runs a coroutine on the loop that the windows use."""
    # As the program itself: a story goes on after its last window.
    qapp.setQuitOnLastWindowClosed(False)
    loops = [qasync.QEventLoop(qapp, already_running=False)]
    asyncio.set_event_loop(loops[0])

    def run(work: Callable[[], Awaitable[None]]) -> None:
        loops[0].run_until_complete(work())

    yield run
    qapp.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    qapp.processEvents()
    gc.collect()
    asyncio.set_event_loop(None)
    loops.pop().close()
    # Its timers belong to this thread: a collection in a server's thread would end them there, and crash.
    gc.collect()
