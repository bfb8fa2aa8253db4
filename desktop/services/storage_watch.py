"""Tells the person what keeps an account's file from being read or written."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from desktop.services.words import said
from desktop.storage.worker import StorageError

AGAIN_S: Final = 60.0
"""A disk that stays full fails with every message that comes: said once in a while."""


class StorageWatch:
    """``tell`` gets the words."""

    def __init__(self, tell: Callable[[str], None]) -> None:
        self._tell = tell
        self._told_at: dict[str, float] = {}

    def met(self, problem: StorageError) -> None:
        """A job failed of it."""
        now = asyncio.get_running_loop().time()
        if now - self._told_at.get(problem.text, -AGAIN_S) >= AGAIN_S:
            self._told_at = {problem.text: now}
            self._tell(said(problem))
