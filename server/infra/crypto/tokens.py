"""Access tokens: JWT signed with Ed25519 (RFC 9068 profile, RFC 9864 ``alg``)."""

from __future__ import annotations

from typing import Final

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import GuestProtocol, OKPKey

from common.errors import Code, ParleyError
from common.ids import is_id, new_id
from server.infra.crypto.tokenkeys import TokenKeys
from server.kernel.clock import Clock
from server.kernel.identity import Identity

_ALGORITHM: Final = "Ed25519"
_TYPE: Final = "at+jwt"
_CLAIMS: Final = ("iss", "aud", "sub", "sid", "iat", "exp", "jti")


class _UnknownKeyError(Exception):
    """It may be one of ours, made by another process."""

    def __init__(self, kid: str) -> None:
        super().__init__(kid)
        self.kid = kid


class SignedTokens:
    """Issues and verifies tokens of one server. Only our own algorithm, type and keys are looked at."""

    def __init__(self, *, keys: TokenKeys, server_id: str, clock: Clock) -> None:
        self._keys = keys
        self._server_id = server_id
        self._clock = clock

    def issue(self, *, user_id: str, device_id: str, lifetime_ms: int) -> str:
        """A token that is good from now on."""
        now = self._clock.now_ms() // 1_000
        kid, key = self._keys.current
        claims = {
            "iss": self._server_id,
            "aud": self._server_id,
            "sub": user_id,
            "sid": device_id,
            "iat": now,
            "exp": now + lifetime_ms // 1_000,
            "jti": new_id(),
        }
        header = {"alg": _ALGORITHM, "typ": _TYPE, "kid": kid}
        return jwt.encode(header, claims, key, algorithms=[_ALGORITHM])

    async def verify(self, token: str) -> Identity:
        """Its facts.

        Raises:
            ParleyError: ``unauthenticated``, or ``token_expired`` for an otherwise good one.
        """
        try:
            return self._verified(token)
        except _UnknownKeyError as unknown:
            # Another process may have made it since this one looked.
            await self._keys.look_for(unknown.kid)
        try:
            return self._verified(token)
        except _UnknownKeyError:
            raise _refused() from None

    def _verified(self, token: str) -> Identity:
        try:
            decoded = jwt.decode(token, self._key_of, algorithms=[_ALGORITHM])
        except (JoseError, ValueError, TypeError, KeyError):
            raise _refused() from None
        claims = decoded.claims
        if decoded.header.get("typ") != _TYPE or any(name not in claims for name in _CLAIMS):
            raise _refused()
        user_id, device_id, expires = claims["sub"], claims["sid"], claims["exp"]
        ours = claims["iss"] == self._server_id and claims["aud"] == self._server_id
        if not ours or not isinstance(expires, int) or not isinstance(claims["iat"], int):
            raise _refused()
        if not (
            isinstance(user_id, str) and isinstance(device_id, str) and is_id(user_id) and is_id(device_id)
        ):
            raise _refused()
        if expires * 1_000 <= self._clock.now_ms():
            raise ParleyError(Code.TOKEN_EXPIRED, "the access token has expired")
        return Identity(user_id=user_id, device_id=device_id, expires_at_s=expires)

    def _key_of(self, signature: GuestProtocol) -> OKPKey:
        """Ours, by its name; a key that the token brings along is not looked at."""
        kid = signature.headers().get("kid")
        if not isinstance(kid, str) or not kid.isdecimal():
            raise ValueError("no key of ours")
        key = self._keys.get(kid)
        if key is None:
            raise _UnknownKeyError(kid)
        return key


def _refused() -> ParleyError:
    return ParleyError(Code.UNAUTHENTICATED, "the access token is not valid")
