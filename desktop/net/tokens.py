"""The tokens of one device: kept, refreshed one at a time, stored before they are used."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

from common.errors import Code
from common.protocol import rest
from desktop.net.link import AccessToken
from desktop.net.problems import NetError, RefusedError, SignedOutError
from desktop.net.rest import RestClient
from desktop.words import QT_TRANSLATE_NOOP

T = TypeVar("T")
_SPARE_S: Final = 20.0
_LOCKED_MS: Final = 60_000
"""A keyring that refused may have asked the person: not again every few seconds. "Try now" asks at once."""
_OVER: Final = frozenset({Code.UNAUTHENTICATED, Code.TOKEN_EXPIRED, Code.WRONG_CREDENTIALS, Code.NOT_FOUND})

Load = Callable[[], Awaitable[str | None]]
"""None: there is no sign-in here. Raises ``OSError`` where that can't be told, ``TimeoutError``: not yet."""
Store = Callable[[str], Awaitable[None]]
"""Raises ``OSError``: not kept."""


class Tokens:
    """Access tokens for REST and the socket.

    A reply that is lost costs nothing: the server gives the previous refresh token another successor for as
    long as none was used (docs/protocol.md), so the old one is shown again.
    """

    def __init__(
        self, client: RestClient, *, load: Load, store: Store, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._client = client
        self._load = load
        self._store = store
        self._clock = clock
        self._access: AccessToken | None = None
        self._lock = asyncio.Lock()

    async def adopt(self, tokens: rest.Tokens) -> None:
        """Take what a sign-in gave.

        Raises:
            NetError: this computer could not keep it. Nothing is lost: the token that was shown for it is
                still good.
        """
        try:
            await self._store(tokens.refresh_token)
        except OSError as problem:
            raise NetError(
                QT_TRANSLATE_NOOP(
                    "services",
                    "Your sign-in could not be saved on this computer. Is its disk full, or not writable?",
                )
            ) from problem
        self._access = AccessToken(tokens.access_token, self._clock() + tokens.expires_in_s)

    async def access(self, fresh: bool = False) -> AccessToken:  # noqa: FBT002 - port of the link
        """A token that is good for some seconds; ``fresh``: not the one that was just refused.

        Raises:
            SignedOutError: the server takes the refresh token no more, or there is none.
            NetError: the server can't be reached now, or what is kept on this computer can't be used now.
        """
        before = self._access
        async with self._lock:
            mine = self._access
            good = mine is not None and mine.expires_at - _SPARE_S > self._clock()
            # Somebody else refreshed while this one waited: that token is fresh enough.
            if mine is not None and good and (not fresh or mine is not before):
                return mine
            return await self._refresh()

    async def call(self, use: Callable[[str], Awaitable[T]]) -> T:
        """Make a REST call with a token, and once more with a new one where the first is refused."""
        token = await self.access()
        try:
            return await use(token.text)
        except RefusedError as problem:
            if problem.code not in {Code.UNAUTHENTICATED, Code.TOKEN_EXPIRED}:
                raise
        return await use((await self.access(fresh=True)).text)

    async def _refresh(self) -> AccessToken:
        secret = await self._secret()
        if secret is None:
            raise SignedOutError(
                QT_TRANSLATE_NOOP("services", "Sign in again: this computer no longer has your sign-in.")
            )
        try:
            tokens = await self._client.post("/auth/refresh", rest.Tokens, rest.Refresh(refresh_token=secret))
        except RefusedError as problem:
            if problem.code in _OVER:
                raise SignedOutError(
                    QT_TRANSLATE_NOOP("services", "This device was signed out. Sign in again.")
                ) from problem
            raise NetError(
                problem.template,
                code=problem.code,
                retry_after_ms=problem.retry_after_ms,
                **problem.values,
            ) from problem
        await self.adopt(tokens)
        assert self._access is not None  # noqa: S101 - adopt has set it
        return self._access

    async def _secret(self) -> str | None:
        try:
            return await self._load()
        except TimeoutError as problem:
            raise NetError(
                QT_TRANSLATE_NOOP(
                    "services", "Waiting for the keyring of this computer. Does it ask for a password?"
                )
            ) from problem
        except OSError as problem:
            raise NetError(
                QT_TRANSLATE_NOOP(
                    "services", "Your sign-in can't be read on this computer. Is its keyring locked?"
                ),
                retry_after_ms=_LOCKED_MS,
            ) from problem
