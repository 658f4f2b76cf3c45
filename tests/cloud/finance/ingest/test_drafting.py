"""A reading becomes a row."""

from datetime import datetime
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from cloud.finance.ingest.drafting import draft, noon_us
from cloud.finance.reading import Channel, Direction, Found, Reading
from cloud.finance.transactions.model import SourceType, Transaction
from shared.clock import from_micros, to_micros

KOLKATA = ZoneInfo("Asia/Kolkata")
CAME_US = to_micros(datetime.fromisoformat("2026-01-31T20:00:00Z"))  # the 1st of February there

READING = Reading(
    amount_minor=Found(45_000, 0.98),
    currency=Found("INR", 0.9),
    direction=Found(Direction.DEBIT, 0.95),
)


def drafted(reading: Reading) -> Transaction:
    return draft(
        reading,
        Found("Groceries", 0.8),
        person_id=7,
        source_type=SourceType.SMS,
        source_id=3,
        came_at_us=CAME_US,
        now_us=CAME_US + 5,
        zone=KOLKATA,
    )


def test_what_was_not_found_stays_empty_and_the_day_is_that_of_its_coming() -> None:
    row = drafted(READING)

    assert from_micros(row.at_us) == datetime.fromisoformat("2026-02-01T12:00:00+05:30")
    assert row.time_known is False
    assert (row.merchant_name_raw, row.invoice_no, row.payment_channel) == (None, None, None)
    assert (row.amount_minor, row.currency, row.direction) == (45_000, "INR", Direction.DEBIT)
    assert (row.ocr_confidence, row.classification_confidence) == (0.95, 0.8)
    assert (row.person_id, row.source_type, row.source_id, row.created_at_us) == (
        7,
        SourceType.SMS,
        3,
        CAME_US + 5,
    )
    assert (row.confirmed, row.flagged, row.merged_into) == (None, False, None)


def test_what_was_found_is_taken_as_it_is() -> None:
    row = drafted(
        Reading(
            amount_minor=Found(1, 1.0),
            currency=Found("JPY", 1.0),
            direction=Found(Direction.CREDIT, 1.0),
            at_us=Found(5, 0.6),
            time_known=True,
            merchant=Found("Taj", 0.9),
            invoice_no=Found("A1", 0.9),
            channel=Found(Channel.CARD, 0.9),
            account=Found("1234", 0.9),
        )
    )

    assert (row.at_us, row.time_known, row.ocr_confidence) == (5, True, 0.6)
    assert (row.merchant_name_raw, row.invoice_no, row.account_digits) == ("Taj", "A1", "1234")
    assert row.payment_channel is Channel.CARD


@given(
    at_us=st.integers(0, 4_000_000_000_000_000),
    name=st.sampled_from(["Asia/Kolkata", "America/New_York", "Pacific/Apia", "UTC"]),
)
def test_noon_is_of_the_same_local_day(at_us: int, name: str) -> None:
    zone = ZoneInfo(name)
    noon = from_micros(noon_us(at_us, zone)).astimezone(zone)

    assert (noon.hour, noon.minute) == (12, 0)
    assert noon.date() == from_micros(at_us).astimezone(zone).date()
