"""A library that says the same hundreds of times is heard once."""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator

import pytest

from server.logs import Sparing


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def written(clock: Clock) -> Iterator[io.StringIO]:
    """What a handler with the filter writes of records at INFO, which nobody else hears."""
    text = io.StringIO()
    handler = logging.StreamHandler(text)
    handler.addFilter(Sparing("aiokafka", every_s=10.0, now=clock))
    loggers = [logging.getLogger(name) for name in ("aiokafka.conn", "aiokafka", "aiokafkaesque")]
    for logger in loggers:
        logger.setLevel(logging.INFO)
        logger.addHandler(handler)
        logger.propagate = False
    yield text
    for logger in loggers:
        logger.setLevel(logging.NOTSET)
        logger.removeHandler(handler)
        logger.propagate = True


def test_the_same_is_said_once_in_a_while_with_how_often_it_was_not(
    written: io.StringIO, clock: Clock
) -> None:
    log = logging.getLogger("aiokafka.conn")
    for node in range(500):
        log.info("Unable to connect to node %s: 100%% away", node)
    clock.now += 9.9
    log.info("Unable to connect to node %s: 100%% away", 500)
    clock.now += 0.1
    log.info("Unable to connect to node %s: 100%% away", 501)
    clock.now += 10.0
    log.info("Unable to connect to node %s: 100%% away", 502)
    assert written.getvalue().splitlines() == [
        "Unable to connect to node 0: 100% away",
        "Unable to connect to node 501: 100% away (and 500 like it before)",
        "Unable to connect to node 502: 100% away",
    ]


def test_what_the_library_tries_again_is_a_warning_and_what_broke_it_an_error(
    written: io.StringIO,
) -> None:
    log, other = logging.getLogger("aiokafka.conn"), logging.getLogger("aiokafkaesque")
    for handler in log.handlers:
        handler.setFormatter(logging.Formatter("%(levelname)s %(message)s"))
    log.error("No coordinator yet: %s", 15)
    log.critical("Worse")
    other.error("Not its own")
    try:
        raise LookupError("a bug")
    except LookupError:
        log.exception("Fetcher ended")
    said = [line for line in written.getvalue().splitlines() if line.split()[0].isupper()]
    assert said == [
        "WARNING No coordinator yet: 15",
        "CRITICAL Worse",
        "ERROR Not its own",
        "ERROR Fetcher ended",
    ]


def test_a_warning_that_was_an_error_is_left_out_where_warnings_are(written: io.StringIO) -> None:
    log = logging.getLogger("aiokafka.conn")
    log.setLevel(logging.ERROR)
    log.error("No coordinator yet")
    log.critical("Worse")
    assert written.getvalue() == "Worse\n"


def test_other_messages_and_other_loggers_are_heard(written: io.StringIO) -> None:
    for _ in range(2):
        logging.getLogger("aiokafka.conn").info("one")
        logging.getLogger("aiokafka.conn").info("another")
        logging.getLogger("aiokafka").info("one")
        logging.getLogger("aiokafkaesque").info("one")
    assert written.getvalue().split() == ["one", "another", "one", "one", "one"]


def test_messages_without_number_are_not_kept(written: io.StringIO, clock: Clock) -> None:
    log = logging.getLogger("aiokafka.conn")
    for number in range(3_000):
        log.info(f"message {number}")  # noqa: G004 - as some libraries do
    (sparing,) = (each for each in log.handlers[0].filters if isinstance(each, Sparing))
    assert len(sparing._said) <= 1_000
