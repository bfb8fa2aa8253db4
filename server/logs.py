"""The log on standard error: structlog's and the standard library's records through one renderer.

An event is a line: its time (UTC), level, logger, the process it comes from, its own fields. Never locals
of a traceback, never records of a library below INFO: both hold what people wrote.
"""

from __future__ import annotations

import logging
import math
import sys
import time
from collections.abc import Callable, Mapping
from typing import Final

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from server.settings import LogFormat, LogLevel

_OWN: Final = "server"
_KAFKA: Final = "aiokafka"
_EVERY_S: Final = 10.0
_MESSAGES_MAX: Final = 1_000
_LEVELS: Final = {
    LogLevel.DEBUG: logging.DEBUG,
    LogLevel.INFO: logging.INFO,
    LogLevel.WARNING: logging.WARNING,
    LogLevel.ERROR: logging.ERROR,
}


class Sparing(logging.Filter):
    """Of a library that says the same again and again: one line a logger and message in ``every_s``.

    The next one tells how many were left out. aiokafka logs each try of each connection while the cluster is
    away, hundreds a second, as errors, like those of every first start. But it tries again, and what does not
    come right the bus tells: without a traceback they are warnings.
    """

    def __init__(
        self, library: str, *, every_s: float = _EVERY_S, now: Callable[[], float] = time.monotonic
    ) -> None:
        super().__init__(library)
        self._every_s = every_s
        self._now = now
        self._said: dict[tuple[str, str], tuple[float, int]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether it is to be written."""
        if not super().filter(record):
            return True
        if record.levelno == logging.ERROR and not record.exc_info:
            record.levelno, record.levelname = logging.WARNING, logging.getLevelName(logging.WARNING)
            if not logging.getLogger(record.name).isEnabledFor(logging.WARNING):
                return False
        # As the library has it, before names and numbers are put in.
        key, now = (record.name, str(record.msg)), self._now()
        said_at, left_out = self._said.get(key, (-math.inf, 0))
        if now - said_at < self._every_s:
            self._said[key] = (said_at, left_out + 1)
            return False
        if len(self._said) >= _MESSAGES_MAX:
            self._said.clear()
        self._said[key] = (now, 0)
        if left_out:
            record.msg = f"{record.msg} (and {left_out} like it before)"
        return True


def configure(
    *,
    form: LogFormat = LogFormat.TEXT,
    level: LogLevel = LogLevel.INFO,
    origin: Callable[[], Mapping[str, object]] = dict,
) -> None:
    """Of the whole process; again replaces what was set. ``origin`` is asked for each event."""
    number = _LEVELS[level]
    shared = _shared(origin)
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *_rendering(form)],
        )
    )
    handler.addFilter(Sparing(_KAFKA))
    root = logging.getLogger()
    for old in root.handlers[:]:
        root.removeHandler(old)
    root.addHandler(handler)
    # Libraries tell at INFO what an operator seldom wants, and below it what nobody may read.
    root.setLevel(logging.INFO if number <= logging.DEBUG else max(number, logging.WARNING))
    logging.getLogger(_OWN).setLevel(number)
    logging.captureWarnings(capture=True)
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )


def _shared(origin: Callable[[], Mapping[str, object]]) -> list[Processor]:
    def add_origin(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
        for name, value in origin().items():
            event.setdefault(name, value)
        return event

    return [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
        add_origin,
        structlog.processors.StackInfoRenderer(),
    ]


def _rendering(form: LogFormat) -> list[Processor]:
    if form is LogFormat.JSON:
        return [
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(default=str, ensure_ascii=False),
        ]
    return [
        structlog.dev.ConsoleRenderer(
            colors=sys.stderr.isatty(),
            exception_formatter=structlog.dev.plain_traceback,
            timestamp_key="time",
            event_key="event",
        )
    ]
