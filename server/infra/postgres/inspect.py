"""What a PostgreSQL says of itself: for whoever looks after it, not for the server."""

from __future__ import annotations

from dataclasses import dataclass

from server.kernel.database import Tx


@dataclass(frozen=True, slots=True, kw_only=True)
class DatabaseFacts:
    """``now_s``: its clock, in seconds since 1970."""

    version: str
    now_s: float
    most_connections: int


async def facts(tx: Tx) -> DatabaseFacts:
    """In a read."""
    row = await tx.fetch_one(
        "SELECT current_setting('server_version'), "
        "extract(epoch FROM clock_timestamp())::float8, current_setting('max_connections')::int"
    )
    version, now_s, connections = row or ("unknown", 0.0, 0)
    return DatabaseFacts(version=version, now_s=now_s, most_connections=connections)
