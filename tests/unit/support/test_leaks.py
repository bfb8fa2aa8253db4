from __future__ import annotations

import asyncio
import threading

import pytest

from tests.support import leaks


@pytest.fixture(autouse=True)
def nothing_left_running() -> None:
    """Stands for the guard of every test, which would see what the guards under test shall see."""


def test_a_thread_that_stays_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leaks, "PATIENCE_S", 0.0)
    stop = threading.Event()
    thread = threading.Thread(target=stop.wait, name="the-leak")

    with pytest.raises(AssertionError, match="the-leak"), leaks.threads_must_end():
        thread.start()

    stop.set()
    thread.join()


def test_a_thread_that_ends_in_time_is_fine() -> None:
    with leaks.threads_must_end():
        threading.Thread(target=lambda: None).start()


def test_a_task_that_stays_is_named() -> None:
    async def leave_one() -> None:
        task = asyncio.create_task(asyncio.Event().wait(), name="the-leak")
        await asyncio.sleep(0)
        assert not task.done()

    with pytest.raises(AssertionError, match="the-leak"), leaks.tasks_must_end():
        asyncio.run(leave_one())


def test_a_task_that_is_awaited_is_fine() -> None:
    async def await_one() -> None:
        await asyncio.create_task(asyncio.sleep(0))

    with leaks.tasks_must_end():
        asyncio.run(await_one())
