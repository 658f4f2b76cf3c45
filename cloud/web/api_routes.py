"""Pages that show the documents of the API, and let people try it. They work with the internet cut.

Swagger UI and ReDoc come out of an installed package; nothing of them is in this tree. They write styles
into the page themselves, so that these pages allow inline styles; scripts are this service's files alone.
"""

import hashlib
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from litestar import MediaType, Request, Response, get
from litestar.handlers import BaseRouteHandler
from msgspec import Struct

from cloud.kit.etag import NOT_MODIFIED, is_known
from cloud.web.pages import FOLDER, page

JAVASCRIPT = "text/javascript"
ASSETS = "/web/api"
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:;"
    " font-src 'self' data:; connect-src 'self'; worker-src blob:; base-uri 'none'; form-action 'none';"
    " frame-ancestors 'none'"
)


class Shown(Struct, frozen=True):
    """A document that the pages can show."""

    name: str
    url: str


PLATFORM = Shown("Terra Lumina: investments", "/v1/openapi.json")
FINANCE = Shown("LUMEN: personal finance", "/api/openapi.json")
ENERGY = Shown("Energy network", "/iot/openapi.json")


class _Asset(Struct, frozen=True):
    content: bytes
    media_type: str
    tag: str


def _package_folder() -> Path:
    """Where the package with the pages' programs is; it is not imported, for that reads all of it."""
    spec = find_spec("offapi")
    if spec is None or spec.origin is None:
        raise RuntimeError("the package offapi is missing: install lumengrid[cloud]")
    return Path(spec.origin).parent


_FILES = {
    "swagger-ui.css": ("swagger_style.css", MediaType.CSS.value),
    "swagger-ui.js": ("swagger_bundle.js", JAVASCRIPT),
    "redoc.js": ("redoc.js", JAVASCRIPT),
}
_OWN = {"explore.js": JAVASCRIPT, "read.js": JAVASCRIPT, "api.css": MediaType.CSS.value}


@cache
def _asset(name: str) -> _Asset:
    if name in _OWN:
        content, media_type = (FOLDER / "api" / name).read_bytes(), _OWN[name]
    else:
        file, media_type = _FILES[name]
        content = (_package_folder() / file).read_bytes()
    return _Asset(content, media_type, f'"{hashlib.sha256(content).hexdigest()[:32]}"')


@get([f"{ASSETS}/{name}" for name in (*_FILES, *_OWN)], status_code=200, include_in_schema=False)
async def asset(request: Request[Any, Any, Any]) -> Response[bytes]:
    found = _asset(request.url.path.rpartition("/")[2])
    headers = {"Cache-Control": "no-cache", "ETag": found.tag, "X-Content-Type-Options": "nosniff"}
    if is_known(found.tag, request.headers.get("if-none-match", "")):
        return Response(b"", status_code=NOT_MODIFIED, headers=headers, media_type=found.media_type)
    return Response(found.content, headers=headers, media_type=found.media_type)


def _explorer(first: Shown, *others: Shown) -> Response[str]:
    return page("api_explorer.html", policy=_POLICY, documents=[first, *others])


@get("/docs", status_code=200, include_in_schema=False)
async def platform_explorer() -> Response[str]:
    """Of the investment platform."""
    return _explorer(PLATFORM, FINANCE, ENERGY)


@get("/api/docs", status_code=200, include_in_schema=False)
async def finance_explorer() -> Response[str]:
    """Of LUMEN."""
    return _explorer(FINANCE, ENERGY, PLATFORM)


@get("/api/redoc", status_code=200, include_in_schema=False)
async def finance_reference() -> Response[str]:
    """To be read."""
    return page("api_reference.html", policy=_POLICY, document=FINANCE)


ROUTES: list[BaseRouteHandler] = [asset, platform_explorer, finance_explorer, finance_reference]
