"""What a purchase is held against: the 90 days before it, nothing else."""

from zoneinfo import ZoneInfo

import pytest

from cloud.finance.anomalies.evidence import Assessment, Evidence, Past, assess
from cloud.finance.reading import Direction
from cloud.finance.transactions.model import Transaction
from tests.cloud.finance.transactions.rows import row

DAY_US = 86_400_000_000
DELHI = ZoneInfo("Asia/Kolkata")
NOW_US = 20_000 * DAY_US + 12 * 3_600_000_000  # 12:00 UTC, 17:30 in Delhi


def purchase(number: int, *, days_before: float, amount: int = 1_000, **changes: object) -> Transaction:
    at_us = NOW_US - int(days_before * DAY_US)
    return row(transaction_id=number, at_us=at_us, amount_minor=amount, **changes)


def judged(
    transaction: Transaction, *others: Transaction, kept: Evidence | None = None, zone: str = "Asia/Kolkata"
) -> Assessment:
    return assess(
        transaction, past=Past(others), same_invoice=others, zone=ZoneInfo(zone), kept=kept or Evidence()
    )


def test_the_window_is_the_90_days_before_and_the_item_itself_is_no_part_of_it() -> None:
    item = purchase(100, days_before=0, amount=9_999)
    inside = [
        purchase(n, days_before=day, amount=1_000 + n) for n, day in enumerate((90, 50, 20, 1, 0.001), 1)
    ]
    outside = [purchase(11, days_before=90.0001, amount=10**6), purchase(12, days_before=-1, amount=10**6)]

    evidence = judged(item, item, *inside, *outside).evidence

    assert evidence.count == 5
    assert evidence.mean_minor == 1_003


def test_rejected_and_merged_rows_are_no_part_of_the_window() -> None:
    others = [purchase(n, days_before=n) for n in range(1, 6)]
    unlike = [
        purchase(21, days_before=3, amount=10**6, confirmed=False),
        purchase(22, days_before=3, amount=10**6, merged_into=1),
    ]

    evidence = judged(purchase(100, days_before=0), *others, *unlike).evidence

    assert (evidence.count, evidence.mean_minor) == (5, 1_000)


def test_of_two_at_one_time_the_later_known_is_held_against_the_earlier() -> None:
    others = [purchase(n, days_before=n) for n in range(1, 5)]
    first, second = purchase(50, days_before=0), purchase(51, days_before=0)

    assert judged(first, *others, second).evidence.count == 4
    assert judged(second, *others, first).evidence.count == 5


@pytest.mark.parametrize(
    "hour, minute, is_night",
    [(1, 59, False), (2, 0, True), (5, 59, True), (6, 0, False)],
)
def test_night_is_two_to_six_where_the_person_lives(hour: int, minute: int, is_night: bool) -> None:
    minutes_utc = hour * 60 + minute - 330  # Delhi is 5:30 ahead
    item = row(transaction_id=1, at_us=20_000 * DAY_US + minutes_utc * 60_000_000)

    assert judged(item).evidence.night is is_night


def test_an_hour_that_is_not_known_is_no_night() -> None:
    at_us = 20_000 * DAY_US + 3 * 3_600_000_000

    assert judged(row(transaction_id=1, at_us=at_us), zone="UTC").verdict.flagged
    assert not judged(row(transaction_id=1, at_us=at_us, time_known=False), zone="UTC").verdict.flagged


def test_an_invoice_number_seen_before_is_a_duplicate_whatever_the_category() -> None:
    item = purchase(9, days_before=0, invoice_no="INV-1", merchant_id=7)
    before = purchase(3, days_before=40, invoice_no="INV-1", merchant_id=7, category="Transport")

    found = assess(item, past=Past([]), same_invoice=[before, item], zone=DELHI, kept=Evidence())

    assert found.evidence.duplicate_of == 3
    assert found.verdict.score == pytest.approx(0.8)
    assert found.evidence.similar == (3,)


@pytest.mark.parametrize(
    "other",
    [
        {"merchant_id": 8},
        {"confirmed": False},
        {"merged_into": 1},
        {"direction": Direction.CREDIT},
        {"invoice_no": "INV-2"},
        {"at_us": NOW_US + 1},
        {"at_us": NOW_US - 90 * DAY_US - 1},
    ],
)
def test_what_is_no_duplicate(other: dict[str, object]) -> None:
    item = purchase(9, days_before=0, invoice_no="INV-1", merchant_id=7)
    before = row(
        **{"transaction_id": 3, "at_us": NOW_US - 1, "invoice_no": "INV-1", "merchant_id": 7} | other
    )

    assert judged(item, before).evidence.duplicate_of is None


def test_what_was_told_before_a_number_was_sealed_is_kept() -> None:
    item = purchase(9, days_before=0, encrypted_data="{}")

    assert judged(item, kept=Evidence(duplicate_of=3, decision=-0.2)).verdict.reason == (
        "Isolation Forest flagged as outlier; Duplicate invoice number"
    )


def test_similar_ones_are_of_the_same_merchant_first_then_of_nearest_amount() -> None:
    others = [purchase(n, days_before=n, amount=1_000 + n, merchant_id=5) for n in range(1, 6)]
    own = purchase(8, days_before=70, amount=900, merchant_id=7)
    item = purchase(9, days_before=0, amount=5_000, merchant_id=7)

    found = judged(item, *others, own)

    assert found.verdict.flagged
    assert found.evidence.similar == (8, 5, 4)
    assert judged(purchase(9, days_before=0, merchant_id=5), *others).evidence.similar == ()
