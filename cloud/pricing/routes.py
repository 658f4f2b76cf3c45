"""The price in force and its history."""

from typing import Any

from litestar import Response, get
from litestar.di import NamedDependency
from litestar.handlers import BaseRouteHandler

from cloud.identity.model import Person
from cloud.kit.http import MadeJson
from cloud.kit.paging import LIMIT_MAX, PageLimit, PageNumber
from cloud.pricing.service import Pricing


@get("/api/v1/market/price", status_code=200)
async def market_price(person: NamedDependency[Person], pricing: NamedDependency[Pricing]) -> Response[Any]:  # noqa: ARG001  the guard
    """The price in force with its factors."""
    return MadeJson(await pricing.current_json())


@get("/api/v1/ledger/price-history", status_code=200)
async def price_history(
    pricing: NamedDependency[Pricing], page: PageNumber = 1, limit: PageLimit = LIMIT_MAX
) -> dict[str, Any]:
    """Prices with all factors, newest first; `count` is that of the page."""
    prices = await pricing.history(page=page, limit=limit)
    return {"prices": [price.shown() for price in prices], "count": len(prices)}


ROUTES: list[BaseRouteHandler] = [market_price, price_history]
