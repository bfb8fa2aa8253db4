"""The keys that sign access tokens: a new one each month, the old ones for as long as a token lives.

They lie in the database, so that all processes of a server have the same, sealed under the server's
identity key, so that who reads the database can't sign. A key is made a day before it is used: by then
every process has looked.
"""

from __future__ import annotations

import asyncio
import itertools
from dataclasses import dataclass
from typing import Final

from joserfc.jwk import OKPKey

from server.infra.crypto.identity import Sealer, SealError
from server.infra.crypto.keyfiles import fresh_key_pem
from server.kernel.clock import Clock
from server.kernel.database import Database, DatabaseUnavailableError, Tx
from server.kernel.failures import OperatorError

_DAY_MS: Final = 24 * 3_600_000
ROTATE_MS: Final = 30 * _DAY_MS
AHEAD_MS: Final = _DAY_MS
LOOK_MS: Final = 60_000
"""How often a process looks for what others made or removed."""
_LOOK_AGAIN_MS: Final = 1_000
"""Tokens that name unknown keys make it look no more often than so."""

_ALL: Final = "SELECT starts_at_ms, sealed FROM token_keys ORDER BY starts_at_ms"
_ADD: Final = (
    "INSERT INTO token_keys (starts_at_ms, sealed) VALUES ($1, $2) ON CONFLICT (starts_at_ms) DO NOTHING"
)


@dataclass(frozen=True, slots=True)
class _Known:
    sealed: bytes
    key: OKPKey


class TokenKeys:
    """A key's ``kid`` is when its time begins, in milliseconds since 1970."""

    def __init__(self, database: Database, *, sealer: Sealer, clock: Clock, token_ms: int) -> None:
        self._database = database
        self._sealer = sealer
        self._clock = clock
        self._token_ms = token_ms
        self._keys: dict[int, _Known] = {}
        self._looked_at_ms = 0
        self._blind = False
        """The last look failed, or is under way."""
        self._looking = asyncio.Lock()

    @property
    def current(self) -> tuple[str, OKPKey]:
        """``kid`` and key of new tokens."""
        now = self._clock.now_ms()
        begun = [starts for starts in self._keys if starts <= now]
        kid = max(begun) if begun else min(self._keys)
        return str(kid), self._keys[kid].key

    def get(self, kid: str) -> OKPKey | None:
        """The key that signed a token of this server, while such tokens may be good."""
        known = self._keys.get(int(kid)) if kid.isdecimal() and len(kid) < 20 else None  # noqa: PLR2004 - 64 bits
        return None if known is None else known.key

    async def look(self) -> None:
        """Learn what is there; make what is needed soon, remove what no good token names.

        Raises:
            OperatorError: the keys are another server's.
        """
        async with self._looking:
            await self._look()

    async def look_for(self, kid: str) -> None:
        """Another process may have made it since.

        Raises:
            DatabaseUnavailableError: it can't be seen now whether one did, or could not a moment ago.
        """
        if not kid or self.get(kid) is not None:
            return
        if self._may_look or self._blind:
            async with self._looking:
                # Of all who waited here the first has looked for the others too.
                if self._may_look:
                    await self._look()
        if self._blind:
            raise DatabaseUnavailableError

    @property
    def _may_look(self) -> bool:
        return abs(self._clock.now_ms() - self._looked_at_ms) >= _LOOK_AGAIN_MS

    async def _look(self) -> None:
        # Both before it is known whether it succeeds: a database that is away is not asked for each token.
        now = self._looked_at_ms = self._clock.now_ms()
        self._blind = True
        rows = dict(await self._database.read(_rows))
        if self._wanted(rows, now) or self._ended(rows, now):
            rows = dict(await self._database.write(self._tended, now))
        self._keys = {starts: self._opened(starts, sealed) for starts, sealed in rows.items()}
        self._blind = False

    def _wanted(self, rows: dict[int, bytes], now: int) -> list[int]:
        """When the keys begin that have to be made: the first one of all, and the next one in time."""
        if not rows:
            return [now]
        newest = max(rows)
        return [max(newest + ROTATE_MS, now)] if newest + ROTATE_MS - AHEAD_MS <= now else []

    def _ended(self, rows: dict[int, bytes], now: int) -> list[int]:
        """Those whose successors signed for longer than a token lives."""
        starts = sorted(rows)
        return [
            one for one, successor in itertools.pairwise(starts) if now - successor > self._token_ms + LOOK_MS
        ]

    async def _tended(self, tx: Tx, now: int) -> list[tuple[int, bytes]]:
        # One process at a time: two would make two keys.
        await tx.execute("UPDATE meta SET value = value WHERE key = 'server_id'")
        rows = dict(await _rows(tx))
        for starts in self._wanted(rows, now):
            await tx.execute(_ADD, starts, self._sealer.seal(fresh_key_pem(), _context(starts)))
        await tx.execute("DELETE FROM token_keys WHERE starts_at_ms IN $1", self._ended(rows, now))
        return await _rows(tx)

    def _opened(self, starts: int, sealed: bytes) -> _Known:
        known = self._keys.get(starts)
        if known is not None and known.sealed == sealed:
            return known
        try:
            pem = self._sealer.open(sealed, _context(starts))
        except SealError:
            raise OperatorError(
                "the token keys in the database are another server's: its identity key is needed"
            ) from None
        return _Known(sealed, OKPKey.import_key(pem))


async def forget_token_keys(tx: Tx) -> int:
    """After a leak: no token of before is good any more; devices get new ones by themselves. How many."""
    return await tx.execute("DELETE FROM token_keys")


async def _rows(tx: Tx) -> list[tuple[int, bytes]]:
    return [(int(row[0]), bytes(row[1])) for row in await tx.fetch(_ALL)]


def _context(starts: int) -> bytes:
    return f"parley token key {starts}".encode()
