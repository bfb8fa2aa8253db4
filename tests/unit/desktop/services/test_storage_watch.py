from __future__ import annotations

import pytest

from desktop.services import storage_watch
from desktop.services.storage_watch import StorageWatch
from desktop.storage.worker import StorageError

FULL, READ_ONLY = (
    "The disk is full. Free some space; nothing was lost.",
    "The profile folder can't be written.",
)


@pytest.fixture
def told() -> list[str]:
    return []


@pytest.fixture
def watch(told: list[str]) -> StorageWatch:
    return StorageWatch(told.append)


async def test_what_every_message_meets_is_said_once_in_a_while(
    watch: StorageWatch, told: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(3):
        watch.met(StorageError(FULL))
    assert told == [FULL]
    monkeypatch.setattr(storage_watch, "AGAIN_S", 0.0)
    watch.met(StorageError(FULL))
    assert told == [FULL, FULL]


async def test_another_problem_is_said_at_once(watch: StorageWatch, told: list[str]) -> None:
    for words in (FULL, READ_ONLY, READ_ONLY):
        watch.met(StorageError(words))
    assert told == [FULL, READ_ONLY]
