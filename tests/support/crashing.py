"""`parley-server` that ends as in a power cut at one of its own steps: run as a program of its own.

``python -m tests.support.crashing N WORDS...`` ends at the N-th step: before or after a call of one of
POINTS, in the middle of whatever runs. With N = 0 it runs to its end. Pages are small: there are many steps.
"""

from __future__ import annotations

import functools
import importlib
import inspect
import os
import sys
from collections.abc import Callable
from typing import Any, Final

POINTS: Final = (
    "server.infra.durable:rename_durably",
    "server.infra.folder_blobs:FolderBlobs.put",
    "server.infra.folder_blobs:FolderBlobs.delete",
    "server.infra.postgres.database:PostgresDatabase.write",
    "server.infra.sqlite.database:SqliteDatabase.write",
    "server.infra.sqlite.database:SqliteDatabase.stop",
    "server.transfer.progress:Progress.__call__",
)
CRASHED: Final = 137
_PAGE: Final = 20


class _Countdown:
    def __init__(self, steps: int) -> None:
        self._left = steps

    def step(self) -> None:
        self._left -= 1
        if self._left == 0:
            os._exit(CRASHED)

    def wrapped(self, call: Callable[..., Any]) -> Callable[..., Any]:
        if inspect.iscoroutinefunction(call):

            @functools.wraps(call)
            async def later(*args: Any, **kwargs: Any) -> Any:
                self.step()
                found = await call(*args, **kwargs)
                self.step()
                return found

            return later

        @functools.wraps(call)
        def now(*args: Any, **kwargs: Any) -> Any:
            self.step()
            found = call(*args, **kwargs)
            self.step()
            return found

        return now


def main() -> None:
    countdown = _Countdown(int(sys.argv.pop(1)))
    rows = importlib.import_module("server.transfer.rows")
    rows.PAGE = _PAGE  # type: ignore[attr-defined]  # of the module
    for point in POINTS:
        module, _, path = point.partition(":")
        owner: Any = importlib.import_module(module)
        *parents, name = path.split(".")
        for parent in parents:
            owner = getattr(owner, parent)
        setattr(owner, name, countdown.wrapped(getattr(owner, name)))
    importlib.import_module("server.__main__").main()


if __name__ == "__main__":
    main()
