"""What stakes earn: the yield index, and the commission index.

    utilisation = lent / staked; 0 while nothing is staked
    APY %       = 3.0 + 5.5 * utilisation
    index       grows by APY / 100 * seconds / seconds of a year, by whole seconds
    yield       = amount * (index now - index at stake), rounded down
    income      = amount * (commission index now - commission index at stake), rounded down

Both indices are integers in 1/INDEX_SCALE, rounded down at each step. A step loses less than 1/INDEX_SCALE,
so it takes more than 10^17 steps to take a unit from the largest stake that 64 bits hold. As all rounding is
down, neither time in more steps nor LT in more stakes ever earn more.
"""

from collections.abc import Iterable
from decimal import Decimal
from fractions import Fraction
from typing import NamedTuple

from msgspec.structs import replace

from cloud.defi.model import Loan, Pool, Stake
from shared.money import round_half_even, show_amount
from shared.units import MICROS_PER_SECOND

INDEX_SCALE = 10**36
YEAR_S = 365 * 24 * 3_600
APY_BASE_PERMILLE = 30
APY_SLOPE_PERMILLE = 55
PERMILLE = 1_000


class Payout(NamedTuple):
    """What a stake is paid beyond its own amount."""

    yield_earned: int
    yield_minted: int
    """The rest of it comes out of what loans brought."""
    xlm_income: int


def utilisation(pool: Pool) -> Fraction:
    """0 to 1."""
    return Fraction(pool.lent, pool.staked) if pool.staked else Fraction(0)


def apy_percent(pool: Pool) -> Fraction:
    """3.0 to 8.5."""
    return (APY_BASE_PERMILLE + APY_SLOPE_PERMILLE * utilisation(pool)) / 10


def show_apy(pool: Pool) -> Decimal:
    """Percent, 1 decimal."""
    return show_amount(round_half_even(apy_percent(pool) * 10), decimals=1)


def show_utilisation(pool: Pool) -> Decimal:
    """0 to 1, 2 decimals."""
    return show_amount(round_half_even(utilisation(pool) * 100), decimals=2)


def seconds_between(start_us: int, end_us: int) -> int:
    """By which the pool's time, in whole seconds, moves between two moments; 0 where it would go back."""
    return max(0, end_us // MICROS_PER_SECOND - start_us // MICROS_PER_SECOND)


def accrued(pool: Pool, at_s: int) -> Pool:
    """The pool with its index moved on to a moment; an earlier one than its own changes nothing.

    While nothing is staked the index stands still.
    """
    if at_s <= pool.at_s:
        return pool
    if not pool.staked:
        return replace(pool, at_s=at_s)
    earned = (APY_BASE_PERMILLE * pool.staked + APY_SLOPE_PERMILLE * pool.lent) * (at_s - pool.at_s)
    step = INDEX_SCALE * earned // (PERMILLE * pool.staked * YEAR_S)
    return replace(pool, index=pool.index + step, at_s=at_s)


def commission(pool: Pool, xlm_held: int) -> int:
    """XLM that came since it was last shared, given what the pool holds now."""
    return max(0, xlm_held - pool.xlm_shared)


def shared(pool: Pool, xlm: int) -> Pool:
    """The pool with that much commission shared among what is staked, which must not be nothing."""
    return replace(
        pool,
        xlm_index=pool.xlm_index + xlm * INDEX_SCALE // pool.staked,
        xlm_shared=pool.xlm_shared + xlm,
    )


def earned_by(amount: int, *, since: int, now: int) -> int:
    """Units that an amount earned between two values of an index, rounded down."""
    return amount * (now - since) // INDEX_SCALE


def payout(pool: Pool, stake: Stake, *, earnings: int, xlm_held: int) -> Payout:
    """What the stake is paid by the pool as it stands.

    `earnings`: LT that loans brought and no yield has used up; `xlm_held`: XLM in the pool.
    """
    lt = earned_by(stake.amount, since=stake.index, now=pool.index)
    xlm = earned_by(stake.amount, since=stake.xlm_index, now=pool.xlm_index)
    return Payout(lt, max(0, lt - earnings), min(xlm, xlm_held))


def with_stake(pool: Pool, amount: int) -> Pool:
    return replace(pool, staked=pool.staked + amount)


def without_stake(pool: Pool, amount: int, *, xlm_income: int) -> Pool:
    """Whatever XLM the last stake leaves behind, by rounding, counts as not shared."""
    staked = pool.staked - amount
    return replace(pool, staked=staked, xlm_shared=pool.xlm_shared - xlm_income if staked else 0)


def with_loan(pool: Pool, principal: int) -> Pool:
    return replace(pool, lent=pool.lent + principal)


def without_loan(pool: Pool, principal: int) -> Pool:
    return replace(pool, lent=pool.lent - principal)


def after_overdue(pool: Pool, overdue: Iterable[Loan]) -> Pool:
    """The pool after loans came back by liquidation, each at the moment when it was due."""
    for loan in overdue:
        pool = without_loan(accrued(pool, loan.due_at_us // MICROS_PER_SECOND), loan.principal)
    return pool
