"""REST client, typed by the structs of ``common.protocol.rest``. httpx2 is imported at the first call."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, TypeVar

import msgspec

from common.address import Address
from common.errors import Code
from common.protocol import rest
from common.protocol.version import PRODUCT, negotiate
from desktop.net.pin import PinnedContext
from desktop.net.problems import (
    KeyChangedError,
    LostError,
    NotParleyError,
    RefusedError,
    UnreachableError,
    VersionError,
)
from desktop.net.socket import explain
from desktop.words import QT_TRANSLATE_NOOP

if TYPE_CHECKING:
    import httpcore2
    import httpx2

T = TypeVar("T")

PREFIX: Final = "/api/v1"
TIMEOUT_S: Final = 15.0
CONNECT_TIMEOUT_S: Final = 8.0
ANSWER_MAX_BYTES: Final = 16 * 1024 * 1024
_SIGNED_OUT_STATUS: Final = 401
_NOT_PARLEY: Final = QT_TRANSLATE_NOOP("services", "What answers at {where} is not a Parley server.")
_ERROR_STATUS: Final = 400


class RestClient:
    """One server. Every call raises ``NetError``; a lost reply raises ``LostError``."""

    def __init__(self, address: Address, *, context: PinnedContext | None) -> None:
        if context is None and not address.is_loopback:
            raise NotParleyError(
                QT_TRANSLATE_NOOP("services", "Parley speaks without encryption only to this computer.")
            )
        self.address = address
        self._context = context
        self._client: httpx2.AsyncClient | None = None

    async def get(self, path: str, kind: type[T], *, token: str = "", **query: str) -> T:
        """``GET /api/v1{path}``."""
        return await self._typed("GET", path, kind, token=token, params=query)

    async def send(
        self,
        method: str,
        path: str,
        body: msgspec.Struct | None = None,
        *,
        token: str = "",
    ) -> None:
        """A call whose answer does not matter."""
        await self._raw(method, path, token=token, content=_encode(body))

    async def post(
        self,
        path: str,
        kind: type[T],
        body: msgspec.Struct | None = None,
        *,
        token: str = "",
        method: str = "POST",
    ) -> T:
        """A call with a JSON body and a typed answer."""
        return await self._typed(method, path, kind, token=token, content=_encode(body))

    async def put_bytes(self, path: str, data: bytes, *, token: str, media_type: str) -> None:
        """``PUT`` of a file."""
        await self._raw("PUT", path, token=token, content=data, media_type=media_type)

    async def get_bytes(self, path: str, *, token: str) -> bytes:
        """``GET`` of a file."""
        return await self._raw("GET", path, token=token)

    def move(self, address: Address) -> None:
        """The server answers at another port now; its identity is the same."""
        self.address = address
        if self._client is not None:
            self._client.base_url = address.base_url(secure=self._context is not None)

    async def relocate(self, address: Address, context: PinnedContext | None) -> None:
        """The server is somewhere else now, perhaps spoken to under TLS for the first time."""
        await self.close()
        self._context = context
        self.address = address

    async def close(self) -> None:
        """Close idle connections."""
        if self._client is not None:
            client, self._client = self._client, None
            await client.aclose()

    async def _typed(self, method: str, path: str, kind: type[T], **options: Any) -> T:  # noqa: ANN401 - passed through to the client
        raw = await self._raw(method, path, **options)
        try:
            return msgspec.json.decode(raw, type=kind)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as problem:
            raise NotParleyError(
                QT_TRANSLATE_NOOP("services", "{where} gave an answer that is not Parley's."),
                where=self.address.netloc,
            ) from problem

    async def _raw(
        self,
        method: str,
        path: str,
        *,
        token: str = "",
        content: bytes | None = None,
        params: Mapping[str, str] | None = None,
        media_type: str = "application/json",
    ) -> bytes:
        import httpx2

        headers = {"authorization": f"Bearer {token}"} if token else {}
        if content is not None:
            headers["content-type"] = media_type
        streams: list[httpcore2.AsyncNetworkStream] = []

        async def traced(event: str, info: Mapping[str, Any]) -> None:
            if event == "connection.connect_tcp.complete":
                streams.append(info["return_value"])

        try:
            response = await self._opened().request(
                method,
                PREFIX + path,
                content=content,
                params=params,
                headers=headers,
                extensions={"trace": traced},
            )
        except asyncio.CancelledError:
            # httpcore leaves the socket open when a call is cancelled inside the TLS handshake, and a server
            # that stops waits for such a handshake.
            for stream in streams:
                await stream.aclose()
            raise
        except (httpx2.ConnectError, httpx2.ConnectTimeout) as problem:
            raise explain(problem, self.address) from problem
        except httpx2.RemoteProtocolError as problem:
            raise NotParleyError(_NOT_PARLEY, where=self.address.netloc) from problem
        except httpx2.HTTPError as problem:
            raise LostError(
                QT_TRANSLATE_NOOP(
                    "services", "The server did not answer. Check the connection and try again."
                )
            ) from problem
        if response.status_code >= _ERROR_STATUS:
            raise self._refusal(response)
        if len(response.content) > ANSWER_MAX_BYTES:
            raise NotParleyError(QT_TRANSLATE_NOOP("services", "The server's answer is too large."))
        return response.content

    def _refusal(self, response: httpx2.Response) -> RefusedError | NotParleyError | UnreachableError:
        try:
            problem = msgspec.json.decode(response.content, type=rest.Problem)
        except (msgspec.DecodeError, UnicodeDecodeError):
            if response.status_code >= 500:  # noqa: PLR2004 - a proxy whose server is away
                return UnreachableError(
                    QT_TRANSLATE_NOOP("services", "The server has a problem. Try again later.")
                )
            if response.status_code == _SIGNED_OUT_STATUS:
                return RefusedError(
                    QT_TRANSLATE_NOOP("services", "The server does not take this sign-in."),
                    code=Code.UNAUTHENTICATED,
                )
            return NotParleyError(_NOT_PARLEY, where=self.address.netloc)
        return RefusedError(problem.message, code=problem.code, retry_after_ms=problem.retry_after_ms)

    def _opened(self) -> httpx2.AsyncClient:
        import httpx2

        if self._client is None:
            self._client = httpx2.AsyncClient(
                base_url=self.address.base_url(secure=self._context is not None),
                verify=self._context if self._context is not None else False,
                trust_env=False,
                timeout=httpx2.Timeout(TIMEOUT_S, connect=CONNECT_TIMEOUT_S),
                # Calls are rare, and an idle TLS connection that nobody reads holds up a server that stops.
                limits=httpx2.Limits(max_connections=4, max_keepalive_connections=0),
                headers={"accept": "application/json"},
            )
        return self._client


def _encode(body: msgspec.Struct | None) -> bytes | None:
    return None if body is None else msgspec.json.encode(body)


async def look(address: Address) -> tuple[rest.ServerInfo, bool]:
    """Who answers at an address, before anything secret is sent, and whether over TLS.

    An address without a scheme means TLS; on this computer plain is tried first, as an embedded server on
    loopback speaks it. The identity that TLS proved must be the one that is told, and the invite's.

    Raises:
        NetError: nobody, nobody of Parley, another identity, too old or new.
    """
    from desktop.net.pin import pinned_context

    plain_first = address.secure is False or (address.secure is None and address.is_loopback)
    if plain_first:
        try:
            return _checked(await _info(RestClient(address, context=None)), address), False
        except (NotParleyError, LostError):
            if address.secure is False:
                raise
    context = pinned_context(address.server_id)
    info = await _info(RestClient(address, context=context))
    if info.server_id != context.seen:
        raise NotParleyError(
            QT_TRANSLATE_NOOP("services", "What answers at {where} shows two different identities."),
            where=address.netloc,
        )
    return _checked(info, address), True


async def _info(client: RestClient) -> rest.ServerInfo:
    try:
        return await client.get("/server", rest.ServerInfo)
    except RefusedError as problem:
        raise NotParleyError(_NOT_PARLEY, where=client.address.netloc) from problem
    finally:
        await client.close()


def _checked(info: rest.ServerInfo, address: Address) -> rest.ServerInfo:
    if info.product != PRODUCT:
        raise NotParleyError(_NOT_PARLEY, where=address.netloc)
    if address.server_id is not None and info.server_id != address.server_id:
        raise KeyChangedError(
            QT_TRANSLATE_NOOP(
                "services",
                "The invite belongs to another server than the one at {where}. Nothing was sent. "
                "Ask for a new invite.",
            ),
            where=address.netloc,
        )
    if negotiate(info.versions) is None:
        newer = min(info.versions, default=0) > 1
        raise VersionError(
            QT_TRANSLATE_NOOP(
                "services", "The server is newer than this program. Update Parley on this computer."
            )
            if newer
            else QT_TRANSLATE_NOOP(
                "services", "The server is older than this program. Ask whoever runs it to update it."
            )
        )
    return info
