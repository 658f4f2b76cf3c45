"""The investment platform's API: its table of contents, its error body and what every answer carries.

Errors are `{"error": {"code", "message", "details", "request_id"}}`; being over the limit has the body that
the document gives for it. The OAuth endpoints answer as RFC 6749 says.
"""

import re
from collections.abc import Iterable, Sequence
from typing import Any

from authlib.oauth2.rfc6749 import OAuth2Error
from litestar import Request, Response, Router, route
from litestar.enums import HttpMethod
from litestar.exceptions import HTTPException, ValidationException
from litestar.handlers import BaseRouteHandler, HTTPRouteHandler
from litestar.types import Message, Scope

from cloud.distributions import routes as distributions
from cloud.errors import BadParameter, CloudError, InvalidFields, NotFound, RateLimited
from cloud.identity import user_routes
from cloud.identity.oauth import routes as oauth
from cloud.identity.scope_guard import DEPENDENCIES, PUBLIC, ScopeGuard
from cloud.investments import routes as investments
from cloud.kit.etag import ConditionalReads
from cloud.kit.fields import FieldsBody
from cloud.kit.http import JsonResponse, error_parts, header_of
from cloud.kit.served import parts_of
from cloud.kyc import routes as kyc_routes
from cloud.portfolio import routes as portfolio
from cloud.projects import operator_routes as project_operators
from cloud.projects import routes as projects
from cloud.realtime import platform_routes
from cloud.webhooks import routes as webhooks
from shared.clock import Clock
from shared.ids import new_id

PREFIX = "/v1"
REQUEST_ID = "request_id"
"""Under this name a connection's state holds the id of its request."""

_SANE_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_CODES = {
    400: "INVALID_REQUEST",
    401: "AUTHENTICATION_REQUIRED",
    403: "INSUFFICIENT_PERMISSIONS",
    404: "RESOURCE_NOT_FOUND",
    405: "INVALID_REQUEST",
    409: "VALIDATION_ERROR",
    413: "INVALID_REQUEST",
    415: "INVALID_REQUEST",
    422: "VALIDATION_ERROR",
    503: "SERVICE_UNAVAILABLE",
}
"""The document names none for a failure of ours: its clients tell those by the status."""
_INTERNAL = "INTERNAL_ERROR"


def is_ours(scope: Scope) -> bool:
    """Whether the path is this document's."""
    return scope["path"] == PREFIX or scope["path"].startswith(f"{PREFIX}/")


def render_error(request: Request[Any, Any, Any], error: Exception) -> Response[dict[str, Any]]:
    """Any exception in the document's shape."""
    status, message, headers = error_parts(error)
    shown: dict[str, Any]
    if isinstance(error, RateLimited):
        shown = {
            "code": "RATE_LIMIT_EXCEEDED",
            "message": f"Rate limit exceeded. Please try again in {error.retry_after_s} seconds.",
            "retry_after": error.retry_after_s,
        }
    else:
        shown = {
            "code": (error.code if isinstance(error, CloudError) else None) or _CODES.get(status, _INTERNAL),
            "message": message,
            "details": _details(error),
            "request_id": request_id(request.scope, parts_of(request).clock),
        }
    headers = dict(headers) | ({"WWW-Authenticate": "Bearer"} if status == 401 else {})  # noqa: PLR2004
    return JsonResponse({"error": shown}, status_code=status, headers=headers, media_type="application/json")


def _details(error: Exception) -> dict[str, str]:
    if isinstance(error, BadParameter):
        return {error.name: error.problem}
    if isinstance(error, ValidationException) and isinstance(error.extra, list):
        return {str(one["key"]): str(one["message"]) for one in error.extra if one.get("source") == "query"}
    if not isinstance(error, InvalidFields):
        return {}
    return {field: "; ".join(problems) for field, problems in error.details.items()}


def request_id(scope: Scope, clock: Clock) -> str:
    """The caller's own id where it is a sane one, else a new one; the same for the whole request."""
    state = scope["state"]
    if REQUEST_ID not in state:
        sent = header_of(scope, "x-request-id") or ""
        state[REQUEST_ID] = sent if _SANE_ID.fullmatch(sent) else new_id("req", clock)
    found: str = state[REQUEST_ID]
    return found


class AnswerHeaders:
    """What every answer of this API carries beside its limits."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    async def add(self, message: Message, scope: Scope) -> None:
        """Litestar's `before_send` hook."""
        if message["type"] != "http.response.start" or not is_ours(scope):
            return
        headers = [*message["headers"], (b"x-request-id", request_id(scope, self._clock).encode())]
        if not any(name == b"cache-control" for name, _ in headers):
            headers += [(b"cache-control", b"private, no-cache"), (b"vary", b"Authorization, X-API-Key")]
        message["headers"] = headers


@route(
    ["/v1", "/v1/{rest:path}"],
    http_method=[method for method in HttpMethod if method != HttpMethod.OPTIONS],
    include_in_schema=False,
    opt=PUBLIC,
)
async def nothing_here() -> None:
    """An unknown path is counted and answered like a known one."""
    raise NotFound("no such path")


def other_methods(handlers: Iterable[BaseRouteHandler]) -> list[HTTPRouteHandler]:
    """For each path the methods it does not have, so that those are counted and answered in our shape too."""
    methods: dict[str, set[str]] = {}
    for handler in handlers:
        if isinstance(handler, HTTPRouteHandler):
            for path in handler.paths:
                methods.setdefault(path, set()).update(handler.http_methods)
    return [_refusing(path, sorted(known)) for path, known in sorted(methods.items())]


def _refusing(path: str, known: list[str]) -> HTTPRouteHandler:
    allowed = ", ".join(known)
    others = [method for method in HttpMethod if method not in {*known, HttpMethod.OPTIONS}]

    @route(path, http_method=others, include_in_schema=False, opt=PUBLIC, name=f"not allowed {path}")
    async def not_allowed() -> None:
        raise HTTPException(status_code=405, detail=f"allowed here: {allowed}", headers={"Allow": allowed})

    return not_allowed


_HANDLERS: list[BaseRouteHandler] = [
    *oauth.ROUTES,
    *user_routes.ROUTES,
    *kyc_routes.ROUTES,
    *projects.ROUTES,
    *project_operators.ROUTES,
    *investments.ROUTES,
    *portfolio.ROUTES,
    *distributions.ROUTES,
    *webhooks.ROUTES,
    *platform_routes.ROUTES,
]


def routes(more: Sequence[BaseRouteHandler] = ()) -> list[Router]:
    """The whole API, and what is there beside it."""
    handlers = [*_HANDLERS, *more]
    return [
        Router(
            path="/",
            route_handlers=[*handlers, *other_methods(handlers), nothing_here],
            middleware=[ConditionalReads(), ScopeGuard()],
            dependencies=DEPENDENCIES,
            exception_handlers={OAuth2Error: oauth.render_oauth_error, Exception: render_error},
            dto=FieldsBody,
        )
    ]


ROUTES = routes()
