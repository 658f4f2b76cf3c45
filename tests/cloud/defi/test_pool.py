"""The pool's arithmetic against fractions that never round, written from the formulas alone."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud.defi.errors import LoanRefused
from cloud.defi.flash_loan import proceeds, terms
from cloud.defi.model import Loan, Pool, Stake
from cloud.defi.pool import (
    INDEX_SCALE,
    accrued,
    apy_percent,
    commission,
    earned_by,
    payout,
    shared,
    show_apy,
    show_utilisation,
    utilisation,
    with_stake,
    without_stake,
)

YEAR_S = 365 * 86_400
AMOUNT_MAX = 2**63 - 1

amounts = st.integers(1, AMOUNT_MAX)
seconds = st.integers(0, 100 * YEAR_S)


@st.composite
def pools(draw) -> Pool:
    staked = draw(amounts)
    return Pool(
        staked=staked,
        lent=draw(st.integers(0, staked)),
        index=draw(st.integers(0, 10 * INDEX_SCALE)),
        at_s=draw(st.integers(0, 10**10)),
    )


def rate(pool: Pool) -> Fraction:
    """What one LT earns in a second."""
    return (3 + Fraction(11, 2) * Fraction(pool.lent, pool.staked)) / 100 / YEAR_S


def a_stake(amount: int, *, index: int = 0, xlm_index: int = 0) -> Stake:
    return Stake(
        id=1,
        account="acct_a",
        number=1,
        amount=amount,
        index=index,
        xlm_index=xlm_index,
        staked_at_us=0,
        stake_hash="",
    )


@pytest.mark.parametrize(
    "staked, lent, shown_utilisation, apy, shown_apy",
    [
        (100, 38, "0.38", "5.09", "5.1"),
        (100, 0, "0", "3", "3"),
        (100, 80, "0.8", "7.4", "7.4"),
        (100, 100, "1", "8.5", "8.5"),
        (0, 0, "0", "3", "3"),
        (1_000, 385, "0.38", "5.1175", "5.1"),  # half-even
        (1_000, 375, "0.38", "5.0625", "5.1"),
        (110, 10, "0.09", "3.5", "3.5"),
    ],
)
def test_yearly_percent_by_utilisation(staked, lent, shown_utilisation, apy, shown_apy):
    pool = Pool(staked=staked, lent=lent)

    assert apy_percent(pool) == Fraction(apy)
    assert str(show_utilisation(pool)) == shown_utilisation
    assert str(show_apy(pool)) == shown_apy


@given(pool=pools(), elapsed=seconds, amount=amounts)
def test_a_yield_is_the_exact_one_rounded_down(pool, elapsed, amount):
    moved = accrued(pool, pool.at_s + elapsed)

    assert earned_by(amount, since=pool.index, now=moved.index) == int(amount * rate(pool) * elapsed) or (
        # Where the exact yield is a whole number, the index may lie just below it.
        (amount * rate(pool) * elapsed).denominator == 1
        and earned_by(amount, since=pool.index, now=moved.index) == amount * rate(pool) * elapsed - 1
    )
    assert (moved.staked, moved.lent, moved.at_s) == (pool.staked, pool.lent, pool.at_s + elapsed)


@given(pool=pools(), first=seconds, second=seconds, amount=amounts)
def test_time_in_two_steps_never_earns_more_than_in_one(pool, first, second, amount):
    half_way = accrued(pool, pool.at_s + first)
    there = accrued(half_way, half_way.at_s + second)
    at_once = accrued(pool, pool.at_s + first + second)

    assert 0 <= at_once.index - there.index <= 1
    assert earned_by(amount, since=pool.index, now=there.index) <= earned_by(
        amount, since=pool.index, now=at_once.index
    )


@given(pool=pools(), elapsed=seconds, parts=st.lists(amounts, min_size=1, max_size=8))
def test_two_stakes_never_earn_more_than_one_of_both(pool, elapsed, parts):
    moved = accrued(pool, pool.at_s + elapsed)

    def earned(amount):
        return earned_by(amount, since=pool.index, now=moved.index)

    assert 0 <= earned(sum(parts)) - sum(map(earned, parts)) < len(parts)


@given(pool=pools(), elapsed=seconds, more=st.integers(0, 100 * YEAR_S), amount=amounts)
def test_more_time_never_earns_less(pool, elapsed, more, amount):
    early, late = accrued(pool, pool.at_s + elapsed), accrued(pool, pool.at_s + elapsed + more)

    assert pool.index <= early.index <= late.index


@given(pool=pools(), back=seconds)
def test_a_clock_that_goes_back_changes_nothing(pool, back):
    assert accrued(pool, pool.at_s - back) == pool


def test_while_nothing_is_staked_the_index_stands_still():
    moved = accrued(Pool(index=7, at_s=10), 1_000)

    assert (moved.index, moved.at_s) == (7, 1_000)
    assert utilisation(moved) == 0


def test_the_largest_stake_loses_no_unit_in_ten_thousand_steps():
    pool = start = Pool(staked=AMOUNT_MAX, lent=AMOUNT_MAX // 3)
    for second in range(1, 10_001):
        pool = accrued(pool, second)

    exact = AMOUNT_MAX * rate(start) * 10_000
    assert earned_by(AMOUNT_MAX, since=0, now=pool.index) == int(exact)


@given(
    parts=st.lists(amounts, min_size=1, max_size=6),
    comes=st.lists(st.integers(0, AMOUNT_MAX), max_size=6),
)
def test_commission_is_shared_by_lt_and_no_more_than_there_is(parts, comes):
    pool = Pool(staked=sum(parts))
    for xlm in comes:
        pool = shared(pool, commission(pool, pool.xlm_shared + xlm))

    incomes = [earned_by(part, since=0, now=pool.xlm_index) for part in parts]

    assert sum(incomes) <= sum(comes)
    for part, income in zip(parts, incomes, strict=True):
        exact = sum(comes) * Fraction(part, sum(parts))
        assert exact - 1 - Fraction(len(comes) * AMOUNT_MAX, INDEX_SCALE) <= income <= exact


@given(held=st.integers(0, AMOUNT_MAX), known=st.integers(0, AMOUNT_MAX))
def test_commission_is_what_came_since_and_never_less_than_nothing(held, known):
    assert commission(Pool(staked=1, xlm_shared=known), held) == max(0, held - known)


@given(
    amount=amounts,
    index=st.integers(0, INDEX_SCALE),
    xlm_index=st.integers(0, INDEX_SCALE),
    earnings=st.integers(0, AMOUNT_MAX),
    held=st.integers(0, AMOUNT_MAX),
)
def test_what_loans_brought_pays_before_anything_is_minted(amount, index, xlm_index, earnings, held):
    pool = Pool(staked=amount, index=index, xlm_index=xlm_index)

    paid = payout(pool, a_stake(amount), earnings=earnings, xlm_held=held)

    assert paid.yield_earned == amount * index // INDEX_SCALE
    assert paid.yield_earned - paid.yield_minted == min(earnings, paid.yield_earned)
    assert paid.xlm_income == min(held, amount * xlm_index // INDEX_SCALE)


def test_no_income_is_more_than_the_pool_has():
    """As when a trade whose commission was shared is taken back."""
    pool = Pool(staked=10, xlm_index=INDEX_SCALE)

    assert payout(pool, a_stake(10), earnings=0, xlm_held=7).xlm_income == 7
    assert payout(pool, a_stake(10), earnings=0, xlm_held=11).xlm_income == 10


def test_what_the_last_stake_leaves_behind_is_not_shared():
    pool = Pool(staked=5, xlm_shared=10)

    assert without_stake(pool, 5, xlm_income=9) == Pool()
    assert without_stake(pool, 2, xlm_income=3) == Pool(staked=3, xlm_shared=7)
    assert with_stake(pool, 2) == Pool(staked=7, xlm_shared=10)


@given(
    lots=st.integers(1, 50_000), staked=amounts, lent_share=st.fractions(0, 1), percent=st.integers(0, 400)
)
def test_a_loan_is_made_within_the_terms_and_not_beyond(lots, staked, lent_share, percent):
    pool = Pool(staked=staked, lent=int(staked * lent_share))
    principal = lots * 10_000_000
    collateral = principal * percent // 100
    fits = collateral * 2 >= principal * 3 and Fraction(pool.lent + principal) <= Fraction(4, 5) * staked

    try:
        found = terms(pool, lots=lots, collateral=collateral)
    except LoanRefused:
        assert not fits
    else:
        assert fits
        assert found == (principal, collateral, Fraction(principal * 3, 1000))


@given(lots=st.integers(1, 50_000), extra=st.integers(0, 10**12))
def test_of_an_overdue_loan_nothing_is_lost_and_the_odd_unit_is_the_pools(lots, extra):
    principal = lots * 10_000_000
    loan = Loan(
        id=1,
        account="acct_a",
        number=1,
        principal=principal,
        collateral=principal * 3 // 2 + extra,
        fee=principal * 3 // 1000,
        borrowed_at_us=0,
        due_at_us=300_000_000,
        loan_hash="",
    )

    found = proceeds(loan)

    assert principal + found.to_pool + found.to_reserve == loan.collateral
    assert found.to_pool - loan.fee - found.to_reserve in (0, 1)
    assert found.to_reserve > 0
