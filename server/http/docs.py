"""``/api/docs``: the REST interface to read in a browser, without anything from elsewhere."""

from __future__ import annotations

from importlib import resources
from typing import Final

from litestar import Response, get
from litestar.openapi import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin, RedocRenderPlugin

_SCRIPT: Final = "redoc.standalone.js"


@get(f"/api/{_SCRIPT}", include_in_schema=False, sync_to_thread=True)
def docs_script() -> Response[bytes]:
    """Redoc, as it was vendored (see ``static/``)."""
    data = resources.files("server.http").joinpath("static", f"{_SCRIPT}.gz").read_bytes()
    return Response(
        data,
        media_type="text/javascript",
        headers={"Content-Encoding": "gzip", "Cache-Control": "public, max-age=86400"},
    )


def openapi_config() -> OpenAPIConfig:
    """``/api/docs`` for people, ``/api/openapi.json`` for programs."""
    return OpenAPIConfig(
        title="Parley",
        version="1",
        path="/api",
        render_plugins=[
            JsonRenderPlugin(path="/openapi.json"),
            RedocRenderPlugin(js_url=f"/api/{_SCRIPT}", google_fonts=False, path="/docs", favicon=""),
        ],
    )
