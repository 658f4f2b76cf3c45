"""Any split adds up to the cent, for holders and for each holder's investments."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud.distributions.split import parts
from cloud.investments.model import TokenHolding

HOLDINGS = st.lists(st.tuples(st.integers(0, 8), st.integers(1, 10**18)), min_size=1, max_size=30)
"""Holder and tokens of each investment."""


def held(*rows):
    return [
        TokenHolding(investment_id=f"inv_{number}", account=f"acct_{who}", person_id=who, tokens=tokens)
        for number, (who, tokens) in enumerate(rows)
    ]


@given(st.integers(1, 10**13), HOLDINGS)
def test_the_parts_sum_to_the_total_and_each_part_to_its_investments(total, rows):
    found = parts(total, held(*rows))

    assert sum(part.amount_minor for part in found) == total
    for part in found:
        assert sum(amount for _, amount in part.by_investment) == part.amount_minor
        assert min(amount for _, amount in part.by_investment) >= 0


@given(st.integers(1, 10**13), HOLDINGS)
def test_nobody_is_a_cent_away_from_their_exact_part(total, rows):
    whole = sum(tokens for _, tokens in rows)
    for part in parts(total, held(*rows)):
        own = sum(tokens for who, tokens in rows if f"acct_{who}" == part.account)
        assert part.tokens == own
        assert abs(part.amount_minor - Fraction(total * own, whole)) < 1


@given(st.integers(1, 10**13), st.lists(st.integers(1, 10**18), min_size=2, max_size=6))
def test_many_small_investments_get_what_one_of_their_size_gets(total, tokens):
    small = parts(total, held((9, 10**17), *((1, one) for one in tokens)))
    large = parts(total, held((9, 10**17), (1, sum(tokens))))

    assert [part.amount_minor for part in small] == [part.amount_minor for part in large]


@given(st.integers(1, 10**9), HOLDINGS)
def test_each_holder_is_there_once_in_the_order_in_which_they_came(total, rows):
    found = parts(total, held(*rows))

    assert [part.account for part in found] == list(dict.fromkeys(f"acct_{who}" for who, _ in rows))
    listed = [investment for part in found for investment, _ in part.by_investment]
    assert sorted(listed) == sorted(f"inv_{number}" for number in range(len(rows)))


def test_the_odd_cents_go_to_the_largest_remainders_and_then_to_who_came_first():
    # 100 cents over 3 : 3 : 1 are 42.857, 42.857, 14.286: 42 + 42 + 14 leave two cents.
    assert [part.amount_minor for part in parts(100, held((1, 3), (2, 3), (3, 1)))] == [43, 43, 14]
    # 10 cents over three equal holders: one cent is left, and the first came first.
    assert [part.amount_minor for part in parts(10, held((7, 5), (8, 5), (9, 5)))] == [4, 3, 3]
    # 7 cents of one holder over two equal investments.
    assert parts(7, held((1, 5), (1, 5)))[0].by_investment == (("inv_0", 4), ("inv_1", 3))


def test_who_gets_less_than_a_cent_is_listed_with_nothing():
    assert [part.amount_minor for part in parts(1, held((1, 1), (2, 10)))] == [0, 1]


def test_nobody_is_no_split():
    with pytest.raises(ValueError, match="weights"):
        parts(100, [])
