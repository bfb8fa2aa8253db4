"""What is done to a server's data as a whole: its schema."""

from __future__ import annotations

import asyncio
from typing import Annotated

from cyclopts import Parameter

from server.cli.app import FAILED, NO_FLAGS, ConfigFile, Flags, app, fail, in_words, loaded_from


@app.command
def migrate(
    *,
    check: bool = False,
    config: ConfigFile = None,
    flags: Annotated[Flags, Parameter(name="*")] = NO_FLAGS,
) -> int:
    """Bring the database up to date, and print what was applied.

    Processes that do it at once wait for each other. An embedded server must not run.

    Args:
        check: Change nothing; exit code 1 where something is missing.
    """
    from server.offline import migrate as apply
    from server.offline import missing_migrations

    missing: list[str] = []

    def told() -> None:
        settings = loaded_from(config, flags).settings
        missing.extend(asyncio.run((missing_migrations if check else apply)(settings)))
        for name in missing:
            print(f"{'missing' if check else 'applied'}: {name}")
        if not missing:
            print("the database is up to date")

    code = in_words(told)
    if code == 0 and check and missing:
        return fail("the database is behind: run parley-server migrate", FAILED)
    return code
