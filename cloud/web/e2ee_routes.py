"""The script with which a browser seals and reads what the service cannot (docs/encryption.md)."""

import hashlib
from functools import cache
from pathlib import Path
from typing import Any

from litestar import Request, Response, get
from litestar.handlers import BaseRouteHandler

from cloud.kit.etag import NOT_MODIFIED, is_known

SCRIPT = Path(__file__).parent / "e2ee" / "lumen-e2ee.js"
_JAVASCRIPT = "text/javascript"


@cache
def _script() -> tuple[bytes, str]:
    """The script and its tag."""
    content = SCRIPT.read_bytes()
    return content, f'"{hashlib.sha256(content).hexdigest()[:32]}"'


@get("/assets/lumen-e2ee.js", status_code=200, include_in_schema=False)
async def e2ee_script(request: Request[Any, Any, Any]) -> Response[bytes]:
    """An ES module."""
    content, tag = _script()
    headers = {"Cache-Control": "no-cache", "ETag": tag, "X-Content-Type-Options": "nosniff"}
    if is_known(tag, request.headers.get("if-none-match", "")):
        return Response(b"", status_code=NOT_MODIFIED, headers=headers, media_type=_JAVASCRIPT)
    return Response(content, headers=headers, media_type=_JAVASCRIPT)


ROUTES: list[BaseRouteHandler] = [e2ee_script]
