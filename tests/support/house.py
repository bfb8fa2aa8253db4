"""The gateways and cores of one server, each in a process of its own, to be killed and started again."""

from __future__ import annotations

import re
import signal
import time
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

from tests.support.crash import Child
from tests.support.daemons import free_port
from tests.support.serving import OFF, serve

PATIENCE_S: Final = 180.0
"""For a machine that does much else."""
_AGAIN_S: Final = 0.2
UNBOUND: Final[Mapping[str, str]] = {
    **OFF,
    "PARLEY_LIMITS__REGISTRATIONS_PER_HOUR": "0",
    "PARLEY_LIMITS__ROOMS_PER_HOUR": "0",
    "PARLEY_LIMITS__LOGIN_FAILURES": "0",
    "PARLEY_LIMITS__ACCESS_TOKEN_MS": str(24 * 3600 * 1000),
}
"""No limit that many accounts of one address would meet; tokens that outlive the run."""


class House:
    """``gateway-0``, ``core-0`` and so on, as many as asked for, on the services that ``flags`` name.

    Each keeps its port. What each says goes to ``folder/NAME.log``.
    """

    def __init__(
        self,
        folder: Path,
        flags: Sequence[str],
        *,
        gateways: int = 1,
        cores: int = 1,
        environment: Mapping[str, str] = UNBOUND,
    ) -> None:
        self.gateways = [f"gateway-{number}" for number in range(gateways)]
        self.cores = [f"core-{number}" for number in range(cores)]
        self._folder = folder
        self._flags = list(flags)
        self._environment = dict(environment)
        self._children: dict[str, Child] = {}
        self._urls: dict[str, str] = {}
        self._ports: dict[str, int] = {}

    @property
    def names(self) -> list[str]:
        """Of all its processes."""
        return [*self.cores, *self.gateways]

    @property
    def urls(self) -> list[str]:
        """Of the gateways, running or not."""
        return [self._urls[name] for name in self.gateways]

    def open(self) -> None:
        """Start all: the first makes the keys that all use, and migrates."""
        self._folder.mkdir(parents=True, exist_ok=True)
        first, *others = self.names
        self.start(first)
        with ThreadPoolExecutor() as pool:
            list(pool.map(self.start, others))

    def start(self, name: str, *, timeout_s: float = PATIENCE_S) -> None:
        """As whoever supervises it does: again until it listens, while what it needs is away.

        Raises:
            TimeoutError: it did not.
        """
        role, _, ordinal = name.partition("-")
        flags = [*self._flags, "--role", role, "--ordinal", ordinal]
        port = self._ports.setdefault(name, free_port())
        deadline = time.monotonic() + timeout_s
        while True:
            try:
                self._children[name], self._urls[name] = serve(
                    self._folder / "data",
                    *flags,
                    port=port,
                    environment=self._environment,
                    errors=self.log(name),
                    patience_s=timeout_s,
                )
            except EOFError as ended:
                if time.monotonic() > deadline:
                    raise TimeoutError(f"{name} does not start: {self.log(name).read_text()}") from ended
                time.sleep(_AGAIN_S)
            else:
                return

    def kill(self, name: str) -> None:
        """SIGKILL."""
        self._children.pop(name).kill()

    def freeze(self, name: str) -> None:
        """SIGSTOP: alive for the kernel, dead for everybody else."""
        self._children[name].process.send_signal(signal.SIGSTOP)

    def thaw(self, name: str) -> None:
        """It goes on, and does not know."""
        self._children[name].process.send_signal(signal.SIGCONT)

    def stop(self, name: str) -> int:
        """SIGTERM; its exit code."""
        return self._children.pop(name).stop()

    def ended(self) -> list[str]:
        """Those that ended by themselves."""
        return [name for name, child in self._children.items() if child.process.poll() is not None]

    def log(self, name: str) -> Path:
        """What it said on its standard error, over all its lives."""
        return self._folder / f"{name}.log"

    def tracebacks(self) -> list[str]:
        """The last line of each traceback in the logs: what the server did not expect."""
        return [line for name in self.names for line in _tracebacks(name, self.log(name))]

    def close(self) -> None:
        for name in tuple(self._children):
            self.kill(name)


def _tracebacks(name: str, log: Path) -> Iterable[str]:
    if not log.exists():
        return
    inside = False
    for line in log.read_text(errors="replace").splitlines():
        if line.startswith("Traceback"):
            inside = True
        elif inside and re.match(r"[\w.]+(:|$)", line):
            inside = False
            yield f"{name}: {line}"
