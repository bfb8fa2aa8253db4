"""The REST calls of the application as Litestar knows them: found, not listed, so that a new one is there."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from types import ModuleType, SimpleNamespace
from typing import Any, Final, cast

from litestar.handlers import HTTPRouteHandler

import server
from server.http.app import make_app
from server.kernel.identity import Identity

PREFIX: Final = "/api/v1"
_BY_OTHERS: Final = ("identity", "author", "client_address")


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One REST call."""

    method: str
    path: str
    summary: str
    status: int
    public: bool
    body: object
    """A struct, or None."""
    body_media: tuple[str, ...]
    """Content types of a body that is no JSON."""
    answer: object
    """A struct, ``list[struct]``, or None."""
    answer_media: tuple[str, ...]
    query: tuple[dict[str, Any], ...]
    """Query parameters, as OpenAPI has them."""

    @property
    def key(self) -> str:
        """``POST /auth/login``."""
        return f"{self.method} {self.path.removeprefix(PREFIX)}"


def calls() -> list[Call]:
    """Every call under ``/api/v1``, in the order of their paths."""
    controllers = list(_controllers())
    app = make_app(
        # Nothing is called: the application is only looked at.
        authenticator=cast("Any", SimpleNamespace()),
        allowances=cast("Any", SimpleNamespace()),
        info=cast("Any", SimpleNamespace()),
        metrics=cast("Any", SimpleNamespace()),
        ready=cast("Any", SimpleNamespace()),
        routes=[route for module in controllers for route in module.routes()],
        services=dict.fromkeys(_services(controllers), None),
    )
    schema = app.openapi_schema.to_schema()
    found = []
    for route in app.routes:
        described = schema["paths"].get(route.path_format, {})
        for handler in getattr(route, "route_handlers", ()):
            for method in sorted(handler.http_methods):
                operation = described.get(method.lower())
                if operation is not None:
                    found.append(_call(method, route.path_format, handler, operation))
    return sorted(found, key=lambda call: (call.path, call.method))


def _controllers() -> Iterator[ModuleType]:
    """Each context that has a ``controller`` with ``routes``."""
    for context in pkgutil.iter_modules(server.__path__):
        name = f"server.{context.name}.controller"
        if context.ispkg and find_spec(name) is not None:
            module = importlib.import_module(name)
            if hasattr(module, "routes"):
                yield module


def _services(controllers: list[ModuleType]) -> set[str]:
    """The names under which handlers ask for objects of the server."""
    classes = [
        cls
        for module in controllers
        for _, cls in inspect.getmembers(module, inspect.isclass)
        if cls.__module__.startswith(module.__name__)
    ]
    return {
        name
        for cls in classes
        for handler in vars(cls).values()
        for name, kind in getattr(getattr(handler, "fn", None), "__annotations__", {}).items()
        if name not in {*_BY_OTHERS, "return", "data"} and _is_ours(kind, cls)
    }


def _is_ours(kind: object, cls: type) -> bool:
    if isinstance(kind, str):
        kind = vars(importlib.import_module(cls.__module__)).get(kind)
    return inspect.isclass(kind) and kind.__module__.startswith("server.") and kind is not Identity


def _call(method: str, path: str, handler: HTTPRouteHandler, operation: dict[str, Any]) -> Call:
    body = None if handler.parsed_data_field is None else handler.parsed_data_field.annotation
    answer = handler.parsed_return_field.annotation
    asked = operation.get("requestBody", {}).get("content", {})
    given = operation["responses"].get(str(handler.status_code), {}).get("content", {})
    return Call(
        method=method,
        path=path,
        summary=" ".join((handler.fn.__doc__ or "").split()).replace("``", "`"),
        status=handler.status_code,
        public=not {"identity", "author"} & handler.parsed_fn_signature.parameters.keys(),
        body=body,
        body_media=tuple(media for media in asked if media != "application/json"),
        answer=None if answer is type(None) else answer,
        answer_media=tuple(media for media in given if media != "application/json"),
        query=tuple(one for one in operation.get("parameters", ()) if one["in"] == "query"),
    )
