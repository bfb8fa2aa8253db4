"""What is told of a Redis that does not answer."""

from __future__ import annotations

import pytest

from server.infra.redis.connection import RedisUnavailableError, connect, in_words
from server.kernel.telemetry import Dependency, Silence
from tests.support.services import services


class Told(Silence):
    def __init__(self) -> None:
        self.failures: list[Dependency] = []

    def failed(self, dependency: Dependency) -> None:
        self.failures.append(dependency)


async def test_a_command_that_failed_is_told() -> None:
    told = Told()
    # Nothing listens there: the port is for nobody.
    client = connect("redis://127.0.0.1:1", told)
    with pytest.raises(RedisUnavailableError):
        async with in_words():
            await client.get("key")
    pipe = client.pipeline(transaction=False)
    pipe.get("key")
    with pytest.raises(RedisUnavailableError):
        async with in_words():
            await pipe.execute()
    await client.aclose()
    assert set(told.failures) == {Dependency.REDIS}
    assert len(told.failures) >= 2


async def test_one_that_answered_is_not() -> None:
    told = Told()
    client = connect(services().url("redis"), told)
    await client.set("key", "value")
    await client.aclose()
    assert told.failures == []
