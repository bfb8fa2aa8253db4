from __future__ import annotations

import asyncpg
import pytest
from asyncpg import exceptions as pg

from server.infra.postgres.errors import port_error
from server.kernel.database import DatabaseUnavailableError, IntegrityError, StorageFullError


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        (
            pg.AdminShutdownError("terminating connection due to administrator command"),
            DatabaseUnavailableError,
        ),
        # asyncpg's own word for a statement right after that message, before the socket is closed.
        (
            asyncpg.InternalClientError("cannot switch to state 15; another operation (2) is in progress"),
            DatabaseUnavailableError,
        ),
        (ConnectionResetError(), DatabaseUnavailableError),
        (pg.DeadlockDetectedError("deadlock detected"), DatabaseUnavailableError),
        (pg.UniqueViolationError("duplicate key"), IntegrityError),
        (pg.DiskFullError("no space left"), StorageFullError),
    ],
)
def test_what_the_database_says_in_words_of_the_port(said: Exception, kind: type[Exception]) -> None:
    assert type(port_error(said)) is kind


def test_a_mistake_in_the_sql_stays_a_bug() -> None:
    mistake = pg.UndefinedColumnError("there is no such column")

    assert port_error(mistake) is mistake
