"""Real PostgreSQL, Redis and Kafka for the tests, started once a run and bound to 127.0.0.1.

What can't be had is a loud skip here and a failure where `CI` is set.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from functools import cache
from pathlib import Path
from typing import Final, NoReturn

import pytest

from tests.support.daemons import Daemon, Kafka, PgBouncer, Postgres, Redis

_CANT: Final = (OSError, RuntimeError, ImportError, subprocess.SubprocessError)
_ORDINARY: Final[dict[str, type[Daemon]]] = {"postgres": Postgres, "redis": Redis, "kafka": Kafka}


class Services:
    """Started at first use, stopped with the run."""

    def __init__(self) -> None:
        self._stack = ExitStack()
        self._known: dict[str, str] = {}
        self._daemons: dict[str, Daemon] = {}
        self._reasons: dict[str, str] = {}

    def url(self, name: str) -> str:
        """Where a service is reached; skips the test, or fails it in CI, where there is none."""
        if name not in self._known and name not in self._reasons:
            try:
                self._known[name] = self._start(name)
            except _CANT as problem:
                self._reasons[name] = f"{name} can't be started here: {problem}"
                print(f"\n*** {self._reasons[name]}", file=sys.stderr)
        if name in self._reasons:
            missing(self._reasons[name])
        return self._known[name]

    def close(self) -> None:
        self._stack.close()

    @property
    def ran(self) -> list[str]:
        """For the report: which ran, and which did not."""
        return [f"{name}: {url}" for name, url in self._known.items()] + list(self._reasons.values())

    def _start(self, name: str) -> str:
        folder = self._stack.enter_context(_folder(name))
        daemon: Daemon
        if name == "pgbouncer":
            self.url("postgres")
            daemon = PgBouncer(folder, self._daemons["postgres"].port)
        else:
            daemon = _ORDINARY[name](folder)
        daemon.start()
        self._stack.callback(daemon.close)
        self._daemons[name] = daemon
        return daemon.socket_url if isinstance(daemon, Postgres) else daemon.url


@cache
def services() -> Services:
    """Those of this run."""
    return Services()


@contextmanager
def own_services(kinds: Sequence[type[Daemon]]) -> Iterator[list[Daemon]]:
    """Started for this block alone, to be killed in it; skips the test, or fails it in CI, as ``url``."""
    with ExitStack() as stack:
        try:
            daemons = [kind(stack.enter_context(_folder(kind.name))) for kind in kinds]
            for daemon in daemons:
                stack.callback(daemon.close)
            # Side by side: each takes seconds.
            with ThreadPoolExecutor() as pool:
                list(pool.map(lambda daemon: daemon.start(), daemons))
        except _CANT as problem:
            missing(f"{', '.join(kind.name for kind in kinds)} can't be started here: {problem}")
        yield daemons


def missing(reason: str) -> NoReturn:
    """Skips the test, or fails it in CI."""
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)


@contextmanager
def _folder(name: str) -> Iterator[Path]:
    # Removed even where a daemon's user wrote into it, or a file goes while it is looked at.
    with tempfile.TemporaryDirectory(prefix=f"parley-{name}-", ignore_cleanup_errors=True) as folder:
        yield Path(folder)
