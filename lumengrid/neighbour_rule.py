"""What a simulated neighbour does when it looks at the market: a pure rule.

It buys a little of what is offered near the price, sometimes bids below the price, takes bids back that have
waited too long, and sells nothing. What it may spend is pocket money: so much an hour, saved up to a limit.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Literal, TypeAlias

from msgspec import Struct

POCKET_XLM_MAX = Decimal(25)
POCKET_XLM_PER_HOUR = Decimal(4)
"""The 10,000 XLM that a wallet starts with last for more than a hundred days."""
STALE = timedelta(minutes=10)
BIDS_MAX = 2
BUYS_OFFERED = 0.7
"""How often it takes an offer that it likes."""
DEAR = Decimal("1.10")
"""It pays up to 10 % more than the price."""
_KWH_STEPS = (2, 15)
"""0.02 to 0.15 kWh."""
_BELOW_PERCENT = (3, 15)
_CENT = Decimal("0.01")


class MarketOrder(Struct, frozen=True, kw_only=True):
    """An open order, as `GET /api/v1/market/orders` shows it."""

    id: str
    user_id: str
    type: Literal["buy", "sell"]
    kwh_amount: Decimal
    """What is open of it."""
    token_price: Decimal
    """XLM/kWh."""
    created_at: datetime

    @property
    def value_xlm(self) -> Decimal:
        return self.kwh_amount * self.token_price


class Buy(Struct, frozen=True):
    """An order to place."""

    kwh_amount: Decimal
    token_price: Decimal

    @property
    def value_xlm(self) -> Decimal:
        return self.kwh_amount * self.token_price


class TakeBack(Struct, frozen=True):
    """An own order to cancel."""

    order: MarketOrder


Deed: TypeAlias = Buy | TakeBack


class Pocket(Struct, frozen=True, kw_only=True):
    """What may be spent at a moment."""

    xlm: Decimal = POCKET_XLM_MAX
    at: datetime

    def later(self, now: datetime) -> "Pocket":
        """With what came in since."""
        hours = Decimal(max(0, (now - self.at) // timedelta(seconds=1))) / 3_600
        return Pocket(xlm=min(POCKET_XLM_MAX, self.xlm + hours * POCKET_XLM_PER_HOUR), at=now)

    def less(self, spent_xlm: Decimal) -> "Pocket":
        """After spending; a negative amount came back."""
        return Pocket(xlm=min(POCKET_XLM_MAX, self.xlm - spent_xlm), at=self.at)


def decide(
    draw: Random, *, me: str, price: Decimal, orders: Sequence[MarketOrder], now: datetime, pocket: Pocket
) -> Deed | None:
    """One thing to do now; None: nothing. The same draws and the same market give the same deed."""
    mine = [order for order in orders if order.user_id == me]
    stale = [order for order in mine if now - order.created_at > STALE]
    if stale:
        return TakeBack(min(stale, key=lambda order: (order.created_at, order.id)))
    kwh = Decimal(draw.randint(*_KWH_STEPS)) / 100
    wanted: Buy | None = None
    offers = [
        order
        for order in orders
        if order.type == "sell" and order.user_id != me and order.token_price <= price * DEAR
    ]
    if offers and draw.random() < BUYS_OFFERED:
        best = min(offers, key=lambda order: (order.token_price, order.created_at, order.id))
        wanted = Buy(min(kwh, best.kwh_amount), best.token_price)
    elif len(mine) < BIDS_MAX:
        below = Decimal(100 - draw.randint(*_BELOW_PERCENT)) / 100
        wanted = Buy(kwh, max(_CENT, (price * below).quantize(_CENT)))
    return wanted if wanted is not None and wanted.value_xlm <= pocket.xlm else None
