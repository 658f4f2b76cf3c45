"""The energy network's API: its table of contents and its error body, `{"error": "…"}`."""

from typing import Any

from litestar import Request, Response
from litestar.handlers import BaseRouteHandler

from cloud.analytics import routes as analytics
from cloud.audit import routes as audit
from cloud.defi import routes as defi
from cloud.depin import routes as depin
from cloud.devices import routes as devices
from cloud.grid import routes as grid
from cloud.identity import routes as identity
from cloud.identity import web_auth_routes
from cloud.kit.http import JsonResponse, error_parts
from cloud.ledger import routes as ledger
from cloud.market import routes as market
from cloud.network import routes as network
from cloud.pricing import routes as pricing
from cloud.realtime import routes as realtime
from cloud.stellar import routes as stellar
from cloud.tokens import routes as tokens
from cloud.tokens import withdrawal_routes

ROUTES: list[BaseRouteHandler] = [
    *identity.ROUTES,
    *web_auth_routes.ROUTES,
    *network.ROUTES,
    *devices.ROUTES,
    *depin.ROUTES,
    *defi.ROUTES,
    *market.ROUTES,
    *pricing.ROUTES,
    *ledger.ROUTES,
    *stellar.ROUTES,
    *tokens.ROUTES,
    *withdrawal_routes.ROUTES,
    *grid.ROUTES,
    *audit.ROUTES,
    *analytics.ROUTES,
    *realtime.ROUTES,
]


def render_error(_request: Request[Any, Any, Any], error: Exception) -> Response[dict[str, str]]:
    """Any exception in the document's shape."""
    status, message, headers = error_parts(error)
    return JsonResponse(
        {"error": message}, status_code=status, headers=dict(headers), media_type="application/json"
    )
