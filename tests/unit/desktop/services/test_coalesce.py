from __future__ import annotations

import asyncio
from itertools import pairwise

from desktop.services.coalesce import APART_S, Coalescer
from tests.support.wait import until


async def test_a_burst_is_one_call() -> None:
    calls: list[int] = []
    coalescer = Coalescer(lambda: calls.append(1))
    for _ in range(100):
        coalescer.poke()
    assert calls == []
    await until(lambda: calls)
    assert calls == [1]
    coalescer.poke()
    await until(lambda: len(calls) == 2)


async def test_nothing_is_called_after_closing() -> None:
    calls: list[int] = []
    coalescer = Coalescer(lambda: calls.append(1))
    coalescer.poke()
    coalescer.close()
    coalescer.poke()
    other = Coalescer(lambda: calls.append(2))
    other.poke()
    await until(lambda: calls)
    assert calls == [2]
    other.close()


async def test_changes_that_go_on_are_told_ten_times_a_second() -> None:
    calls: list[float] = []
    loop = asyncio.get_running_loop()
    coalescer = Coalescer(lambda: calls.append(loop.time()))
    while len(calls) < 4:
        coalescer.poke()
        await asyncio.sleep(0.001)
    coalescer.close()
    assert all(after - before >= APART_S * 0.9 for before, after in pairwise(calls))
