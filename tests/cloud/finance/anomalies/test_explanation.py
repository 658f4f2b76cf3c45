"""Amounts and words as one person reads them."""

from datetime import UTC
from zoneinfo import ZoneInfo

import pytest

from cloud.finance.anomalies.evidence import Evidence
from cloud.finance.anomalies.explanation import Manner, explain, recommendations
from tests.cloud.finance.transactions.rows import row


@pytest.mark.parametrize(
    "locale, own, minor, currency, written",
    [
        ("en", "INR", 15_000_00, "INR", "₹15,000"),
        ("en-IN", "USD", 1_23_456_50, "INR", "₹1,23,456.50"),
        ("en", "INR", 1_00_00_000_00, "INR", "₹1,00,00,000"),
        ("en", "USD", 123_456_50, "USD", "$123,456.50"),
        ("en-GB", "GBP", 1_999, "GBP", "£19.99"),
        ("de-DE", "EUR", 1_234_50, "EUR", "1.234,50\xa0€"),
        ("en", "JPY", 15_000, "JPY", "¥15,000"),
        ("en", "EUR", 1_234_567, "KWD", "KWD\xa01,234.567"),
        ("qq", "INR", 100_000_00, "INR", "₹1,00,000"),
    ],
)
def test_amounts_are_written_as_in_the_persons_country(
    locale: str, own: str, minor: int, currency: str, written: str
) -> None:
    assert Manner(locale, own, UTC).amount(minor, currency) == written


MANNER = Manner("en", "INR", ZoneInfo("Asia/Kolkata"))
NIGHT = row(
    transaction_id=9,
    flagged=True,
    anomaly_score=0.9,
    at_us=1_705_699_800_000_000,  # 2024-01-19T21:30Z, 03:00 in Delhi
    merchant_name_raw=None,
)


def test_each_reason_is_told() -> None:
    told = explain(
        NIGHT,
        Evidence(
            count=8,
            mean_minor=100_000.0,
            deviation_minor=100.0,
            z=5.0,
            decision=-0.12,
            night=True,
            duplicate_of=4,
        ),
        MANNER,
        forest_installed=True,
    )

    assert told == (
        "This transaction for ₹1,250.50 is unusual because it's significantly higher than your typical "
        "spending in the Groceries category. Your average purchase there in the 90 days before was "
        "₹1,000, over 8 purchases, with a standard deviation of ₹1. As it hardly varies, 5% of the "
        "average counts as one deviation. This transaction is 5 standard deviations above your normal "
        "pattern. Also, its invoice number was already on transaction 4. Also, it was made at 03:00, in "
        "the middle of the night. Also, its amount, hour and haste together set it apart from your other "
        "purchases (isolation forest score -0.12, flagged from -0.1 down)."
    )


def test_a_duplicate_is_to_be_compared_with_the_other_and_what_was_decided_asks_nothing() -> None:
    steps = recommendations(NIGHT, Evidence(duplicate_of=4), MANNER)

    assert steps == [
        "Verify this is a legitimate purchase",
        "Compare it with transaction 4: if they are one, reject one",
        "Check your bank statement for ₹1,250.50 around 20 Jan 2024",
        "Contact merchant if suspicious",
    ]
    assert recommendations(row(flagged=True, confirmed=True), Evidence(), MANNER) == []
    assert recommendations(row(flagged=False), Evidence(), MANNER) == []
