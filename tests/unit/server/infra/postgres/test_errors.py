"""What asyncpg says, in the words of the port."""

from __future__ import annotations

from pathlib import Path
from traceback import format_exception

import pytest

from common.errors import Code
from server.infra.postgres.database import PostgresDatabase
from server.kernel.database import IntegrityError, Tx, UnstorableTextError
from tests.support.stores import postgres_url


async def test_a_refused_row_is_not_quoted(tmp_path: Path) -> None:
    # By its name: the line that uses it is in the traceback.
    secret = "a secret text"

    async def body(tx: Tx) -> None:
        await tx.execute("INSERT INTO meta (key, value) VALUES ($1, $2)", secret, None)

    database = PostgresDatabase(await postgres_url(tmp_path))
    await database.start()
    try:
        with pytest.raises(IntegrityError) as refused:
            await database.write(body)
    finally:
        await database.stop()
    said = "".join(format_exception(refused.value))
    assert "not-null" in said
    assert secret not in said


async def test_a_text_that_is_not_kept_is_a_refusal(tmp_path: Path) -> None:
    async def stored(tx: Tx, text: str) -> None:
        await tx.execute("INSERT INTO meta (key, value) VALUES ($1, $2)", "a", text)

    async def found(tx: Tx, text: str) -> None:
        await tx.fetch("SELECT key FROM meta WHERE value = $1", text)

    database = PostgresDatabase(await postgres_url(tmp_path))
    await database.start()
    try:
        with pytest.raises(UnstorableTextError) as refused:
            await database.write(stored, "a\x00b")
        assert refused.value.code is Code.BAD_TEXT
        with pytest.raises(UnstorableTextError):
            await database.read(found, "a\x00b")
    finally:
        await database.stop()
