"""``parley-server migrate``, and a server that does not migrate by itself."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from server.infra import migrations
from server.kernel.database import DatabaseUnavailableError, SchemaBehindError, Tx
from server.offline import migrate, missing_migrations, opened
from server.settings import DATABASE_FILE, Settings
from tests.integration.server.test_commands import command
from tests.support.stores import postgres_url

ALL = [migration.label for migration in migrations.load()]
LAST = ALL[-1]


async def embedded(folder: Path) -> Settings:
    return Settings(data=folder)


async def standalone(folder: Path) -> Settings:
    return Settings(data=folder, database_url=await postgres_url(folder))


@pytest.fixture(params=[embedded, standalone], ids=["sqlite", "postgres"])
async def settings(request: pytest.FixtureRequest, tmp_path: Path) -> Settings:
    make: Callable[[Path], Awaitable[Settings]] = request.param
    return await make(tmp_path)


async def run(settings: Settings, sql: str) -> None:
    async def body(tx: Tx) -> None:
        await tx.execute(sql)

    async with opened(settings) as database:
        await database.write(body)


async def test_all_is_applied_to_an_empty_database_once(settings: Settings) -> None:
    assert await migrate(settings) == ALL
    assert await migrate(settings) == []
    assert await missing_migrations(settings) == []


async def test_a_server_that_may_not_migrate_says_what_is_missing(settings: Settings) -> None:
    await migrate(settings)
    await run(settings, f"DELETE FROM schema_migrations WHERE number = {len(ALL)}")
    assert await missing_migrations(settings) == [LAST]
    with pytest.raises(SchemaBehindError, match=f"missing: {LAST}.*run parley-server migrate"):
        async with opened(settings, migrate=False):
            pass
    # The check changed nothing.
    assert await missing_migrations(settings) == [LAST]


async def test_a_newer_database_is_refused(settings: Settings) -> None:
    await migrate(settings)
    await run(
        settings,
        "INSERT INTO schema_migrations (number, name, checksum, applied_at_ms) "
        f"VALUES ({len(ALL) + 1}, 'x', 'x', 0)",
    )
    for ask in (migrate, missing_migrations):
        with pytest.raises(DatabaseUnavailableError, match="written by a newer Parley"):
            await ask(settings)


async def test_what_the_command_prints(settings: Settings) -> None:
    words = ["--data", str(settings.data)]
    if settings.standalone:
        words += ["--database-url", settings.database_url]
    behind = command("migrate", "--check", *words)
    assert (behind.returncode, behind.stderr.count("\n")) == (1, 1), behind.stderr
    applied = command("migrate", *words)
    assert applied.returncode == 0, applied.stderr
    assert applied.stdout.splitlines() == [f"applied: {name}" for name in ALL]
    again = command("migrate", "--check", *words)
    assert (again.returncode, again.stdout) == (0, "the database is up to date\n")


def test_an_embedded_server_that_may_not_migrate_does_not_start(tmp_path: Path) -> None:
    ran = command("serve", "--data", str(tmp_path / "data"), "--port", "0", "--no-migrate-at-start")
    assert ran.returncode == 1
    assert ran.stderr.startswith("parley-server: the database is behind")
    assert ran.stderr.count("\n") == 1
    assert not (tmp_path / "data" / DATABASE_FILE).exists()
