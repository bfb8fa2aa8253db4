from __future__ import annotations

from pathlib import Path

from server.infra.sqlite.database import SqliteDatabase
from server.kernel.meta import history_epoch, renew_history_epoch


async def test_the_epoch_stays_until_it_is_renewed(tmp_path: Path) -> None:
    database = SqliteDatabase(tmp_path / "parley.db")
    await database.start()
    first = await database.write(history_epoch)
    await database.stop()
    await database.start()
    assert await database.write(history_epoch) == first
    renewed = await database.write(renew_history_epoch)
    assert renewed != first
    assert await database.write(history_epoch) == renewed
    await database.stop()
