"""The price in force and its history."""

from typing import Annotated, Any

from litestar import get
from litestar.handlers import BaseRouteHandler
from msgspec import Meta

from cloud.identity.model import Person
from cloud.pricing.service import Pricing

PageNumber = Annotated[int, Meta(ge=1, le=1_000_000)]
PageSize = Annotated[int, Meta(ge=1, le=500)]


@get("/api/v1/market/price", status_code=200)
async def market_price(person: Person, pricing: Pricing) -> dict[str, Any]:  # noqa: ARG001  the guard
    """The price in force with its factors."""
    return (await pricing.current()).shown()


@get("/api/v1/ledger/price-history", status_code=200)
async def price_history(pricing: Pricing, page: PageNumber = 1, limit: PageSize = 100) -> dict[str, Any]:
    """Prices with all factors, newest first."""
    prices = await pricing.history(limit=limit, offset=(page - 1) * limit)
    return {"prices": [price.shown() for price in prices], "count": len(prices)}


ROUTES: list[BaseRouteHandler] = [market_price, price_history]
