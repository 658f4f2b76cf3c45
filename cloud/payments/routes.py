"""Where providers of payments tell their news."""

from typing import Any

from litestar import Request, post
from litestar.di import NamedDependency
from litestar.exceptions import HTTPException
from litestar.handlers import BaseRouteHandler

from cloud.errors import NotFound
from cloud.payments.service import Payments
from cloud.payments.stripe import STRIPE


@post("/webhooks/stripe", status_code=204, include_in_schema=False)
async def stripe_webhook(request: Request[Any, Any, Any], payments: NamedDependency[Payments]) -> None:
    """Answered once it is stored with all that it changed; Stripe repeats it until then."""
    if payments.provider != STRIPE:
        raise NotFound("no such path")
    if request.content_type[0] != "application/json":
        raise HTTPException(status_code=415, detail="Content-Type: must be application/json")
    await payments.take(dict(request.headers), await request.body())


ROUTES: list[BaseRouteHandler] = [stripe_webhook]
