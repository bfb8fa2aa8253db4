"""``serve``, and ``config``, which shows what it would do."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import sys
from typing import TYPE_CHECKING, Annotated, Any, Final

import structlog
from cyclopts import Parameter

from common.ids import short_key
from server import logs
from server.cli.app import NO_FLAGS, ConfigFile, Flags, app, in_words, loaded_from
from server.settings import Role, Settings, likely_variable, shown, unknown_variables

if TYPE_CHECKING:
    from server.bootstrap import Server

log: Final = structlog.get_logger(__name__)


@app.command
def serve(*, config: ConfigFile = None, flags: Annotated[Flags, Parameter(name="*")] = NO_FLAGS) -> int:
    """Serve until SIGTERM or Ctrl+C: on embedded storage in DATA, or on PostgreSQL, Redis and Kafka."""
    return in_words(lambda: _run(loaded_from(config, flags).settings))


@app.command(name="config")
def show_config(*, config: ConfigFile = None, flags: Annotated[Flags, Parameter(name="*")] = NO_FLAGS) -> int:
    """Print the effective settings, secrets hidden, and where each came from."""

    def told() -> None:
        print("\n".join(shown(loaded_from(config, flags))))
        for name in unknown_variables(os.environ):
            print(f"parley-server: {name} in the environment is no setting", file=sys.stderr)

    return in_words(told)


def _run(settings: Settings) -> None:
    # Litestar takes most of a second to import: a wrong flag is told before.
    from server.bootstrap import Server

    async def main() -> None:
        server = Server(settings)
        logs.configure(
            form=settings.log_format, level=settings.log_level, origin=lambda: _origin(settings, server)
        )
        for name in unknown_variables(os.environ):
            # An open server, where somebody thought to have closed it by PARLEY_REGISTRATON.
            log.warning("setting_unknown", variable=name, meant=likely_variable(name))
        await server.start()
        try:
            # Whoever reads that it listens may tell it to end.
            # What is loaded now stays: no collection needs to go through it again.
            gc.freeze()
            told = _told_to_end()
            print(f"listening on {server.url}", flush=True)
            print(f"key to compare: {short_key(server.server_id)}", flush=True)
            await told.wait()
        finally:
            await server.stop()

    with asyncio.Runner(loop_factory=_fast_loop()) as runner:
        runner.run(main())


def _origin(settings: Settings, server: Server) -> dict[str, object]:
    """Which process of which server an event comes from; its server is known once it has its identity."""
    found: dict[str, object] = {"role": settings.role.value}
    if settings.role is Role.GATEWAY:
        found["ordinal"] = settings.ordinal
    if server.server_id:
        found["server_id"] = server.server_id
    return found


def _fast_loop() -> Any:  # noqa: ANN401 - uvloop's class, where there is uvloop
    try:
        import uvloop
    except ImportError:
        return None
    return uvloop.Loop


def _told_to_end() -> asyncio.Event:
    """Set by SIGTERM and Ctrl+C from now on."""
    told = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        if sys.platform == "win32":
            signal.signal(number, lambda *_: loop.call_soon_threadsafe(told.set))
        else:
            loop.add_signal_handler(number, told.set)
    return told
