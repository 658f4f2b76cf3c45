"""What a handler says of itself for the API's documents, where its signature does not tell.

Both are the `opt` of a handler, joined with `|` where there are several.
"""

from typing import Any

from litestar.handlers import BaseRouteHandler
from msgspec import Struct

from cloud.errors import CloudError

_RAISES = "raises"
_ALSO = "also"
_SHAPES = "shapes"

JSON = "application/json"
FORM = "application/x-www-form-urlencoded"


class Shapes(Struct, frozen=True, kw_only=True):
    """Of a handler that reads its body itself, or answers with what has no type."""

    body: type[Struct] | None = None
    body_media_types: tuple[str, ...] = (JSON,)
    is_body_required: bool = True
    answer: type[Struct] | None = None
    error: type[Struct] | None = None
    """In the place of the document's own."""
    schemes: tuple[str, ...] = ()
    """Security schemes of the document, any of which or none will do."""


def raises(*errors: type[CloudError]) -> dict[str, Any]:
    """The failures that belong to this route, beside those that its signature tells."""
    return {_RAISES: errors}


def also(*statuses: int) -> dict[str, Any]:
    """Good answers of the same shape under other statuses than the handler's own."""
    return {_ALSO: statuses}


def shapes(**of: Any) -> dict[str, Any]:
    """The fields of `Shapes`."""
    return {_SHAPES: Shapes(**of)}


def errors_of(handler: BaseRouteHandler) -> tuple[type[CloudError], ...]:
    found: tuple[type[CloudError], ...] = handler.opt.get(_RAISES, ())
    return found


def other_statuses_of(handler: BaseRouteHandler) -> tuple[int, ...]:
    found: tuple[int, ...] = handler.opt.get(_ALSO, ())
    return found


def shapes_of(handler: BaseRouteHandler) -> Shapes:
    found: Shapes = handler.opt.get(_SHAPES, Shapes())
    return found
