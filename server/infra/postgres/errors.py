"""What asyncpg says, in the words of the database port."""

from __future__ import annotations

from typing import Final

import asyncpg
from asyncpg import exceptions as pg

from server.kernel.database import (
    DatabaseUnavailableError,
    IntegrityError,
    StorageFullError,
    UnstorableTextError,
)

AGAIN: Final = (pg.SerializationError, pg.DeadlockDetectedError)
"""Nothing was kept, and the same body may well succeed now."""
_AWAY: Final = (
    pg.PostgresConnectionError,
    pg.CannotConnectNowError,
    pg.OperatorInterventionError,
    pg.TooManyConnectionsError,
    pg.ReadOnlySQLTransactionError,
    pg.InvalidAuthorizationSpecificationError,
    pg.InvalidCatalogNameError,
    # "is not currently accepting connections"
    pg.ObjectNotInPrerequisiteStateError,
    asyncpg.InterfaceError,
    # A statement on a connection whose server has just said that it ends: "cannot switch to state 15".
    asyncpg.InternalClientError,
    OSError,
    TimeoutError,
)


def port_error(error: BaseException) -> BaseException:
    """The port's error for ``error``; a mistake in the SQL stays what it is, a bug."""
    if isinstance(error, pg.DiskFullError):
        return StorageFullError()
    if isinstance(error, pg.IntegrityConstraintViolationError):
        # "Failing row contains (...)": what somebody wrote would stand in the log.
        error.detail = None
        return IntegrityError(str(error))
    if isinstance(error, pg.CharacterNotInRepertoireError):
        return UnstorableTextError()
    if isinstance(error, (*_AWAY, *AGAIN)):
        return DatabaseUnavailableError()
    return error
