"""The pool's movements as journal entries.

`pool` holds the staked LT that are not lent, so its LT and what is lent are what stakers are owed. LT that
loans bring lie in `pool/yield` until yield is paid from there. A collateral lies in `<account>/loan`.

Every entry says what the pool stood at after it (`Standing`): by that, by the times of the entries and by
the formulas of `pool.py` a stranger works every index out again, and from them every yield.
"""

from typing import Any

import msgspec
from msgspec import Struct

from cloud.defi.flash_loan import Proceeds
from cloud.defi.model import Loan, Pool, Stake
from cloud.defi.pool import Payout, seconds_between
from cloud.ledger.model import Asset, Entry, EntryKind, Posting, SystemAccount
from shared.clock import rfc3339

LOAN_HOLD = "loan"

_POOL = SystemAccount.POOL
_YIELD = SystemAccount.POOL_YIELD
_RESERVE = SystemAccount.RESERVE


class _Facts(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Amounts are in units of 10^-7, indices in 10^-36 of a unit."""


class Standing(_Facts, frozen=True, kw_only=True):
    """The pool after the entry."""

    staked: int
    lent: int
    index: int
    xlm_index: int


class StakeFacts(_Facts, frozen=True, kw_only=True):
    stake_id: int
    amount: int
    commission: int
    """XLM shared just before, among the stakes there were; the reserve gets it where there were none."""
    pool: Standing


class UnstakeFacts(_Facts, frozen=True, kw_only=True):
    stake_id: int
    amount: int
    seconds: int
    index_at_stake: int
    xlm_index_at_stake: int
    yield_earned: int
    yield_minted: int
    """The rest of `yield_earned` came out of `pool/yield`; this is minted by the entry that follows."""
    xlm_income: int
    commission: int
    """XLM shared just before, with this stake still among the others."""
    pool: Standing


class YieldFacts(_Facts, frozen=True, kw_only=True, tag_field="source", tag="yield"):
    """Of a mint: yield for which loans had not brought enough."""

    stake_id: int
    unstake_entry: int
    amount: int
    seconds: int
    index_at_stake: int
    index: int
    yield_earned: int
    yield_minted: int


class LoanFacts(_Facts, frozen=True, kw_only=True):
    loan_id: int
    principal: int
    collateral: int
    fee: int
    due_at: str
    pool: Standing


class RepayFacts(_Facts, frozen=True, kw_only=True):
    loan_id: int
    principal: int
    collateral: int
    fee: int
    seconds: int
    pool: Standing


class LiquidationFacts(_Facts, frozen=True, kw_only=True):
    """The index is that of the moment when the loan was due, whenever the entry was made."""

    loan_id: int
    principal: int
    collateral: int
    fee: int
    due_at: str
    to_pool: int
    """Beside the principal: the fee and half of the rest."""
    to_reserve: int
    pool: Standing


def stake_entry(pool: Pool, stake: Stake, *, commission: int, unclaimed: int) -> Entry:
    """`commission` was shared, or is `unclaimed` and goes to the reserve."""
    facts = StakeFacts(stake_id=stake.id, amount=stake.amount, commission=commission, pool=standing_of(pool))
    return Entry(
        kind=EntryKind.STAKE,
        postings=_moved(
            Posting(stake.account, Asset.LT, -stake.amount),
            Posting(_POOL, Asset.LT, stake.amount),
            Posting(_POOL, Asset.XLM, -unclaimed),
            Posting(_RESERVE, Asset.XLM, unclaimed),
        ),
        facts=_builtins(facts),
        at_us=stake.staked_at_us,
    )


def unstake_entry(pool: Pool, stake: Stake, paid: Payout, *, commission: int, at_us: int) -> Entry:
    from_loans = paid.yield_earned - paid.yield_minted
    facts = UnstakeFacts(
        stake_id=stake.id,
        amount=stake.amount,
        seconds=seconds_between(stake.staked_at_us, at_us),
        index_at_stake=stake.index,
        xlm_index_at_stake=stake.xlm_index,
        **paid._asdict(),
        commission=commission,
        pool=standing_of(pool),
    )
    return Entry(
        kind=EntryKind.UNSTAKE,
        postings=_moved(
            Posting(_POOL, Asset.LT, -stake.amount),
            Posting(_YIELD, Asset.LT, -from_loans),
            Posting(stake.account, Asset.LT, stake.amount + from_loans),
            Posting(_POOL, Asset.XLM, -paid.xlm_income),
            Posting(stake.account, Asset.XLM, paid.xlm_income),
        ),
        facts=_builtins(facts),
        at_us=at_us,
    )


def yield_entry(pool: Pool, stake: Stake, paid: Payout, *, unstake_entry: int, at_us: int) -> Entry:
    """The mint that follows an unstake whose yield loans had not brought."""
    facts = YieldFacts(
        stake_id=stake.id,
        unstake_entry=unstake_entry,
        amount=stake.amount,
        seconds=seconds_between(stake.staked_at_us, at_us),
        index_at_stake=stake.index,
        index=pool.index,
        yield_earned=paid.yield_earned,
        yield_minted=paid.yield_minted,
    )
    return Entry(
        kind=EntryKind.MINT,
        postings=(
            Posting(SystemAccount.MINT_YIELD, Asset.LT, -paid.yield_minted),
            Posting(stake.account, Asset.LT, paid.yield_minted),
        ),
        facts=_builtins(facts),
        at_us=at_us,
    )


def loan_entry(pool: Pool, loan: Loan) -> Entry:
    facts = LoanFacts(
        loan_id=loan.id,
        principal=loan.principal,
        collateral=loan.collateral,
        fee=loan.fee,
        due_at=rfc3339(loan.due_at_us),
        pool=standing_of(pool),
    )
    return Entry(
        kind=EntryKind.LOAN,
        postings=(
            Posting(loan.account, Asset.LT, -loan.collateral),
            Posting(loan_account(loan.account), Asset.LT, loan.collateral),
            Posting(_POOL, Asset.LT, -loan.principal),
            Posting(loan.account, Asset.LT, loan.principal),
        ),
        facts=_builtins(facts),
        at_us=loan.borrowed_at_us,
    )


def repay_entry(pool: Pool, loan: Loan, *, at_us: int) -> Entry:
    facts = RepayFacts(
        loan_id=loan.id,
        principal=loan.principal,
        collateral=loan.collateral,
        fee=loan.fee,
        seconds=seconds_between(loan.borrowed_at_us, at_us),
        pool=standing_of(pool),
    )
    return Entry(
        kind=EntryKind.REPAY,
        postings=(
            Posting(loan.account, Asset.LT, -loan.principal - loan.fee),
            Posting(_POOL, Asset.LT, loan.principal),
            Posting(_YIELD, Asset.LT, loan.fee),
            Posting(loan_account(loan.account), Asset.LT, -loan.collateral),
            Posting(loan.account, Asset.LT, loan.collateral),
        ),
        facts=_builtins(facts),
        at_us=at_us,
    )


def liquidation_entry(pool: Pool, loan: Loan, proceeds: Proceeds, *, at_us: int) -> Entry:
    """`pool` as it stood after the moment when the loan was due; `at_us` is when that is entered."""
    facts = LiquidationFacts(
        loan_id=loan.id,
        principal=loan.principal,
        collateral=loan.collateral,
        fee=loan.fee,
        due_at=rfc3339(loan.due_at_us),
        to_pool=proceeds.to_pool,
        to_reserve=proceeds.to_reserve,
        pool=standing_of(pool),
    )
    return Entry(
        kind=EntryKind.LIQUIDATION,
        postings=(
            Posting(loan_account(loan.account), Asset.LT, -loan.collateral),
            Posting(_POOL, Asset.LT, loan.principal),
            Posting(_YIELD, Asset.LT, proceeds.to_pool),
            Posting(_RESERVE, Asset.LT, proceeds.to_reserve),
        ),
        facts=_builtins(facts),
        at_us=at_us,
    )


def loan_account(account: str) -> str:
    """The hold account of what secures an account's loans."""
    return f"{account}/{LOAN_HOLD}"


def standing_of(pool: Pool) -> Standing:
    return Standing(staked=pool.staked, lent=pool.lent, index=pool.index, xlm_index=pool.xlm_index)


def _moved(*postings: Posting) -> tuple[Posting, ...]:
    return tuple(posting for posting in postings if posting.amount)


def _builtins(facts: Struct) -> dict[str, Any]:
    built: dict[str, Any] = msgspec.to_builtins(facts)
    return built
