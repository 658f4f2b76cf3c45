"""The terms of a flash loan, and what becomes of the collateral of one that is overdue.

    principal  = kWh * 1000 LT, in lots of 0.001 kWh, at most 50 kWh
    fee        = 0.3 % of it: 30,000 units a lot, so never rounded
    collateral >= 150 % of it
    after it, at most 80 % of what is staked is lent

Of an overdue loan's collateral the pool takes principal and fee first; the rest is halved between pool and
reserve, and an odd unit is the pool's.
"""

from typing import NamedTuple

from cloud.defi.errors import LoanRefused
from cloud.defi.model import Loan, Pool
from cloud.market.model import LT_UNITS_PER_LOT, show_lots
from shared.money import show_amount
from shared.units import MICROS_PER_SECOND

LIFE_S = 300
LOTS_MAX = 50_000
FEE_PERMILLE = 3
COLLATERAL_PERCENT = 150
LENT_PERCENT_MAX = 80


class Terms(NamedTuple):
    """Of one loan, in units of LT."""

    principal: int
    collateral: int
    fee: int


class Proceeds(NamedTuple):
    """Where a collateral goes, beside the principal that it repays; units of LT."""

    to_pool: int
    """The fee included."""
    to_reserve: int


def terms(pool: Pool, *, lots: int, collateral: int) -> Terms:
    """What is lent for that many lots.

    Raises:
        LoanRefused: more than 50 kWh, too little collateral, or too much of the pool.
    """
    principal = lots * LT_UNITS_PER_LOT
    if not 1 <= lots <= LOTS_MAX:
        raise LoanRefused(f"kwh_borrowed: must be 0.001 to {show_lots(LOTS_MAX):f}")
    if collateral * 100 < principal * COLLATERAL_PERCENT:
        needed = show_amount(principal * COLLATERAL_PERCENT // 100)
        raise LoanRefused(f"token_collateral: must be at least {needed:f}, 150 % of what is borrowed")
    room = pool.staked * LENT_PERCENT_MAX // 100 - pool.lent
    if principal > room:
        lots_free = show_lots(max(0, room) // LT_UNITS_PER_LOT)
        raise LoanRefused(f"kwh_borrowed: the pool can lend {lots_free:f} now, 80 % of it at most")
    return Terms(principal, collateral, principal * FEE_PERMILLE // 1_000)


def due_us(borrowed_at_us: int) -> int:
    """From this moment on the loan is overdue."""
    return borrowed_at_us + LIFE_S * MICROS_PER_SECOND


def proceeds(loan: Loan) -> Proceeds:
    """Of the collateral of an overdue loan."""
    rest = loan.collateral - loan.principal - loan.fee
    to_reserve = rest // 2
    return Proceeds(loan.fee + rest - to_reserve, to_reserve)
