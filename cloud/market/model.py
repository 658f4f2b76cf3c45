"""Orders and trades, in whole lots and ticks so that every value is exact."""

from decimal import Decimal
from enum import StrEnum

from msgspec import Struct

from shared.money import TOKEN_UNITS, show_amount

LOT_MWH = 1_000
"""0.001 kWh: what energy is traded in."""
TICKS_PER_XLM = 10_000
"""The tick is 0.0001 XLM/kWh: what prices move in."""
LT_UNITS_PER_LOT = TOKEN_UNITS
"""1000 LT stand for 1 kWh, so 1 LT for a lot."""
PRICED_LOTS_MIN = 10
"""Smaller orders (0.01 kWh) do not move the price,"""
PRICED_ORDERS_MAX = 10
"""nor does more than this of one account on one side."""


class Side(StrEnum):
    BUY = "buy"
    SELL = "sell"


class Cover(StrEnum):
    """What stands behind an order."""

    COVERED = "covered"
    """Its LT, or its XLM, are reserved in full."""
    PLEDGE = "pledge"
    """A deposit alone: the energy is still to be delivered."""


class OrderStatus(StrEnum):
    CREATED = "Created"
    """Open, also while partly filled."""
    MATCHED = "Matched"
    COMPLETED = "Completed"
    CANCELLED = "Cancelled"
    EXPIRED = "Expired"


class TradeStatus(StrEnum):
    MATCHED = "Matched"
    """Sold and not delivered yet."""
    COMPLETED = "Completed"
    REFUNDED = "Refunded"


class Order(Struct, frozen=True, kw_only=True):
    seq: int
    """Rises with time: who came first at a price is served first."""
    id: str
    account: str
    owner_person_id: int | None
    """None: a device that nobody had claimed when it sold."""
    side: Side
    cover: Cover
    lots: int
    lots_open: int
    """What is not filled yet."""
    price_ticks: int
    status: OrderStatus
    created_at_us: int

    @property
    def kwh_open(self) -> Decimal:
        return show_lots(self.lots_open)


class Trade(Struct, frozen=True, kw_only=True):
    id: str
    buy_order_id: str
    sell_order_id: str
    lots: int
    price_ticks: int
    """The resting order's price."""
    status: TradeStatus
    created_at_us: int
    completed_at_us: int | None
    """None until settled."""


def show_price_ticks(price_ticks: int) -> Decimal:
    """XLM/kWh, exact."""
    return show_amount(price_ticks, decimals=4)


def show_lots(lots: int) -> Decimal:
    """kWh, exact."""
    return show_amount(lots, decimals=3)


def lots_of_mint(energy_mwh: int, tokens: int) -> int:
    """What a mint can sell, in whole lots: its energy, or what its LT (10^-7 units) cover if that is less."""
    lots: int = min(energy_mwh // LOT_MWH, tokens // LT_UNITS_PER_LOT)
    return lots
