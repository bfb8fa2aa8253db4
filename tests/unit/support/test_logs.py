from __future__ import annotations

import logging
import threading
from collections.abc import Callable

import pytest
import structlog

from tests.support.logs import LogGuard


@pytest.fixture
def guard() -> LogGuard:
    return LogGuard()


def _record(message: str, *, level: int = logging.ERROR, name: str = "server.chat") -> logging.LogRecord:
    return logging.LogRecord(name, level, __file__, 1, message, None, None)


def test_what_nobody_expected_is_a_complaint(guard: LogGuard) -> None:
    guard.emit(_record("the disk is full"))

    assert guard.complaints() == ["unexpected ERROR of server.chat: the disk is full"]


def test_what_was_expected_is_none(guard: LogGuard) -> None:
    guard.expect(r"disk is \w+", level=logging.ERROR, logger="server")
    guard.emit(_record("the disk is full"))

    assert guard.complaints() == []


def test_an_expectation_that_nothing_met_is_one(guard: LogGuard) -> None:
    guard.expect("disk", level=logging.ERROR)
    guard.emit(_record("disk nearly full", level=logging.WARNING))

    assert [line.split(" ")[0] for line in guard.complaints()] == ["unexpected", "expected"]


def test_another_logger_is_another_matter(guard: LogGuard) -> None:
    guard.expect("disk", logger="server.chat")
    guard.emit(_record("disk", name="server.chat"))
    guard.emit(_record("disk", name="desktop"))

    assert guard.complaints() == ["unexpected ERROR of desktop: disk"]


def test_what_is_only_allowed_need_not_come(guard: LogGuard) -> None:
    guard.allow("disk")

    assert guard.complaints() == []
    guard.emit(_record("disk"))
    assert guard.complaints() == []


def test_a_test_can_wait_for_another_thread(guard: LogGuard) -> None:
    thread = threading.Thread(target=lambda: guard.emit(_record("done")))
    thread.start()

    assert guard.wait_for("done")
    thread.join()


def test_every_test_is_guarded(log_guard: LogGuard, expect_log: Callable[..., None]) -> None:
    expect_log("seen by the guard", logger="anywhere")
    logging.getLogger("anywhere.at.all").warning("seen by the guard")

    assert log_guard.complaints() == []


def test_structured_records_are_guarded_too(log_guard: LogGuard, expect_log: Callable[..., None]) -> None:
    expect_log("task_failed.*task='relay'", level=logging.ERROR)
    structlog.get_logger("server.kernel.tasks").error("task_failed", task="relay")

    assert log_guard.complaints() == []
