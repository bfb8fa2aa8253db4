"""What holds for every test: no screen, no keyring of the person, no noise, nothing left running."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator

# Before Qt is imported by anyone. A test that wants a real screen starts one and its own process on it.
os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
os.environ.setdefault("QT_API", "pyside6")
# The person's own secrets are none of the tests' business.
os.environ["PYTHON_KEYRING_BACKEND"] = "keyring.backends.fail.Keyring"

import hypothesis
import pytest
import structlog

from tests.support.leaks import tasks_must_end, threads_must_end
from tests.support.logs import LogGuard
from tests.support.services import services

# Time decides nothing here: the machine may be busy.
hypothesis.settings.register_profile(
    "parley", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("parley")

# The programs' own entry points configure structlog; in tests everything goes where the guard listens.
structlog.configure(
    processors=[
        structlog.processors.ExceptionRenderer(),
        structlog.processors.KeyValueRenderer(key_order=["event"], drop_missing=True),
    ],
    logger_factory=structlog.stdlib.LoggerFactory(),
    wrapper_class=structlog.stdlib.BoundLogger,
    cache_logger_on_first_use=False,
)


def pytest_sessionfinish() -> None:
    services().close()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    for line in services().ran:
        terminalreporter.write_line(f"real part: {line}")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--kills", type=int, default=50, help="how often the kill tests kill")


@pytest.fixture
def quiet_kafka() -> Iterator[None]:
    """aiokafka logs as an error whatever it tries again: a topic just made has no leader for a moment."""
    logger = logging.getLogger("aiokafka")
    before = logger.level
    logger.setLevel(logging.CRITICAL)
    yield
    logger.setLevel(before)


@pytest.fixture(autouse=True)
def log_guard() -> Iterator[LogGuard]:
    """Fails the test that logs a warning or error it did not expect; see `expect_log`."""
    guard = LogGuard()
    root = logging.getLogger()
    root.addHandler(guard)
    try:
        yield guard
    finally:
        root.removeHandler(guard)
    complaints = guard.complaints()
    if complaints:
        pytest.fail("\n".join(complaints), pytrace=False)


@pytest.fixture
def expect_log(log_guard: LogGuard) -> Callable[..., None]:
    """`expect_log(pattern, level=logging.WARNING, logger="")`: this test means to cause such a record."""
    return log_guard.expect


@pytest.fixture(autouse=True)
def nothing_left_running() -> Iterator[None]:
    """Fails the test that leaves a thread or a task behind."""
    with threads_must_end(), tasks_must_end():
        yield
