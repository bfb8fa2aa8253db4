"""Facts that belong to a server's data, one a key of the table ``meta``."""

from __future__ import annotations

from typing import Final

from common.ids import new_id, short_key
from server.kernel.database import Tx
from server.kernel.failures import OperatorError

_HISTORY_EPOCH: Final = "history_epoch"
_SERVER_ID: Final = "server_id"
_LOCAL: Final = "local."
MOVED_TO: Final = "local.moved_to"
"""The address where this server is now: these data take no writes any more."""
INCOMPLETE: Final = "local.incomplete"
"""What was begun with these data and has not ended, in words: until then nobody serves them."""


class ForeignDataError(OperatorError):
    """The data belong to a server with another identity; nothing was changed."""


async def claim(tx: Tx, server_id: str) -> None:
    """These data are this server's, from the first start on.

    Raises:
        ForeignDataError: they are another's: clients that pinned it would refuse this one.
    """
    await tx.execute(
        "INSERT INTO meta (key, value) VALUES ($1, $2) ON CONFLICT (key) DO NOTHING", _SERVER_ID, server_id
    )
    known = await owner(tx)
    if known != server_id:
        raise ForeignDataError(
            f"the data belong to the server {short_key(known or '')}, and the identity key is that of "
            f"{short_key(server_id)}: give the identity key of the first"
        )


async def history_epoch(tx: Tx) -> str:
    """The epoch of this data, made at the first call: in a write, at start."""
    await tx.execute(
        "INSERT INTO meta (key, value) VALUES ($1, $2) ON CONFLICT (key) DO NOTHING", _HISTORY_EPOCH, new_id()
    )
    epoch = await fact(tx, _HISTORY_EPOCH)
    if epoch is None:
        raise LookupError("the history epoch that was just stored is not there")
    return epoch


async def known_epoch(tx: Tx) -> str | None:
    """The epoch of these data, or None where none was made yet."""
    return await fact(tx, _HISTORY_EPOCH)


async def renew_history_epoch(tx: Tx) -> str:
    """After a restore: clients drop what they keep of this server, and keep their outboxes."""
    await tx.execute("DELETE FROM meta WHERE key = $1", _HISTORY_EPOCH)
    return await history_epoch(tx)


def is_local(key: str) -> bool:
    """Whether a fact is about this one copy of the data, and goes into no other."""
    return key.startswith(_LOCAL)


async def check_whole(tx: Tx) -> None:
    """Before anybody serves these data.

    Raises:
        OperatorError: what was begun with them has not ended.
    """
    unfinished = await fact(tx, INCOMPLETE)
    if unfinished is not None:
        raise OperatorError(unfinished)


async def owner(tx: Tx) -> str | None:
    """The server id of these data; None where no server was ever started on them."""
    return await fact(tx, _SERVER_ID)


async def forget_fact(tx: Tx, key: str) -> None:
    """Not set is fine."""
    await tx.execute("DELETE FROM meta WHERE key = $1", key)


async def fact(tx: Tx, key: str) -> str | None:
    """What was set, or None."""
    row = await tx.fetch_one("SELECT value FROM meta WHERE key = $1", key)
    return None if row is None else str(row[0])


async def set_fact(tx: Tx, key: str, value: str) -> None:
    """In place of what was set before."""
    await tx.execute(
        "INSERT INTO meta (key, value) VALUES ($1, $2) ON CONFLICT (key) DO UPDATE SET value = $2", key, value
    )
