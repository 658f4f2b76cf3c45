"""The liquidity pool, its stakes and its flash loans. LT and XLM in 10^-7 units."""

from enum import StrEnum

from msgspec import Struct


class Pool(Struct, frozen=True, kw_only=True):
    """The pool's totals at one moment."""

    staked: int = 0
    """LT that stakers may ask back."""
    lent: int = 0
    """LT of those that borrowers have."""
    index: int = 0
    """What one unit of LT staked from the beginning has earned, 1/INDEX_SCALE units of LT."""
    xlm_index: int = 0
    """The same of commission, 1/INDEX_SCALE units of XLM."""
    xlm_shared: int = 0
    """XLM in the pool that `xlm_index` has shared out already."""
    at_s: int = 0
    """Up to when `index` counts, epoch seconds."""
    stakers: int = 0
    """Accounts with at least one open stake."""


class Stake(Struct, frozen=True, kw_only=True):
    """LT that somebody put into the pool, until they take all of it out again."""

    id: int
    account: str
    number: int
    """From 1, within its account."""
    amount: int
    index: int
    """The pool's, when the stake began; as is `xlm_index`."""
    xlm_index: int
    staked_at_us: int
    stake_hash: str
    """Leaf hash of the ledger entry."""
    unstaked_at_us: int | None = None
    """None while it is open, as is all that follows."""
    yield_earned: int | None = None
    yield_minted: int | None = None
    """The part of `yield_earned` that no loan had brought."""
    xlm_income: int | None = None
    unstake_hash: str | None = None


class LoanStatus(StrEnum):
    ACTIVE = "active"
    REPAID = "repaid"
    LIQUIDATED = "liquidated"


class Loan(Struct, frozen=True, kw_only=True):
    """LT lent for five minutes against LT in `<account>/loan`."""

    id: int
    account: str
    number: int
    """From 1, within its account."""
    principal: int
    """A multiple of 1 LT, which stands for a lot of 0.001 kWh."""
    collateral: int
    fee: int
    borrowed_at_us: int
    due_at_us: int
    """The loan runs in [borrowed_at_us, due_at_us)."""
    loan_hash: str
    """Leaf hash of the ledger entry."""
    status: LoanStatus = LoanStatus.ACTIVE
    closed_at_us: int | None = None
    """When it was repaid or, for a liquidated one, when it was due; None while it is active."""
    closing_hash: str | None = None


class YieldKind(StrEnum):
    """What a record of the pool's history is about."""

    ACCRUAL = "accrual"
    """A stretch of time in which staked LT earned at one rate."""
    FEE = "fee"
    """Of a loan repaid."""
    LIQUIDATION = "liquidation"
    """Fee and the pool's half of what was left of a collateral."""
    COMMISSION = "commission"
    """XLM of the market, shared among the stakes of that moment."""
    PAYOUT = "payout"
    """What one stake was paid when it ended."""


class YieldRecord(Struct, frozen=True, kw_only=True):
    """One row of the pool's history; a field that its kind does not use is 0 or None."""

    id: int
    """From 1, without a gap."""
    kind: YieldKind
    at_us: int
    lt: int = 0
    """Accrued, brought in or paid out; accruals are rounded down."""
    xlm: int = 0
    seconds: int = 0
    """For which the LT lay in the pool."""
    staked: int = 0
    """LT that earned it: all of the pool's, or the stake's."""
    lent: int = 0
    minted: int = 0
    """The part of a payout's LT that was minted."""
    stake_id: int | None = None
    loan_id: int | None = None
