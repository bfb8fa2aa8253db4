"""The Litestar application: who asks, how errors are told, what is public."""

from __future__ import annotations

import hmac
import ipaddress
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import structlog
from litestar import Litestar, MediaType, Request, Response, Router, get
from litestar.di import Provide
from litestar.exceptions import HTTPException
from litestar.types import ControllerRouterHandler

from common.errors import HTTP_STATUS, Code, ParleyError
from common.protocol.rest import Problem, ServerInfo
from server.http.docs import docs_script, openapi_config
from server.kernel.allowance import Allowances
from server.kernel.identity import Authenticator, Identity
from server.kernel.readiness import Report

log: Final = structlog.get_logger(__name__)

_BODY_MAX_BYTES: Final = 1024 * 1024
_BEARER: Final = "Bearer "
_CODES: Final = {
    400: Code.BAD_FIELD,
    401: Code.UNAUTHENTICATED,
    403: Code.FORBIDDEN,
    404: Code.NOT_FOUND,
    405: Code.UNSUPPORTED,
    413: Code.TOO_LARGE,
}


@dataclass(frozen=True, slots=True)
class MetricsPage:
    """The text of ``/metrics``, and the ``token`` with which it may be read from elsewhere, if any."""

    text: Callable[[], Awaitable[bytes]]
    token: str = ""

    def open_to(self, address: str, authorization: str) -> bool:
        """Whether one from there, with this header, may read it."""
        if ipaddress.ip_address(address).is_loopback:
            return True
        given = authorization.removeprefix(_BEARER) if authorization.startswith(_BEARER) else ""
        return bool(self.token) and hmac.compare_digest(given.encode(), self.token.encode())


def make_app(
    *,
    authenticator: Authenticator,
    allowances: Allowances,
    info: Callable[[], Awaitable[ServerInfo]],
    metrics: MetricsPage,
    ready: Callable[[], Awaitable[Report]],
    routes: Sequence[ControllerRouterHandler],
    services: Mapping[str, object],
) -> Litestar:
    """``services`` are injected into handlers by their names; ``ready`` what is missing.

    ``identity`` is who asks, and costs a request of their allowance; a handler whose call is told to others
    takes ``author`` instead, which costs a message as well.
    """

    async def identity(request: Request[Any, Any, Any]) -> Identity:
        header = request.headers.get("Authorization", "")
        if not header.startswith(_BEARER):
            raise ParleyError(Code.UNAUTHENTICATED, "an access token is missing")
        found = await authenticator.authenticate(header.removeprefix(_BEARER))
        allowances.request(found.user_id)
        return found

    async def author(identity: Identity) -> Identity:
        allowances.message(identity.user_id)
        return identity

    @get("/server", tags=["server"])
    async def server() -> ServerInfo:
        """Who this is and how to get in; public."""
        return await info()

    @get("/healthz", media_type=MediaType.TEXT, include_in_schema=False)
    async def healthz() -> str:
        """The process answers."""
        return "ok"

    @get("/readyz", media_type=MediaType.TEXT, include_in_schema=False)
    async def readyz() -> Response[str]:
        """It can serve, or what is missing, a line each."""
        report = await ready()
        if report.missing:
            return Response("\n".join(report.missing), status_code=503)
        return Response("\n".join(["ok", *(f"degraded: {line}" for line in report.degraded)]))

    @get("/metrics", media_type=MediaType.TEXT, include_in_schema=False)
    async def metrics_page(client_address: str, request: Request[Any, Any, Any]) -> bytes:
        """For this machine, and whoever has the token."""
        if not metrics.open_to(client_address, request.headers.get("Authorization", "")):
            raise ParleyError(Code.NOT_FOUND, "there is no such address")
        return await metrics.text()

    provided = {name: Provide(_giver(service), sync_to_thread=False) for name, service in services.items()}
    return Litestar(
        route_handlers=[
            Router("/api/v1", route_handlers=[server, *routes]),
            healthz,
            readyz,
            metrics_page,
            docs_script,
        ],
        dependencies={
            **provided,
            "identity": Provide(identity),
            "author": Provide(author),
            "client_address": Provide(_client_address, sync_to_thread=False),
        },
        exception_handlers={
            ParleyError: _refusal,
            HTTPException: _http_refusal,
            Exception: _unexpected,
        },
        openapi_config=openapi_config(),
        request_max_body_size=_BODY_MAX_BYTES,
        logging_config=None,
    )


def _giver(service: object) -> Callable[[], Any]:
    def give() -> Any:  # noqa: ANN401 - handlers name the type
        return service

    return give


def _client_address(request: Request[Any, Any, Any]) -> str:
    return request.client.host if request.client else "0.0.0.0"  # noqa: S104 - an address to count by, none to bind


def _refusal(_: Request[Any, Any, Any], why: ParleyError) -> Response[Problem]:
    headers = {}
    if why.retry_after_ms is not None:
        headers["Retry-After"] = str(max(1, -(-why.retry_after_ms // 1_000)))
    problem = Problem(why.code, why.message, why.retry_after_ms)
    return Response(problem, status_code=HTTP_STATUS[why.code], headers=headers)


def _http_refusal(_: Request[Any, Any, Any], why: HTTPException) -> Response[Problem]:
    code = _CODES.get(why.status_code, Code.BAD_FIELD if why.status_code < 500 else Code.INTERNAL)  # noqa: PLR2004 - HTTP
    message = why.detail
    if isinstance(why.extra, list) and why.extra:
        message = "; ".join(str(item.get("message", item)) for item in why.extra if isinstance(item, dict))
    return Response(Problem(code, message[:500]), status_code=why.status_code)


def _unexpected(request: Request[Any, Any, Any], why: Exception) -> Response[Problem]:
    log.error("request_failed", path=request.url.path, exc_info=why)
    return Response(Problem(Code.INTERNAL, "the server could not do this"), status_code=500)
