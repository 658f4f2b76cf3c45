"""Amounts as people and banks write them; what nobody writes is no amount."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud.finance.messages.money import mentions, read_number
from tests.cloud.finance.messages.corpus.shapes import grouped


@pytest.mark.parametrize(
    "text, currency, minor",
    [
        ("Rs.1,23,456.78", "INR", 12_345_678),
        ("Rs 500/-", "INR", 50_000),
        ("INR500", "INR", 50_000),
        ("₹ 1,200", "INR", 120_000),
        ("500 rupees", "INR", 50_000),
        ("Rs 2.5 lakh", "INR", 25_000_000),
        ("₹1 crore", "INR", 1_000_000_000),
        ("Rs 5k", "INR", 500_000),
        ("$12.34", "USD", 1234),
        ("US$ 12", "USD", 1200),
        ("£1,234.50", "GBP", 123_450),
        ("1.234,56 €", "EUR", 123_456),
        ("EUR 12,50", "EUR", 1250),
        ("JPY 1,200", "JPY", 1200),
        ("KWD 1.234", "KWD", 1234),
        ("CHF 1'234.50", "CHF", 123_450),
    ],
)
def test_an_amount_with_its_currency(text: str, currency: str, minor: int) -> None:
    (found,) = mentions(f"paid {text} today", home="INR")

    assert (found.amount_minor, found.currency, found.named) == (minor, currency, True)


@pytest.mark.parametrize(
    "text", ["hrs 500", "A/c XX1234", "TOP 10", "Ref 123456789012", "Rs 0", "Rs.", "INR 12.345"]
)
def test_what_is_no_amount(text: str) -> None:
    assert mentions(text, home="INR") == []


def test_a_dollar_is_the_person_s_own() -> None:
    assert mentions("$5", home="SGD")[0].currency == "SGD"
    assert mentions("$5", home="INR")[0].currency == "USD"


def test_a_bare_figure_counts_behind_a_verb_and_only_alone() -> None:
    assert [m.amount_minor for m in mentions("A/c debited by 250.0 on 03Jan26", home="INR")] == [25_000]
    assert [m.amount_minor for m in mentions("Rs 9 paid, txn 600112345", home="INR")] == [900]


@pytest.mark.parametrize("text", ["1,2,3", "12,34,56", "1.2.3", "1,234,56", "1234,567.00", "1.234"])
def test_figures_that_nobody_groups_so(text: str) -> None:
    assert read_number(text, currency="INR") is None


@given(st.integers(1, 10**15 - 1), st.booleans())
def test_grouped_figures_come_back(minor: int, indian: bool) -> None:
    written = grouped(minor, indian=indian)

    assert read_number(written, currency="INR") == Decimal(minor) / 100
    assert [m.amount_minor for m in mentions(f"Rs.{written}", home="INR")] == [minor]


@given(st.integers(1, 10**12))
def test_european_figures_come_back(minor: int) -> None:
    whole, cents = divmod(minor, 100)
    written = f"{whole:,}".replace(",", ".") + f",{cents:02d}"

    assert read_number(written, currency="EUR") == Decimal(minor) / 100
