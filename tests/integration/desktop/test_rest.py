"""The REST client's sockets, in the cases where calls do not end by themselves."""

from __future__ import annotations

import asyncio
import gc
from pathlib import Path

import pytest

from common.address import parse_address
from common.limits import Limits
from desktop.net.pin import pinned_context
from desktop.net.rest import RestClient
from server.bootstrap import Server
from server.settings import Settings
from tests.support.wait import until


def _handshakes() -> list[str]:
    return [repr(task.get_coro()) for task in asyncio.all_tasks() if "_accept" in repr(task.get_coro())]


@pytest.mark.parametrize("steps", [*range(1, 24), 30, 40])
async def test_a_call_cancelled_at_any_moment_leaves_no_socket_behind(tmp_path: Path, steps: int) -> None:
    server = Server(Settings(data=tmp_path, port=0, tls=True, limits=Limits(requests_per_second=0)))
    await server.start()
    address = parse_address(server.url)
    client = RestClient(address, context=pinned_context(None))

    call = asyncio.create_task(client.send("GET", "/server"))
    for _ in range(steps):
        await asyncio.sleep(0)
    call.cancel()
    await asyncio.wait({call})

    await client.close()
    # A socket left open would hold up the handshake at the server's side, and warn when it is collected.
    await until(lambda: not _handshakes())
    await server.stop()
    gc.collect()
