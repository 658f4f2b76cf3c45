"""Figures of several countries, and what engines make of them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud.finance.receipts.figures import Point, figures_in, mended, point_of


def minors(text: str, *, decimals: int = 2, point: Point = Point.DOT) -> list[int]:
    return [figure.minor for figure in figures_in(text, decimals=decimals, point=point)]


@pytest.mark.parametrize(
    "text, minor",
    [
        ("TOTAL 12.30", 1230),
        ("RM12.30", 1230),
        ("Grand Total Rm 1,234.50", 123450),
        ("Net Amount ₹1,23,456.00", 12345600),
        ("Total $0.99", 99),
        ("(2.50)", -250),
        ("Discount -2.50", -250),
        ("1.50-", -150),
        ("Total 7", 700),
    ],
)
def test_a_dot_parts_the_decimals(text: str, minor: int) -> None:
    assert minors(text) == [minor]


@pytest.mark.parametrize(
    "text, minor",
    [("Summe EUR 1.234,56", 123456), ("Total TTC 12,50 €", 1250), ("1 234,56", 123456), ("1.234", 123400)],
)
def test_a_comma_parts_the_decimals(text: str, minor: int) -> None:
    assert minors(text, point=Point.COMMA) == [minor]


def test_yen_have_no_decimals() -> None:
    assert minors("合計 ¥1,234", decimals=0) == [1234]
    assert minors("￥98", decimals=0) == [98]


def test_dinars_have_three_decimals() -> None:
    assert minors("TOTAL KWD 1.250", decimals=3) == [1250]


@pytest.mark.parametrize(
    "read, minor",
    [
        ("6.0O", 600),
        ("O.40", 40),
        ("4 .60", 460),
        ("12. 50", 1250),
        ("1O.00", 1000),
        ("l2.00", 1200),
        ("\uff18.90", 890),
    ],
)
def test_letters_that_engines_read_for_digits_are_mended(read: str, minor: int) -> None:
    assert minors(f"TOTAL {read}") == [minor]


@pytest.mark.parametrize(
    "text",
    ["GST 6%", "12:30:45", "25/12/2018", "03-40210276", "GST ID 000750673920", "T-12345", "x99999999999"],
)
def test_percentages_times_dates_and_codes_are_no_amounts(text: str) -> None:
    assert [figure for figure in figures_in(text, decimals=2, point=Point.DOT) if figure.exact] == []


def test_the_receipt_itself_shows_which_mark_parts_decimals() -> None:
    assert point_of(["Brot 2,50", "Kaffee 3,20", "Tel 09.31"]) is Point.COMMA
    assert point_of(["Milo 2.50"]) is Point.DOT
    assert point_of([]) is Point.DOT


def test_three_digits_behind_the_decimal_mark_are_thousands_only_behind_the_other_mark() -> None:
    assert minors("9.000", point=Point.DOT) == [900]
    assert minors("9.000", point=Point.COMMA) == [900000]
    assert minors("9,000") == [900000]


@given(st.integers(1, 10**9))
def test_what_is_printed_is_read_back(minor: int) -> None:
    whole, rest = divmod(minor, 100)
    assert minors(f"TOTAL {whole:,}.{rest:02d}") == [minor]
    german = f"{whole:,}".replace(",", ".")
    assert minors(f"SUMME {german},{rest:02d}", point=Point.COMMA) == [minor]


@given(st.text(max_size=60))
def test_any_text_is_read_without_an_error(text: str) -> None:
    for figure in figures_in(text, decimals=2, point=Point.DOT):
        assert isinstance(figure.minor, int)
    assert isinstance(mended(text), str)
