"""All rules together, over forty made receipts and what a person may do to them."""

from datetime import UTC, date, datetime
from difflib import SequenceMatcher
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cloud.finance.reading import Direction, Reading, Refusal, Refused
from cloud.finance.receipts.fields import read_fields
from cloud.finance.receipts.model import Box
from tests.cloud.finance.receipts.made import COUNTRIES, Made, boxes, every, made

TODAY = date(2026, 11, 22)


def read(receipt: Made, *, slope: float = 0.0) -> Reading:
    country = receipt.country
    reading = read_fields(
        [boxes(receipt, slope=slope)],
        timezone=ZoneInfo(country.timezone),
        currency_hint=country.currency,
        locale=country.locale,
        today=TODAY,
    )
    assert isinstance(reading, Reading)
    return reading


def page(*rows: str) -> list[Box]:
    return [Box(row, 10, 30 * index, 10 + 11 * len(row), 30 * index + 20) for index, row in enumerate(rows)]


def fields_of(*rows: str, currency_hint: str = "INR", locale: str = "en-IN") -> Reading | Refused:
    zone = ZoneInfo("Asia/Kolkata")
    return read_fields([page(*rows)], timezone=zone, currency_hint=currency_hint, locale=locale, today=TODAY)


def same(first: str, second: str) -> float:
    plain = ["".join(one for one in text.casefold() if one.isalnum()) for text in (first, second)]
    return SequenceMatcher(None, *plain).ratio()


@pytest.mark.parametrize("receipt", every(), ids=lambda receipt: f"{receipt.country.code}-{receipt.number}")
def test_a_receipt_of_each_country_and_shape(receipt: Made) -> None:
    reading = read(receipt)
    assert reading.amount_minor.value == receipt.total_minor
    assert reading.currency.value == receipt.country.currency
    assert reading.at_us is not None
    assert (
        datetime.fromtimestamp(reading.at_us.value / 1e6, ZoneInfo(receipt.country.timezone)).date()
        == receipt.day
    )
    assert reading.merchant is not None
    assert same(reading.merchant.value, receipt.merchant) >= 0.9
    assert reading.invoice_no is not None
    assert reading.invoice_no.value == receipt.number
    assert reading.channel is not None
    assert reading.channel.value == receipt.channel


@settings(max_examples=40)
@given(
    st.sampled_from(COUNTRIES),
    st.integers(0, 4),
    st.integers(0, 10_000),
    st.floats(-0.03, 0.03, allow_nan=False),
)
def test_a_tilted_receipt_has_the_same_total(country: object, shape: int, seed: int, slope: float) -> None:
    receipt = made(country, shape, seed)  # type: ignore[arg-type]
    assert read(receipt, slope=slope).amount_minor.value == receipt.total_minor


def test_a_day_without_a_time_is_noon_where_the_person_lives() -> None:
    reading = fields_of("CITY MART", "Date: 05/03/2018", "Total Rs. 120.00")
    assert isinstance(reading, Reading)
    assert reading.at_us is not None
    assert datetime.fromtimestamp(reading.at_us.value / 1e6, UTC) == datetime(2018, 3, 5, 6, 30, tzinfo=UTC)
    assert not reading.time_known


def test_a_time_is_kept() -> None:
    reading = fields_of("CITY MART", "Date: 05/03/2018 20:15", "Total Rs. 120.00")
    assert isinstance(reading, Reading)
    assert reading.at_us is not None
    assert datetime.fromtimestamp(reading.at_us.value / 1e6, UTC) == datetime(2018, 3, 5, 14, 45, tzinfo=UTC)
    assert reading.time_known


def test_the_receipts_currency_beats_the_persons() -> None:
    reading = fields_of("KEDAI SDN BHD", "Jalan Besar", "Total RM 12.00", currency_hint="INR")
    assert isinstance(reading, Reading)
    assert reading.currency.value == "MYR"


def test_without_a_sign_it_is_the_persons_currency_and_less_sure() -> None:
    reading = fields_of("CORNER", "Total 12.00", currency_hint="AUD")
    assert isinstance(reading, Reading)
    assert reading.currency.value == "AUD"
    assert reading.currency.confidence < 0.9


def test_a_refund_is_money_that_came_back() -> None:
    reading = fields_of("CITY MART", "REFUND RECEIPT", "Date: 05/03/2018", "Total Rs. 120.00")
    assert isinstance(reading, Reading)
    assert reading.direction.value is Direction.CREDIT


def test_a_page_without_text_or_amount_is_refused() -> None:
    for rows in ((), ("hello", "world")):
        answer = fields_of(*rows)
        assert isinstance(answer, Refused)
        assert answer.reason is Refusal.NO_AMOUNT


def test_a_total_that_nothing_supports_is_not_sure() -> None:
    unsupported = fields_of("CITY MART", "12.00", "13.00")
    assert isinstance(unsupported, Reading)
    assert unsupported.amount_minor.confidence < 0.5


@given(st.lists(st.text(max_size=30), max_size=12))
def test_any_text_has_an_answer(rows: list[str]) -> None:
    answer = fields_of(*rows)
    if isinstance(answer, Reading):
        assert answer.amount_minor.value > 0
        assert 0 <= answer.confidence <= 1
