"""Around the REST application: each request has an id and is measured, whatever becomes of it."""

from __future__ import annotations

import re
import time
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Final

import structlog

from common.ids import new_id

log: Final = structlog.get_logger(__name__)

REQUEST_ID: Final = "X-Request-Id"
_HEADER: Final = REQUEST_ID.lower().encode()
_SANE: Final = re.compile(rb"[A-Za-z0-9._:/+=@-]{1,128}")
_NO_ROUTE: Final = "none"
_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_OTHER: Final = "other"
_UNSENT: Final = 500

_Message = MutableMapping[str, Any]
_Receive = Callable[[], Awaitable[_Message]]
_Send = Callable[[_Message], Awaitable[None]]
Application = Callable[[Any, Any, Any], Awaitable[None]]
"""ASGI 3."""
RequestTook = Callable[[str, str, int, float], None]
"""Told of each request: its method, the template of its route, the status of the answer, seconds.

Methods and routes are of a bounded number, whatever is asked for.
"""


def _nobody(_: str, __: str, ___: int, ____: float) -> None:
    """Nobody is told."""


class Observed:
    """``app`` with an ``X-Request-Id`` on every answer: the caller's own where it can be one, or a new one.

    While a request is handled its id is in every event that is logged.
    """

    def __init__(self, app: Application, *, took: RequestTook = _nobody) -> None:
        self._app = app
        self._took = took

    async def __call__(self, scope: _Message, receive: _Receive, send: _Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = _request_id(scope)
        header = (_HEADER, request_id.encode())
        status = _UNSENT

        async def answer(message: _Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message["headers"], header]
            await send(message)

        began = time.perf_counter()
        with structlog.contextvars.bound_contextvars(request_id=request_id):
            try:
                await self._app(scope, receive, answer)
            finally:
                seconds = time.perf_counter() - began
                route = _route(scope)
                method = scope["method"] if scope["method"] in _METHODS else _OTHER
                self._took(method, route, status, seconds)
                # The template and not the path: that may hold a code.
                log.debug("request", method=method, route=route, status=status, ms=round(seconds * 1_000, 3))


def _request_id(scope: _Message) -> str:
    for name, value in scope["headers"]:
        if name == _HEADER and _SANE.fullmatch(value):
            return str(value.decode())
    return new_id()


def _route(scope: _Message) -> str:
    """Litestar leaves it in the scope once it has found one."""
    return str(scope.get("path_template") or _NO_ROUTE)
