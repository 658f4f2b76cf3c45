"""When names are one merchant, and what groups come to."""

from fractions import Fraction

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from cloud.finance.reading import Channel, Direction
from cloud.finance.transactions.figures import Group, figures
from cloud.finance.transactions.merchants import merchant_key, shown_name
from cloud.finance.transactions.model import SourceType


@pytest.mark.parametrize(
    "one, other",
    [
        ("Big Bazaar", "BIG  BAZAAR"),
        ("Café Zoë", "cafe zoe"),
        ("Amazon India Pvt. Ltd.", "Amazon-India"),
        ("McDonald's", "MCDONALD S"),
    ],
)
def test_spellings_of_one_merchant_have_one_key(one: str, other: str) -> None:
    assert merchant_key(one) == merchant_key(other)


@pytest.mark.parametrize("one, other", [("Uber", "Uber Eats"), ("7", "8"), ("₹", "$"), ("Ltd", "Pvt")])
def test_different_merchants_have_different_keys(one: str, other: str) -> None:
    assert merchant_key(one) != merchant_key(other)


@example("0 \x9f 0")
@example("e\x9f\u0301")
@given(st.text(max_size=300))
def test_a_shown_name_is_one_printable_line_and_stays_as_it_is(text: str) -> None:
    name = shown_name(text)

    assert name.isprintable()
    assert len(name) <= 200
    assert shown_name(name) == name
    if name:
        assert merchant_key(name)


GROUPS = st.builds(
    Group,
    currency=st.sampled_from(["INR", "USD", "JPY"]),
    direction=st.sampled_from(Direction),
    category=st.sampled_from(["Groceries", "Transport", "Unknown"]),
    payment_channel=st.none() | st.sampled_from(Channel),
    source_type=st.sampled_from(SourceType),
    flagged=st.booleans(),
    transactions=st.integers(1, 1_000),
    amount_minor=st.integers(1, 10**12),
)


@given(st.lists(GROUPS, max_size=20))
def test_every_transaction_is_counted_in_one_place_and_parts_add_up(groups: list[Group]) -> None:
    found = figures(groups, "INR")

    sums = [found.spent, found.received, *(one for pair in found.other_currencies.values() for one in pair)]
    assert sum(one.transactions for one in sums) == sum(one.transactions for one in groups)
    assert sum(one.amount_minor for one in sums) == sum(one.amount_minor for one in groups)
    assert sum(found.by_category.values()) == found.spent.amount_minor
    assert sum(found.by_payment_channel.values()) == found.spent.transactions
    assert sum(found.by_source_type.values()) == found.spent.transactions
    assert found.flagged <= found.spent.transactions
    assert "INR" not in found.other_currencies
    if found.spent.transactions:
        exact = Fraction(found.spent.amount_minor, found.spent.transactions)
        assert abs(found.avg_minor - exact) <= Fraction(1, 2)
