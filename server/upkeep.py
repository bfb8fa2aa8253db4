"""What a process looks at again and again while it runs: a part of the composition."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Final

import structlog

from common.errors import ParleyError
from server.gateway.gateway import Gateway
from server.infra.crypto.tokenkeys import LOOK_MS, TokenKeys
from server.kernel.database import Database
from server.kernel.failures import OperatorError
from server.kernel.meta import known_epoch

log: Final = structlog.get_logger(__name__)

EPOCH_S: Final = 10.0


async def look_for_keys(keys: TokenKeys) -> None:
    """Those that another process made or removed."""
    while True:
        await asyncio.sleep(LOOK_MS / 1_000)
        try:
            await keys.look()
        except (ParleyError, OperatorError) as problem:
            # The keys of before go on being good.
            log.warning("token_keys_not_read", reason=str(problem))


async def follow_history(database: Database, gateway: Gateway) -> None:
    """A restore beneath a running server: who is connected goes on from what is not there any more.

    Whoever came with the old epoch before this notices is sent away with all others, so it heals in any case.
    """
    while True:
        await asyncio.sleep(EPOCH_S)
        # A database that is away is told by others, and read again soon.
        with contextlib.suppress(ParleyError):
            epoch = await database.read(known_epoch)
            if epoch is not None and epoch != gateway.history_epoch:
                log.warning("history_replaced", connections=len(gateway))
                gateway.adopt(epoch)
