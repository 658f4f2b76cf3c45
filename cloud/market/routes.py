"""The market's routes: open orders and the prices of the last trades."""

from decimal import Decimal
from zoneinfo import ZoneInfo

from litestar import get
from litestar.di import NamedDependency
from litestar.handlers import BaseRouteHandler
from msgspec import Struct

from cloud.identity.model import Person
from cloud.market.model import OrderStatus, Side, show_lots, show_price_ticks
from cloud.market.service import Market
from cloud.settings import Settings
from shared.clock import from_micros, rfc3339


class OrderOut(Struct, frozen=True, kw_only=True):
    id: str
    user_id: str
    type: Side
    kwh_amount: Decimal
    """What is still open of it."""
    token_price: Decimal
    status: OrderStatus
    created_at: str


class TradePrice(Struct, frozen=True, kw_only=True):
    price: Decimal
    timestamp: str
    """HH:MM in the grid's zone."""


@get("/api/v1/market/orders", status_code=200)
async def orders(person: NamedDependency[Person], market: NamedDependency[Market]) -> list[OrderOut]:  # noqa: ARG001  the guard
    """All open orders, oldest first."""
    return [
        OrderOut(
            id=found.order.id,
            user_id=found.user_id,
            type=found.order.side,
            kwh_amount=show_lots(found.order.lots_open),
            token_price=show_price_ticks(found.order.price_ticks),
            status=found.order.status,
            created_at=rfc3339(found.order.created_at_us),
        )
        for found in await market.open_orders()
    ]


@get("/api/v1/market/history", status_code=200)
async def history(
    person: NamedDependency[Person],  # noqa: ARG001
    market: NamedDependency[Market],
    settings: NamedDependency[Settings],
) -> list[TradePrice]:
    """Prices of the last 50 completed trades, oldest first."""
    zone = ZoneInfo(settings.grid_zone)
    return [
        TradePrice(
            price=show_price_ticks(trade.price_ticks),
            timestamp=from_micros(trade.completed_at_us).astimezone(zone).strftime("%H:%M"),
        )
        for trade in await market.completed_trades()
        if trade.completed_at_us is not None
    ]


ROUTES: list[BaseRouteHandler] = [orders, history]
