"""``doctor``, which looks at everything a server needs."""

from __future__ import annotations

import asyncio
import os
from typing import Annotated

from cyclopts import Parameter

from server.cli.app import FAILED, NO_FLAGS, ConfigFile, Flags, app, fail, in_words, loaded_from


@app.command
def doctor(*, config: ConfigFile = None, flags: Annotated[Flags, Parameter(name="*")] = NO_FLAGS) -> int:
    """Look at everything a server with these settings needs; a line each, exit code 1 where one failed."""
    from server.doctor import Verdict, examine

    bad = 0

    async def look() -> None:
        nonlocal bad
        async for finding in examine(loaded_from(config, flags).settings, os.environ):
            print(finding, flush=True)
            bad += finding.verdict is Verdict.FAILED

    code = in_words(lambda: asyncio.run(look()))
    if code == 0 and bad:
        return fail(f"{bad} of these failed", FAILED)
    return code
