"""A server in a process of its own, to be killed and started again."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from tests.support.crash import Child

OFF: Final = {"PARLEY_LIMITS__MESSAGES_PER_SECOND": "0", "PARLEY_LIMITS__REQUESTS_PER_SECOND": "0"}


def serve(data: Path, *flags: str, port: int = 0) -> tuple[Child, str]:
    """The process, and the address that it prints once it listens."""
    child = Child("server", "serve", "--data", str(data), "--port", str(port), *flags, environment=OFF)
    child.start()
    return child, child.line_where(lambda line: line.startswith("listening on ")).split()[-1]
