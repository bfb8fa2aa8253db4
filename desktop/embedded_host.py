"""The one edge from the desktop to the server: hosting on this computer."""

from __future__ import annotations

import asyncio
from concurrent.futures import Future
from typing import Final

from desktop.services.host import HostedServer, HostProblem, HostSettings
from desktop.words import QT_TRANSLATE_NOOP
from server.embedded import EmbeddedError, EmbeddedServer, EmbeddedSettings

START_TIMEOUT_S: Final = 60.0
CALL_TIMEOUT_S: Final = 30.0


async def start_server(settings: HostSettings) -> HostedServer:
    """Start the server in its thread.

    Raises:
        HostProblem: port busy, folder not writable, database damaged, in plain words.
    """
    server = EmbeddedServer(
        EmbeddedSettings(
            data=settings.folder,
            host=settings.bind,
            port=settings.port,
            name=settings.name,
            first=settings.first,
        )
    )
    try:
        await _within(
            server.start(),
            START_TIMEOUT_S,
            QT_TRANSLATE_NOOP("services", "The server did not start in time. Try it again."),
        )
    except BaseException:
        # It may still come up, and nobody would know it.
        server.stop()
        raise
    return _Hosted(server)


class _Hosted:
    """``HostedServer`` over the thread's futures."""

    def __init__(self, server: EmbeddedServer) -> None:
        self._server = server
        self._url, self._server_id = server.url, server.server_id

    @property
    def url(self) -> str:
        return self._url

    @property
    def server_id(self) -> str:
        return self._server_id

    @property
    def connections(self) -> int:
        try:
            return self._server.connections
        except EmbeddedError:
            return 0

    async def reset_password(self, username: str, new: str) -> None:
        await _within(self._server.reset_password(username, new), CALL_TIMEOUT_S)

    async def stop(self) -> None:
        await _within(
            self._server.stop(),
            CALL_TIMEOUT_S,
            QT_TRANSLATE_NOOP("services", "The server takes long to stop. What it stored is safe."),
        )


async def _within(
    future: Future[None],
    timeout_s: float,
    late: str = QT_TRANSLATE_NOOP("services", "The server did not answer in time."),
) -> None:
    try:
        async with asyncio.timeout(timeout_s):
            await asyncio.wrap_future(future)
    except EmbeddedError as problem:
        raise HostProblem(_sentence(str(problem))) from problem
    except TimeoutError:
        raise HostProblem(late) from None


def _sentence(text: str) -> str:
    """As the server says it on a command line, made to stand between others."""
    return f"{text[:1].upper()}{text[1:]}{'' if text.endswith(('.', '!', '?')) else '.'}"
