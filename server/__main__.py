"""``parley-server``: the server as a program of its own."""

from __future__ import annotations

import asyncio
import getpass
import os
import signal
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Final

import structlog
from cyclopts import App, Parameter

from common.ids import short_key
from common.protocol.rest import Registration
from server.settings import DEFAULT_PORT, Role, Settings, SettingsError, limits_from

app: Final = App(name="parley-server", help="Parley's server, on a machine of its own.")

_USAGE: Final = 2
_FAILED: Final = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceUrls:
    """Where the services of a standalone server are; with passwords, so better in the environment."""

    database_url: Annotated[str, Parameter(env_var="PARLEY_DATABASE_URL")] = ""
    """PostgreSQL, as libpq has it."""
    redis_url: Annotated[str, Parameter(env_var="PARLEY_REDIS_URL")] = ""
    """Presence, routes and rate limits."""
    kafka_servers: Annotated[str, Parameter(env_var="PARLEY_KAFKA_SERVERS")] = ""
    """The event bus, as host:port,..."""
    kafka_prefix: Annotated[str, Parameter(env_var="PARLEY_KAFKA_PREFIX")] = "parley."
    """Of this server's topics and groups, where several share a cluster."""
    role: Annotated[Role, Parameter(env_var="PARLEY_ROLE")] = Role.ALL
    """What this process does: all, or as one of several gateway or core."""
    ordinal: Annotated[int, Parameter(env_var="PARLEY_ORDINAL")] = 0
    """Of a gateway: its number among the gateways, from 0."""


_EMBEDDED: Final = ServiceUrls()


@app.command
def serve(
    *,
    data: Path,
    host: str = "127.0.0.1",
    port: int = DEFAULT_PORT,
    name: str = "Parley",
    tls: Annotated[bool, Parameter(negative="")] = False,
    registration: Registration = Registration.OPEN,
    services: Annotated[ServiceUrls, Parameter(name="*")] = _EMBEDDED,
) -> int:
    """Serve until SIGTERM or Ctrl+C, on embedded storage in DATA.

    Args:
        data: The folder of everything; made if it does not exist.
        host: The address to listen on; anything but loopback is TLS.
        port: 0 takes any free port.
        name: What people see as the server's name.
        tls: TLS also on loopback.
        registration: Who may make an account, until an admin sets another: open, or invite.
        services: PostgreSQL, Redis and Kafka in place of what is embedded; all three, or none.
    """
    try:
        limits = limits_from(os.environ)
    except SettingsError as problem:
        return _fail(str(problem), _USAGE)
    settings = Settings(
        data=data,
        host=host,
        port=port,
        name=name,
        tls=tls,
        registration=registration,
        limits=limits,
        **asdict(services),
    )
    return _run(settings)


@app.command
def identity(*, data: Path) -> int:
    """Print the server id and the key to compare of the server in DATA."""
    from server.offline import server_id_of_folder

    def told() -> None:
        found = server_id_of_folder(data)
        print(f"server id: {found}\nkey to compare: {short_key(found)}")

    return _offline(told)


@app.command
def reset_password(username: str, *, data: Path) -> int:
    """Set a new password for USERNAME, read from the terminal or standard input; the server must not run.

    Args:
        username: Whose password.
        data: The server's folder.
    """
    from server.offline import reset_password as reset

    def told() -> None:
        asked = getpass.getpass("New password: ") if sys.stdin.isatty() else sys.stdin.readline().rstrip("\n")
        asyncio.run(reset(data, username, asked))
        print(f"the password of {username} is set; all devices are signed out")

    return _offline(told)


@app.command
def invite(*, data: Path, uses: int = 1, days: int = 7) -> int:
    """Print a code that lets people make an account; the server must not run.

    Args:
        data: The server's folder.
        uses: How many accounts it is good for.
        days: How long it is good.
    """
    from server.offline import make_invite

    return _offline(lambda: print(asyncio.run(make_invite(data, uses=uses, days=days))))


@app.command
def rotate_keys(*, data: Path) -> int:
    """Make new keys for access tokens, after a leak; the server must not run, devices stay signed in.

    Args:
        data: The server's folder.
    """
    from server.offline import rotate_keys as rotate

    return _offline(lambda: print(f"keys removed: {asyncio.run(rotate(data))}"))


def _offline(work: Callable[[], None]) -> int:
    from common.errors import ParleyError
    from server.infra.crypto.keyfiles import KeyFileError
    from server.kernel.database import DamagedDatabaseError

    try:
        work()
    except (DamagedDatabaseError, KeyFileError, ParleyError, OSError) as problem:
        return _fail(str(problem), _FAILED)
    return 0


def _run(settings: Settings) -> int:
    # Litestar takes most of a second to import: a wrong flag is told before.
    from common.errors import ParleyError
    from server.bootstrap import PortBusyError, Server
    from server.infra.crypto.keyfiles import KeyFileError
    from server.kernel.database import DamagedDatabaseError

    async def main() -> None:
        server = Server(settings)
        await server.start()
        try:
            print(f"listening on {server.url}", flush=True)
            print(f"key to compare: {short_key(server.server_id)}", flush=True)
            await _until_told()
        finally:
            await server.stop()

    try:
        with asyncio.Runner(loop_factory=_fast_loop()) as runner:
            runner.run(main())
    except (PortBusyError, DamagedDatabaseError, KeyFileError, ParleyError, OSError) as problem:
        return _fail(str(problem), _FAILED)
    except SettingsError as problem:
        return _fail(str(problem), _USAGE)
    return 0


def _fast_loop() -> type[asyncio.AbstractEventLoop] | None:
    """Uvloop where there is one."""
    try:
        import uvloop
    except ImportError:
        return None
    return uvloop.Loop


async def _until_told() -> None:
    told = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        if sys.platform == "win32":
            signal.signal(number, lambda *_: loop.call_soon_threadsafe(told.set))
        else:
            loop.add_signal_handler(number, told.set)
    await told.wait()


def _fail(line: str, code: int) -> int:
    print(f"parley-server: {line}", file=sys.stderr)
    return code


def main() -> None:
    """The entry point. What a command answers goes to standard output, what is logged does not."""
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    sys.exit(app())


if __name__ == "__main__":
    main()
