"""The market's routes: open orders, placing and cancelling, the prices of the last trades."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Annotated
from zoneinfo import ZoneInfo

from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.handlers import BaseRouteHandler
from litestar.params import JSONBody, QueryParameter
from msgspec import Struct

from cloud.identity.model import Person
from cloud.kit.documented import raises
from cloud.kit.http import MadeJson, Number, Text, encode_json
from cloud.kit.idempotency import Once
from cloud.market.errors import BadOrder, NoSuchOrder, NotYourOrder
from cloud.market.model import (
    LOTS_MAX,
    PRICE_TICKS_MAX,
    OrderAnswer,
    Side,
    Wish,
    show_price_ticks,
)
from cloud.market.service import Market
from cloud.settings import Settings
from shared.clock import from_micros
from shared.money import BadAmount, parse_amount, show_amount

ORDERS_MAX = 10_000
"""Of a page."""


class NewOrder(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    type: Side
    kwh_amount: Number
    """In steps of 0.001."""
    token_price: Number
    """XLM/kWh, in steps of 0.0001."""


class OrderToCancel(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    order_id: Annotated[str, Text]


class TradePrice(Struct, frozen=True, kw_only=True):
    price: Decimal
    timestamp: str
    """HH:MM in the grid's zone."""


@get("/api/v1/market/orders", status_code=200, opt=raises(NoSuchOrder))
async def orders(
    person: NamedDependency[Person],  # noqa: ARG001  the guard
    market: NamedDependency[Market],
    after: Annotated[
        str | None, QueryParameter(max_length=64, description="An order's id: only younger ones.")
    ] = None,
    limit: Annotated[int | None, QueryParameter(ge=1, le=ORDERS_MAX, description="At most so many.")] = None,
) -> Response[Sequence[OrderAnswer]]:
    """All open orders, oldest first, with what is open of each; a page of them where one is asked for."""
    if after is None and limit is None:
        return MadeJson(await market.open_orders_json())
    return MadeJson(encode_json(await market.open_page(after=after, limit=limit or ORDERS_MAX)))


@post("/api/v1/market/order/create", status_code=201)
async def create(
    data: JSONBody[NewOrder],
    person: NamedDependency[Person],
    market: NamedDependency[Market],
    once: NamedDependency[Once],
) -> OrderAnswer:
    """Place an order; its status tells whether it was filled at once."""
    wish = Wish(
        side=data.type,
        lots=_whole("kwh_amount", data.kwh_amount, decimals=3, most=LOTS_MAX),
        price_ticks=_whole("token_price", data.token_price, decimals=4, most=PRICE_TICKS_MAX),
    )
    return await market.place(person, wish, once)


@post("/api/v1/market/order/cancel", status_code=200, opt=raises(NotYourOrder, NoSuchOrder))
async def cancel(
    data: JSONBody[OrderToCancel],
    person: NamedDependency[Person],
    market: NamedDependency[Market],
    once: NamedDependency[Once],
) -> dict[str, str]:
    """Take the open part of an own order back."""
    await market.cancel(person, data.order_id, once)
    return {"message": "Order cancelled successfully"}


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


ROUTES: list[BaseRouteHandler] = [orders, create, cancel, history]


def _whole(field: str, value: Number, *, decimals: int, most: int) -> int:
    """The amount in whole steps of 10^-decimals.

    Raises:
        BadOrder: no such amount, or out of range.
    """
    try:
        steps = parse_amount(value, decimals=decimals, field=field)
    except BadAmount as error:
        raise BadOrder(str(error)) from None
    if not 1 <= steps <= most:
        low, high = show_amount(1, decimals=decimals), show_amount(most, decimals=decimals)
        raise BadOrder(f"{field}: {value} is outside {low} to {high}")
    return steps
