"""Rates of return, by hand and against spreadsheets' XIRR."""

from datetime import date, timedelta

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from cloud.portfolio.returns import Flow, Payout, annualized, money_weighted, time_weighted

DAY = date(2025, 1, 1)


def flow(day: int, amount: int) -> Flow:
    return Flow(DAY + timedelta(days=day), amount)


@pytest.mark.parametrize(
    "rate,days,expected",
    [
        (0.085, 365, 0.085),
        (0.21, 730, 0.1),  # 1.1 squared
        (0.02, 91, 0.0826677),  # e ^ (0.0198026 * 4.010989)
        (0.0, 30, 0.0),
        (0.085, 0, None),
        (9.0, 1, None),  # 10 ^ 365
    ],
)
def test_a_return_of_some_days_is_a_return_of_a_year(rate, days, expected):
    found = annualized(rate, days)

    assert found == (None if expected is None else pytest.approx(expected, abs=1e-6))


def test_what_one_unit_earned_however_much_there_was():
    # 2 % of 1,000, then 2 % of 2,000: 1.02 * 1.02.
    assert time_weighted([Payout(1_000, 20), Payout(2_000, 40)]) == pytest.approx(0.0404)
    assert time_weighted([]) == 0


@pytest.mark.parametrize(
    "payouts", [[Payout(1, 10**6 + 2)], [Payout(1, 10**6)] * 20, [Payout(1, 2**63)] * 50]
)
def test_above_the_largest_rate_that_says_something_there_is_none(payouts):
    assert time_weighted(payouts) is None
    assert time_weighted([Payout(1, 10**6 - 1)]) == pytest.approx(10**6 - 1)


@pytest.mark.parametrize(
    "flows,expected",
    [
        ([flow(0, -1_000), flow(365, 1_100)], 0.1),
        ([flow(0, -1_000), flow(730, 1_210)], 0.1),
        ([flow(0, -1_000), flow(365, 100), flow(730, 1_100)], 0.1),
        ([flow(0, -1_000), flow(182, 0), flow(365, 1_000)], 0.0),
        # The example of Microsoft's page on XIRR: 0.373362535.
        (
            [
                Flow(date(2008, 1, 1), -10_000),
                Flow(date(2008, 3, 1), 2_750),
                Flow(date(2008, 10, 30), 4_250),
                Flow(date(2009, 2, 15), 3_250),
                Flow(date(2009, 4, 1), 2_750),
            ],
            0.373362535,
        ),
        ([flow(0, -1_000), flow(365, 1)], -0.999),
        ([flow(0, -1_000), flow(1, 1_010)], 1.01**365 - 1),
    ],
)
def test_the_rate_at_which_all_flows_are_worth_nothing(flows, expected):
    assert money_weighted(flows) == pytest.approx(expected, rel=1e-6, abs=1e-8)


@pytest.mark.parametrize(
    "flows",
    [
        [],
        [flow(0, -1_000)],
        [flow(0, -1_000), flow(0, 1_000)],
        [flow(0, -1_000), flow(1, 2_000)],  # 2 ^ 365: nothing that anybody is told
        [flow(0, -1_000), flow(10, -5)],
        [flow(0, 1_000), flow(10, 5)],
        [flow(0, 0), flow(10, 0)],
    ],
)
def test_there_is_not_always_such_a_rate(flows):
    assert money_weighted(flows) is None


@given(
    st.lists(st.tuples(st.integers(1, 3_649), st.integers(-(10**9), 10**9)), max_size=40),
    st.integers(1, 10**12),
    st.integers(1, 10**12),
)
def test_at_the_rate_that_is_found_the_flows_are_worth_nothing(middle, first, last):
    flows = [flow(0, -first), *(flow(*one) for one in sorted(middle)), flow(3_650, last)]

    rate = money_weighted(flows)

    assume(rate is not None and rate > -0.99)  # nearer to losing all, a float has too few digits
    weights = [(1 + rate) ** (-(one.day - DAY).days / 365) for one in flows]
    worth = [one.amount * weight for one, weight in zip(flows, weights, strict=True)]
    assert abs(sum(worth)) <= 1e-6 * sum(map(abs, worth))


@given(st.integers(1, 10**12), st.integers(-900, 1_000), st.integers(60, 3_650))
def test_one_sum_in_and_one_out_earn_the_same_by_every_rule(amount, permille, days):
    amount *= 1_000
    out = amount + amount * permille // 1_000

    assert money_weighted([flow(0, -amount), flow(days, out)]) == pytest.approx(
        annualized(permille / 1_000, days), rel=1e-9, abs=1e-12
    )
