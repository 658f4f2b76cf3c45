"""Money: exact in, exact out, nothing lost in a split."""

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.money import (
    AMOUNT_MAX,
    BadAmount,
    parse_amount,
    round_decimal,
    round_down,
    round_half_even,
    show_amount,
    split,
)


@pytest.mark.parametrize(
    "value, decimals, units",
    [
        (1, 7, 10_000_000),
        (0.1, 7, 1_000_000),
        (533.33, 7, 5_333_300_000),
        ("533.33", 7, 5_333_300_000),
        (Decimal("0.0000001"), 7, 1),
        (Decimal("1.10"), 1, 11),
        (Decimal("1E+2"), 2, 10_000),
        (-2.5, 1, -25),
        (0, 7, 0),
        (Decimal("-0.00"), 0, 0),
        (Decimal("0E+400"), 7, 0),
        (Decimal("922337203685.4775807"), 7, AMOUNT_MAX),
        (Decimal("-922337203685.4775807"), 7, -AMOUNT_MAX),
    ],
)
def test_an_exact_amount_becomes_units(value, decimals, units):
    assert parse_amount(value, decimals=decimals, field="amount") == units


def test_a_million_zeros_take_no_longer_than_reading_them():
    """A body holds so many. With a copy of the others for each, the service would stand still for minutes."""
    zeros = "0" * 1_000_000

    assert parse_amount(Decimal("2.5" + zeros), decimals=1, field="amount") == 25
    assert parse_amount(Decimal("-20." + zeros), decimals=0, field="amount") == -20


@pytest.mark.parametrize(
    "value",
    [
        Decimal("NaN"),
        Decimal("sNaN"),
        Decimal("Infinity"),
        Decimal("-Infinity"),
        float("nan"),
        float("inf"),
        "NaN",
        "1e400",
        Decimal("1e400"),
        Decimal("1e-400"),
        Decimal("0.00000001"),
        Decimal("922337203685.4775808"),
        10**12,
        "",
        "one",
        "1,5",
        True,
        None,
        [1],
        {"amount": 1},
    ],
    ids=str,
)
def test_what_is_no_exact_amount_is_refused_with_its_field(value):
    with pytest.raises(BadAmount, match=r"^amount "):
        parse_amount(value, decimals=7, field="amount")


@given(st.integers(-AMOUNT_MAX, AMOUNT_MAX), st.sampled_from([0, 2, 6, 7]))
def test_what_is_shown_can_be_taken_back(units, decimals):
    shown = show_amount(units, decimals=decimals)

    assert parse_amount(shown, decimals=decimals, field="amount") == units


@pytest.mark.parametrize(
    "units, shown",
    [(5_333_300_000, "533.33"), (0, "0"), (10_000_000_000, "1000"), (-15_000_000, "-1.5"), (1, "1E-7")],
)
def test_an_amount_is_shown_without_trailing_zeros(units, shown):
    assert str(show_amount(units)) == shown


@pytest.mark.parametrize(
    "value, step, rounded",
    [
        (Fraction(5, 2), 1, 2),
        (Fraction(7, 2), 1, 4),
        (Fraction(-5, 2), 1, -2),
        (Decimal("2.51"), 1, 3),
        (Fraction(16_000, 3), 1, 5333),
        # 0.5 kWh at 3.92 V: 526.666… LT in 10^-7 units, to 0.01 LT, is 526.67 LT.
        (Fraction(15_800_000_000, 3), 100_000, 5_266_700_000),
        (150_000, 100_000, 200_000),
        (250_000, 100_000, 200_000),
    ],
)
def test_ties_go_to_the_even_multiple(value, step, rounded):
    assert round_half_even(Fraction(value), to_units=step) == rounded


def test_rounding_down_is_towards_minus_infinity():
    assert (round_down(Fraction(7, 2)), round_down(Fraction(-7, 2)), round_down(Fraction(4))) == (3, -4, 4)


@pytest.mark.parametrize(
    "total, weights, parts",
    [
        (100, [1, 1, 1], [34, 33, 33]),
        (-100, [1, 1, 1], [-34, -33, -33]),
        (10, [1, 2, 3], [2, 3, 5]),
        (1, [1, 1], [1, 0]),
        (7, [0, 5, 0], [0, 7, 0]),
        (0, [3, 4], [0, 0]),
    ],
)
def test_a_split_goes_by_the_largest_remainder(total, weights, parts):
    assert split(total, weights) == parts


@given(
    st.integers(-AMOUNT_MAX, AMOUNT_MAX),
    st.lists(st.integers(0, 10**12), min_size=1, max_size=12).filter(any),
)
def test_the_parts_of_a_split_sum_to_the_whole_and_miss_their_share_by_less_than_one(total, weights):
    parts = split(total, weights)

    assert sum(parts) == total
    for part, weight in zip(parts, weights, strict=True):
        assert abs(part - Fraction(total * weight, sum(weights))) < 1


@pytest.mark.parametrize("weights", [[], [0, 0], [2, -1]])
def test_weights_that_share_nothing_are_refused(weights):
    with pytest.raises(ValueError, match="weights"):
        split(10, weights)


@pytest.mark.parametrize(
    "value, places, rounded",
    [(1.0666666666666667, 3, "1.067"), (2.675, 2, "2.68"), (2.665, 2, "2.66"), (Decimal("7.375"), 2, "7.38")],
)
def test_a_shown_number_is_rounded_from_its_shortest_decimal_form(value, places, rounded):
    assert str(round_decimal(value, places)) == rounded
