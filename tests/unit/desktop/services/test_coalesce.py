from __future__ import annotations

from desktop.services.coalesce import Coalescer
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
