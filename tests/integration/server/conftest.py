"""A whole server in this process, on a free port of loopback and a folder of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from common.limits import Limits
from server.bootstrap import Server
from server.settings import Settings


@pytest.fixture
def limits() -> Limits:
    return Limits()


@pytest.fixture
async def server(tmp_path: Path, limits: Limits) -> AsyncIterator[Server]:
    running = Server(Settings(data=tmp_path / "data", port=0, limits=limits))
    await running.start()
    try:
        yield running
    finally:
        await running.stop()
