"""LUMEN's API: its table of contents and its error body.

The body has what the energy network's has (`error`) and more, so it also serves whoever asks `/api/v1` for
what is not there, and a sign-in that does not tell whose it is.
"""

from http import HTTPStatus
from typing import Any

from litestar import Request, Response, Router
from litestar.exceptions import ValidationException

from cloud.api import stelltron, terra_lumina
from cloud.errors import InvalidFields
from cloud.finance.anomalies import routes as anomalies
from cloud.finance.chat import routes as chat
from cloud.finance.duplicates import routes as duplicates
from cloud.finance.ingest import routes as ingest
from cloud.finance.ingest.gmail import routes as gmail
from cloud.finance.ingest.whatsapp import routes as whatsapp
from cloud.finance.sealed import routes as sealed
from cloud.finance.transactions import routes as transactions
from cloud.identity import email_routes, link_routes, password_routes
from cloud.identity import routes as identity
from cloud.kit.fields import FieldsBody
from cloud.kit.http import JsonResponse, error_parts
from cloud.kit.served import parts_of
from shared.clock import Clock, rfc3339
from shared.units import MICROS_PER_SECOND

_CATEGORIES = {401: "Unauthorized", 422: "Validation Error"}
"""Where the document's word is not HTTP's."""


def render_error(request: Request[Any, Any, Any], error: Exception) -> Response[dict[str, Any]]:
    """Any exception in the document's shape."""
    status, message, headers = error_parts(error)
    clock: Clock = parts_of(request).clock
    body: dict[str, Any] = {
        "error": _CATEGORIES.get(status) or HTTPStatus(status).phrase,
        "message": message,
        "timestamp": rfc3339(clock.now_us() // MICROS_PER_SECOND * MICROS_PER_SECOND),
    }
    if isinstance(error, InvalidFields):
        body["details"] = error.details
    if isinstance(error, ValidationException) and (details := _parameters(error)):
        status = 422
        body |= {"error": _CATEGORIES[422], "message": InvalidFields.MESSAGE, "details": details}
    return JsonResponse(body, status_code=status, headers=dict(headers), media_type="application/json")


def _parameters(error: ValidationException) -> dict[str, list[str]]:
    """What is wrong with each parameter of the address; nothing where it is the body that is wrong."""
    problems = error.extra if isinstance(error.extra, list) else []
    return {
        problem["key"]: [problem.get("message", "Invalid")]
        for problem in problems
        if isinstance(problem, dict) and problem.get("source") in {"query", "path"} and "key" in problem
    }


def render_sign_in_error(request: Request[Any, Any, Any], error: Exception) -> Response[dict[str, Any]]:
    """In the shape of the document whose form the body has; LUMEN's where it has neither or both."""
    if request.scope["state"].get(identity.SIGN_IN_BY) == "wallet":
        return stelltron.render_error(request, error)
    return render_error(request, error)


def render_any_error(request: Request[Any, Any, Any], error: Exception) -> Response[dict[str, Any]]:
    """For the whole service: routes that are another document's bring their own."""
    if terra_lumina.is_ours(request.scope):
        return terra_lumina.render_error(request, error)
    if "route_handler" not in request.scope and request.scope["path"].startswith("/api/v1/"):
        return render_error(request, error)
    return stelltron.render_error(request, error)


ROUTES: list[Router] = [
    Router(
        path="/",
        route_handlers=[
            *email_routes.ROUTES,
            *link_routes.ROUTES,
            *password_routes.ROUTES,
            *anomalies.ROUTES,
            *chat.ROUTES,
            *duplicates.ROUTES,
            *transactions.ROUTES,
            *ingest.ROUTES,
            *sealed.ROUTES,
            *gmail.ROUTES,
            *whatsapp.ROUTES,
        ],
        exception_handlers={Exception: render_error},
        dto=FieldsBody,
    ),
    Router(path="/", route_handlers=identity.SHARED, exception_handlers={Exception: render_sign_in_error}),
]
