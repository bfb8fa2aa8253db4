"""A server in a process of its own, to be killed and started again."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from tests.support.crash import PATIENCE_S, Child

OFF: Final = {"PARLEY_LIMITS__MESSAGES_PER_SECOND": "0", "PARLEY_LIMITS__REQUESTS_PER_SECOND": "0"}


def serve(
    data: Path,
    *flags: str,
    port: int = 0,
    environment: Mapping[str, str] = OFF,
    errors: Path | None = None,
    patience_s: float = PATIENCE_S,
) -> tuple[Child, str]:
    """The process, and the address that it prints once it listens; its standard error goes onto ``errors``.

    Raises:
        EOFError: it ended before.
        TimeoutError: it did neither.
    """
    place = ("--data", str(data), "--port", str(port))
    child = Child("server", "serve", *place, *flags, environment=environment, errors=errors)
    child.start()
    try:
        return child, child.line_where(
            lambda line: line.startswith("listening on "), timeout_s=patience_s
        ).split()[-1]
    except (EOFError, TimeoutError):
        child.kill()
        raise
