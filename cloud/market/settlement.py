"""What orders reserve and what trades cost, in 10^-7 XLM and LT.

A lot is 10^-3 kWh and a tick 10^-4 XLM/kWh, so lots times ticks are units of XLM, exactly.
"""

from fractions import Fraction

from cloud.market.model import LT_UNITS_PER_LOT, Cover, Order, Side, Trade
from shared.money import round_half_even

COMMISSION_PER_MILLE = 25
DEPOSIT = Fraction(1, 10)
"""Of a pledge's value."""
DEPOSIT_MIN = 1
"""Units: every pledge stands in the book, also where a tenth of its value would round to nothing."""
ORDER_LIFE_S = 7 * 24 * 3_600
DELIVERY_S = 24 * 3_600
"""In which what was sold has to be delivered."""


def value(lots: int, price_ticks: int) -> int:
    """XLM."""
    return lots * price_ticks


def commission(trade: Trade) -> int:
    """XLM of the liquidity pool, rounded down."""
    return value(trade.lots, trade.price_ticks) * COMMISSION_PER_MILLE // 1_000


def tokens(lots: int) -> int:
    """LT that stand for so much energy."""
    units: int = lots * LT_UNITS_PER_LOT
    return units


def reserved(order: Order) -> int:
    """What the open part of an order has set aside: XLM of a buyer or a pledge, LT of a covered sale."""
    if order.side is Side.BUY:
        return value(order.lots_open, order.price_ticks)
    if order.cover is Cover.COVERED:
        return tokens(order.lots_open)
    return _deposit_left(order, order.lots_open)


def deposit_share(order: Order, lots: int) -> int:
    """What of a pledge's deposit goes with a fill of so many of its open lots; all shares add up to it."""
    return _deposit_left(order, order.lots_open) - _deposit_left(order, order.lots_open - lots)


def _deposit_left(order: Order, lots_open: int) -> int:
    whole = max(DEPOSIT_MIN, round_half_even(DEPOSIT * value(order.lots, order.price_ticks)))
    return whole - whole * (order.lots - lots_open) // order.lots
