"""The whole server inside another program: its own thread, its own event loop.

The caller's thread never waits for it: everything is answered by ``concurrent.futures``. The two share
the interpreter lock; the short switch interval that keeps the caller's window smooth is set by the
database adapter at its start.
"""

from __future__ import annotations

import asyncio
import errno
import threading
from collections.abc import Coroutine
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from common.errors import ParleyError
from common.protocol.rest import Register
from server.kernel.failures import OperatorError

if TYPE_CHECKING:
    from server.bootstrap import Server


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbeddedSettings:
    """What the program around it decides. ``port`` 0: any free one."""

    data: Path
    host: str
    port: int
    name: str
    first: Register | None = None
    """An account to make before anyone can reach the server: the first is its admin."""


class EmbeddedError(Exception):
    """Why the server does not run or did not do it, in words for people."""


class EmbeddedServer:
    """A server in a thread. Methods may be called from any thread, once ``start`` is done."""

    def __init__(self, settings: EmbeddedSettings) -> None:
        self._settings = settings
        self._server: Server | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopping: asyncio.Event | None = None
        self._stop_wanted = False
        self._started: Future[None] = Future()
        self._ended: Future[None] = Future()
        # Marked as running: who waits for one may give up without cancelling what the thread will say.
        self._started.set_running_or_notify_cancel()
        self._ended.set_running_or_notify_cancel()
        # Not a daemon: the interpreter waits for the last commit.
        self._thread = threading.Thread(target=self._main, name="parley-server")

    @property
    def url(self) -> str:
        """Base address."""
        return self._running.url

    @property
    def server_id(self) -> str:
        """What clients pin."""
        return self._running.server_id

    @property
    def connections(self) -> int:
        """Devices that are signed in on a socket."""
        return self._running.connections

    def start(self) -> Future[None]:
        """Begin; done when it listens, or an ``EmbeddedError``."""
        self._thread.start()
        return self._started

    def stop(self) -> Future[None]:
        """Drain and end; done when the thread is. While it starts: as soon as it has started."""
        self._stop_wanted = True
        if self._loop is not None and self._stopping is not None and not self._ended.done():
            self._loop.call_soon_threadsafe(self._stopping.set)
        return self._ended

    def reset_password(self, username: str, new: str) -> Future[None]:
        """For whoever sits at this computer."""
        return self._call(self._reset(self._running, username, new))

    @staticmethod
    async def _reset(server: Server, username: str, new: str) -> None:
        await server.resets.reset_locally(username, new)

    @property
    def _running(self) -> Server:
        if self._server is None:
            raise EmbeddedError("the server does not run")
        return self._server

    def _call(self, work: Coroutine[Any, Any, None]) -> Future[None]:
        if self._loop is None:
            raise EmbeddedError("the server does not run")
        return asyncio.run_coroutine_threadsafe(_in_words(work), self._loop)

    def _main(self) -> None:
        try:
            asyncio.run(self._serve())
        except BaseException as error:  # noqa: BLE001 - goes to whoever waits
            if not self._started.done():
                self._started.set_exception(error)
        finally:
            self._server = None
            self._ended.set_result(None)

    async def _serve(self) -> None:
        # Litestar takes most of a second to import: here, beside the window and not before it.
        import structlog

        from server import logs
        from server.bootstrap import Server
        from server.settings import LogLevel, Settings

        settings = self._settings
        if not structlog.is_configured():
            # The program around it has no log of its own: what somebody has to know goes to its terminal.
            logs.configure(level=LogLevel.WARNING)
        server = Server(
            Settings(data=settings.data, host=settings.host, port=settings.port, name=settings.name)
        )
        try:
            await server.start(first=settings.first)
        except (OperatorError, ParleyError, OSError) as problem:
            raise EmbeddedError(_words(problem, settings.port)) from problem
        try:
            self._server, self._loop, self._stopping = server, asyncio.get_running_loop(), asyncio.Event()
            self._started.set_result(None)
            # Set before the loop could be told, or told through it: never neither.
            if not self._stop_wanted:
                await self._stopping.wait()
        finally:
            await server.stop()


def _words(problem: Exception, port: int) -> str:
    """For a person at a window, who has no settings to look at; else as an operator is told."""
    cause = problem.__cause__
    if isinstance(cause, OSError) and cause.errno == errno.EADDRINUSE:
        return f"another program uses port {port} of this computer; end it, then try again"
    return str(problem)


async def _in_words(work: Coroutine[Any, Any, None]) -> None:
    try:
        await work
    except ParleyError as problem:
        raise EmbeddedError(problem.message) from problem
