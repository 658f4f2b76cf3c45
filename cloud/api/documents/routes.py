"""Where the documents are: OpenAPI for every family, and the same as a Postman collection."""

import threading
from functools import cached_property
from typing import Any

import msgspec
from litestar import Litestar, Request, Response, Router, get
from litestar.handlers import HTTPRouteHandler

from cloud.api.documents.compose import Json, compose
from cloud.api.documents.family import FAMILIES
from cloud.api.documents.postman import collection
from cloud.errors import NotFound
from cloud.identity.scope_guard import PUBLIC
from cloud.kit.etag import ConditionalReads

STATE = "documents"
"""Under this name the application's state holds its `Documents`."""


class Documents:
    """Composed when first asked for, then kept."""

    def __init__(self, app: Litestar, base_url: str) -> None:
        self._app = app
        self._base_url = base_url
        self._composing = threading.Lock()

    def at(self, path: str) -> bytes:
        return self._rendered[path]

    @cached_property
    def _rendered(self) -> dict[str, bytes]:
        """By path."""
        found: dict[str, bytes] = {}
        with self._composing:  # Litestar's own description is made once for all threads
            for family in FAMILIES:
                document: Json = compose(self._app, family, self._base_url)
                found[family.path] = msgspec.json.encode(document)
                found[family.postman_path] = msgspec.json.encode(collection(document, self._base_url))
        return found


def _handler(path: str) -> HTTPRouteHandler:
    @get(path, include_in_schema=False, name=path, sync_to_thread=True, opt=PUBLIC)
    def handler(request: Request[Any, Any, Any]) -> Response[bytes]:
        documents: Documents = request.app.state[STATE]
        return Response(documents.at(path), media_type="application/json")

    return handler


def _elsewhere(*_: object) -> None:
    raise NotFound(f"the documents of the API are at {', '.join(family.path for family in FAMILIES)}")


LITESTARS_OWN = Router("/schema", route_handlers=[], include_in_schema=False, guards=[_elsewhere])
"""What Litestar would tell by itself: of one error body for all, which is nobody's."""

ROUTES: list[Router] = [
    Router(
        path="/",
        route_handlers=[_handler(path) for family in FAMILIES for path in (family.path, family.postman_path)],
        middleware=[ConditionalReads()],
    )
]
