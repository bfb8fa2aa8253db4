"""Whether this process can serve: each dependency is asked, with a time-out."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

import structlog

from common.errors import ParleyError
from server.kernel.clock import Clock

log: Final = structlog.get_logger(__name__)

_TIMEOUT_S: Final = 2.0
_GOOD_FOR_S: Final = 1.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """``look`` raises ``ParleyError`` where the dependency can't be used.

    Without one that is not ``vital`` the process goes on serving, less well.
    """

    name: str
    look: Callable[[], Awaitable[None]]
    vital: bool = True


@dataclass(frozen=True, slots=True)
class Report:
    """What is wrong, a line each: ``missing`` makes the process unready, ``degraded`` does not."""

    missing: list[str] = field(default_factory=list)
    degraded: list[str] = field(default_factory=list)
    up: dict[str, bool] = field(default_factory=dict)
    """Each check by its name."""


class Readiness:
    """Asks all at once; who comes meanwhile waits for the same answer, which is good for 1.5 s."""

    def __init__(self, checks: Sequence[Check], *, clock: Clock, timeout_s: float = _TIMEOUT_S) -> None:
        self.state: str | None = "starting"
        """Why the process can't serve whatever its dependencies say; None once it runs."""
        self._checks = checks
        self._clock = clock
        self._timeout_s = timeout_s
        self._asking = asyncio.Lock()
        self._last: tuple[float, Report] | None = None

    async def report(self) -> Report:
        """As of now, or 1.5 s ago."""
        if self.state is not None:
            return Report([self.state])
        async with self._asking:
            now = self._clock.monotonic()
            if self._last is None or now - self._last[0] >= _GOOD_FOR_S:
                self._last = (self._clock.monotonic(), await self._ask())
            return self._last[1]

    async def _ask(self) -> Report:
        problems = await asyncio.gather(*map(self._problem, self._checks))
        report = Report()
        for check, problem in zip(self._checks, problems, strict=True):
            report.up[check.name] = problem is None
            if problem is not None:
                (report.missing if check.vital else report.degraded).append(f"{check.name}: {problem}")
        return report

    async def _problem(self, check: Check) -> str | None:
        try:
            async with asyncio.timeout(self._timeout_s):
                await check.look()
        except ParleyError as problem:
            return problem.message
        except TimeoutError:
            return f"no answer within {self._timeout_s:g} s"
        except Exception as problem:  # a bug, and still no reason not to answer
            log.exception("check_failed", check=check.name)
            return type(problem).__name__
        return None
