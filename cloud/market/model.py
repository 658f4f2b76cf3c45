"""Orders and trades, in whole lots and ticks so that every value is exact."""

from collections.abc import Sequence
from decimal import Decimal
from enum import StrEnum
from typing import Self

from msgspec import Struct
from msgspec.structs import replace

from shared.clock import rfc3339
from shared.money import TOKEN_UNITS, show_amount

LOT_MWH = 1_000
"""0.001 kWh: what energy is traded in."""
TICKS_PER_XLM = 10_000
"""The tick is 0.0001 XLM/kWh: what prices move in."""
LT_UNITS_PER_LOT = TOKEN_UNITS
"""1000 LT stand for 1 kWh, so 1 LT for a lot."""
LOTS_MAX = 1_000_000_000
"""A million kWh;"""
PRICE_TICKS_MAX = 1_000_000_000
"""100,000 XLM/kWh: so the value of any order is less than 2^63 units."""
PLEDGED_LOTS_MAX = 10_000
"""10 kWh: what an account may have sold, or offer, without having it."""
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
    """Filled, and a part of it is not delivered yet."""
    COMPLETED = "Completed"
    """Filled, and nothing more will come of it."""
    CANCELLED = "Cancelled"
    """By its owner, or because what it sold was not delivered. Trades it made go on."""
    EXPIRED = "Expired"


class TradeStatus(StrEnum):
    MATCHED = "Matched"
    """Sold and not delivered yet."""
    COMPLETED = "Completed"
    REFUNDED = "Refunded"


class OrderAnswer(Struct, frozen=True, kw_only=True):
    """An order in the words of the document."""

    id: str
    user_id: str
    """Whose it is: a wallet address, `usr_…`, or the account of a device that nobody claimed yet."""
    type: Side
    kwh_amount: Decimal
    token_price: Decimal
    status: OrderStatus
    created_at: str


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
    lots_undelivered: int = 0
    """What is filled by trades that are not delivered yet."""
    lots_settled: int = 0
    price_ticks: int
    """Its limit."""
    status: OrderStatus = OrderStatus.CREATED
    created_at_us: int

    def shown(self, user_id: str, lots: int) -> OrderAnswer:
        """With so many of its lots."""
        return OrderAnswer(
            id=self.id,
            user_id=user_id,
            type=self.side,
            kwh_amount=show_lots(lots),
            token_price=show_price_ticks(self.price_ticks),
            status=self.status,
            created_at=rfc3339(self.created_at_us),
        )

    def of(self, account: str) -> Self:
        """In somebody else's hands."""
        return replace(self, account=account)

    def filled(self, lots: int, *, settled: bool) -> Self:
        """After a fill; one that is not settled is still to be delivered."""
        return self._moved(
            lots_open=self.lots_open - lots,
            lots_undelivered=self.lots_undelivered + (0 if settled else lots),
            lots_settled=self.lots_settled + (lots if settled else 0),
        )

    def delivered(self, lots: int) -> Self:
        """After a delivery to a trade of it."""
        return self._moved(
            lots_undelivered=self.lots_undelivered - lots, lots_settled=self.lots_settled + lots
        )

    def refunded(self, lots: int) -> Self:
        """After a trade of it was given up. A seller's order is over with that; a buyer's stays open."""
        after = self._moved(lots_undelivered=self.lots_undelivered - lots)
        return after.closed(OrderStatus.CANCELLED) if self.side is Side.SELL else after

    def closed(self, status: OrderStatus) -> Self:
        """No longer open; its trades go on."""
        return replace(self, status=status)

    def _moved(self, **lots: int) -> Self:
        after = replace(self, **lots)
        if self.status not in {OrderStatus.CREATED, OrderStatus.MATCHED}:
            return after
        if after.lots_undelivered and not after.lots_open:
            return replace(after, status=OrderStatus.MATCHED)
        if after.lots_open:
            return after
        return replace(after, status=OrderStatus.COMPLETED if after.lots_settled else OrderStatus.CANCELLED)


class Wish(Struct, frozen=True, kw_only=True):
    """What somebody wants to buy or sell, at its limit."""

    side: Side
    lots: int
    """1 to LOTS_MAX."""
    price_ticks: int
    """1 to PRICE_TICKS_MAX."""


class OpenParty(Struct, frozen=True, kw_only=True):
    """Someone with an open order that counts for the price."""

    side: Side
    account: str
    owner_person_id: int | None
    """None: `account` is the escrow of a device that nobody had claimed when it sold."""


class Level(Struct, frozen=True):
    """One price of one side of the book."""

    price_ticks: int
    lots: int
    orders: int


class Depth(Struct, frozen=True, kw_only=True):
    """What is open at the best prices, best first."""

    bids: Sequence[Level]
    asks: Sequence[Level]


class Trade(Struct, frozen=True, kw_only=True):
    seq: int
    """Rises with time: what was sold first is delivered first."""
    id: str
    buy_order_id: str
    sell_order_id: str
    buyer: str
    """The account, as of the match; the seller's likewise."""
    seller: str
    lots: int
    price_ticks: int
    """The resting order's price."""
    deposit: int = 0
    """XLM of the seller that the buyer gets if this is not delivered, 10^-7 units."""
    status: TradeStatus
    created_at_us: int
    completed_at_us: int | None = None
    """None until settled."""
    burn_entry_id: int | None = None
    """The entry that burned its LT; None until settled."""

    def split(self, lots: int, *, part_id: str, part_seq: int) -> tuple[Self, Self]:
        """A part of so many lots as a trade of its own, and the rest; the deposit is shared, rounded down."""
        deposit = self.deposit * lots // self.lots
        part = replace(self, id=part_id, seq=part_seq, lots=lots, deposit=deposit)
        return part, replace(self, lots=self.lots - lots, deposit=self.deposit - deposit)

    def completed(self, *, at_us: int, burn_entry_id: int) -> Self:
        return replace(self, status=TradeStatus.COMPLETED, completed_at_us=at_us, burn_entry_id=burn_entry_id)

    def refunded(self) -> Self:
        return replace(self, status=TradeStatus.REFUNDED)


class TradePage(Struct, frozen=True, kw_only=True):
    """Part of an account's trades, newest first."""

    trades: tuple[Trade, ...]
    total: int
    """How many there are in all."""


class Settled(Struct, frozen=True, kw_only=True):
    """Settled trades, added up."""

    lots: int
    last_entry: int
    """The entry of the newest one; without any, the one that was asked after."""


class TradeNews(Struct, frozen=True, kw_only=True):
    """The `trade` event: a fill, a settlement or a refund."""

    trade_id: str
    buy_order_id: str
    sell_order_id: str
    kwh_amount: Decimal
    token_price: Decimal
    status: TradeStatus
    timestamp: str


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
