"""Fails a test on every warning or error that it logs without having said that it would (style.md, 14)."""

from __future__ import annotations

import logging
import re
import threading
from dataclasses import dataclass
from typing import Final

WORST_EXPECTED: Final = logging.WARNING


@dataclass(frozen=True, kw_only=True, slots=True)
class Expectation:
    """A log record that a test means to cause: its least level, the start of its logger's name, its text."""

    level: int
    pattern: str
    logger: str
    demanded: bool = True

    def matches(self, record: logging.LogRecord) -> bool:
        return (
            record.levelno >= self.level
            and record.name.startswith(self.logger)
            and re.search(self.pattern, record.getMessage()) is not None
        )


class LogGuard(logging.Handler):
    """Collects what is logged at WARNING or above in any thread, and judges it at the end."""

    def __init__(self) -> None:
        super().__init__(WORST_EXPECTED)
        self._records: list[logging.LogRecord] = []
        self._expected: list[Expectation] = []
        self._filled = threading.Condition()

    def emit(self, record: logging.LogRecord) -> None:
        with self._filled:
            self._records.append(record)
            self._filled.notify_all()

    def expect(self, pattern: str, *, level: int = logging.WARNING, logger: str = "") -> None:
        """Allows every record that matches, and demands at least one by the end of the test.

        Args:
            pattern: a regular expression, searched in the formatted message.
            level: the least level.
            logger: how the logger's name starts.
        """
        self._expected.append(Expectation(level=level, pattern=pattern, logger=logger))

    def allow(self, pattern: str, *, level: int = logging.WARNING, logger: str = "") -> None:
        """Allows every record that matches, where chance decides whether there is one."""
        self._expected.append(Expectation(level=level, pattern=pattern, logger=logger, demanded=False))

    def wait_for(self, pattern: str, *, seconds: float = 10.0) -> bool:
        """Waits until a record matches; False when none did in time. Not for the thread that logs it."""
        with self._filled:
            return self._filled.wait_for(
                lambda: any(re.search(pattern, record.getMessage()) for record in self._records), seconds
            )

    def complaints(self) -> list[str]:
        """One line for each record that nobody expected and for each expectation that nothing met."""
        with self._filled:
            records = list(self._records)
        unexpected = [
            f"unexpected {record.levelname} of {record.name}: {_text(record)}"
            for record in records
            if not any(expected.matches(record) for expected in self._expected)
        ]
        unmet = [
            f"expected and never logged: {expected}"
            for expected in self._expected
            if expected.demanded and not any(expected.matches(record) for record in records)
        ]
        return unexpected + unmet


def _text(record: logging.LogRecord) -> str:
    if not record.exc_info:  # ``exc_info=False`` stays what it is
        return record.getMessage()
    return f"{record.getMessage()}\n{logging.Formatter().formatException(record.exc_info)}"
