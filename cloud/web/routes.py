"""The table of contents of the pages, and what they answer when something is refused."""

from typing import Any

from litestar import MediaType, Request, Response, Router, get
from litestar.di import Provide

from cloud.kit.http import error_parts
from cloud.web import (
    api_routes,
    consent_routes,
    developer_routes,
    e2ee_routes,
    sandbox_routes,
    sign_in_routes,
    webhook_routes,
)
from cloud.web.pages import FOLDER, page, sent_to
from cloud.web.visitor import SignInNeeded, form_of, member_of, sign_in_address, visitor_of

STYLE = (FOLDER / "style.css").read_text(encoding="utf-8")


@get("/web/style.css", status_code=200, include_in_schema=False)
async def style() -> Response[str]:
    return Response(
        STYLE,
        media_type=MediaType.CSS,
        headers={"Cache-Control": "max-age=300", "X-Content-Type-Options": "nosniff"},
    )


def render_error(_request: Request[Any, Any, Any], error: Exception) -> Response[Any]:
    """Any exception as a page; whoever must sign in first is led there and back."""
    if isinstance(error, SignInNeeded):
        return sent_to(sign_in_address(error.back))
    status, message, headers = error_parts(error)
    answer = page("error.html", status_code=status, title="That did not work", message=message)
    answer.headers.update(dict(headers))
    return answer


DEPENDENCIES = {
    "visitor": Provide(visitor_of),
    "member": Provide(member_of, sync_to_thread=False),
    "form": Provide(form_of),
}
"""By the parameter name under which pages ask for it."""

ROUTES: list[Router] = [
    Router(
        path="/",
        route_handlers=[
            style,
            *api_routes.ROUTES,
            *e2ee_routes.ROUTES,
            *sign_in_routes.ROUTES,
            *consent_routes.ROUTES,
            *developer_routes.ROUTES,
            *webhook_routes.ROUTES,
            *sandbox_routes.ROUTES,
        ],
        dependencies=DEPENDENCIES,
        exception_handlers={Exception: render_error},
    ),
]
