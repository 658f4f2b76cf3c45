"""Purchases as people tell them. Sent on Thursday 15 January 2026 at 20:30 in Mumbai."""

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud.finance.messages.note import NOTE_CHARACTERS_MAX, read_note
from cloud.finance.reading import Channel, Direction, Reading, Refusal, Refused
from shared.clock import from_micros, to_micros

KOLKATA = ZoneInfo("Asia/Kolkata")
SENT = datetime(2026, 1, 15, 20, 30, tzinfo=KOLKATA)


def read(text: str) -> Reading | Refused:
    return read_note(text, sent_at_us=to_micros(SENT), zone=KOLKATA, currency="INR")


@pytest.mark.parametrize(
    "text, minor, merchant",
    [
        ("paid 250 to Ravi for lunch", 25_000, "Ravi"),
        ("₹1,200 at Big Bazaar yesterday", 120_000, "Big Bazaar"),
        ("spent 99.50 at Cafe Coffee Day", 9950, "Cafe Coffee Day"),
        ("Paid Ravi 500", 50_000, "Ravi"),
        ("gave 2k to Anita", 200_000, "Anita"),
        ("1.5 lakh to Sharma Builders", 15_000_000, "Sharma Builders"),
        ("bought shoes from Bata for Rs 2,499/-", 249_900, "Bata"),
        ("lunch 250", 25_000, "lunch"),
        ("250 for auto", 25_000, "auto"),
        ("paid 300 for 2 coffees", 30_000, None),
        ("Uber 340 rs", 34_000, "Uber"),
    ],
)
def test_an_amount_and_a_name(text: str, minor: int, merchant: str | None) -> None:
    found = read(text)

    assert isinstance(found, Reading)
    assert (found.amount_minor.value, found.direction.value) == (minor, Direction.DEBIT)
    assert merchant is None or found.merchant.value == merchant


@pytest.mark.parametrize(
    "text", ["received 500 from Priya", "got 5000 salary", "Ravi paid me 300", "refund 120 from Amazon"]
)
def test_income(text: str) -> None:
    found = read(text)

    assert isinstance(found, Reading)
    assert found.direction.value is Direction.CREDIT


@pytest.mark.parametrize(
    "text, day",
    [
        ("paid 250 to Ravi", "2026-01-15"),
        ("paid 250 to Ravi yesterday", "2026-01-14"),
        ("paid 250 to Ravi the day before yesterday", "2026-01-13"),
        ("paid 250 to Ravi 3 days ago", "2026-01-12"),
        ("paid 250 to Ravi two weeks ago", "2026-01-01"),
        ("paid 250 to Ravi on Monday", "2026-01-12"),
        ("paid 250 to Ravi last Thursday", "2026-01-08"),
        ("paid 250 to Ravi on 5 Jan", "2026-01-05"),
        ("paid 250 to Ravi on 28/12", "2025-12-28"),
        ("paid 250 to Ravi on 02/01/2026", "2026-01-02"),
    ],
)
def test_the_day_is_told_as_people_tell_it(text: str, day: str) -> None:
    found = read(text)

    assert isinstance(found, Reading)
    assert found.amount_minor.value == 25_000
    assert from_micros(found.at_us.value).astimezone(KOLKATA).date().isoformat() == day


def test_the_time_is_that_of_sending_unless_told() -> None:
    now, told, day = (
        read("paid 250 to Ravi"),
        read("paid 250 to Ravi yesterday at 8 pm"),
        read("tea 20 yesterday"),
    )

    assert (from_micros(now.at_us.value), now.time_known) == (SENT, True)
    assert from_micros(told.at_us.value) == datetime(2026, 1, 14, 20, tzinfo=KOLKATA)
    assert told.time_known
    assert not day.time_known


@pytest.mark.parametrize(
    "text, channel",
    [
        ("paid 250 cash to Ravi", Channel.CASH),
        ("paid 250 to Ravi by gpay", Channel.UPI),
        ("paid 250 at Zara with my card", Channel.CARD),
        ("paid 250 to Ravi", None),
    ],
)
def test_how_it_was_paid_only_where_said(text: str, channel: Channel | None) -> None:
    found = read(text)

    assert (found.channel.value if found.channel else None) is channel


@pytest.mark.parametrize(
    "text, reason",
    [
        ("paid Ravi for lunch", Refusal.NO_AMOUNT),
        ("250", Refusal.UNCLEAR),
        ("₹200 tea and ₹300 lunch", Refusal.UNCLEAR),
        ("2 coffees 240", Refusal.UNCLEAR),
        ("will pay 500 to Ravi tomorrow", Refusal.SCHEDULED),
        ("I owe Ravi 300", Refusal.SCHEDULED),
        ("did I pay 500 to Ravi?", Refusal.NO_MOVEMENT),
        ("482913 is your OTP for Rs 500", Refusal.OTP),
        ("Rs 500 debited, click http://bit.ly/x to cancel", Refusal.PHISHING),
        ("x" * (NOTE_CHARACTERS_MAX + 1), Refusal.TOO_LARGE),
    ],
)
def test_what_is_no_purchase_is_refused_with_its_reason(text: str, reason: Refusal) -> None:
    found = read(text)

    assert isinstance(found, Refused)
    assert found.reason is reason


def test_a_bank_s_message_passed_on_is_read_as_one() -> None:
    found = read("Rs.500.00 debited from A/c XX1234 on 14-01-26 to VPA ravi@ybl (UPI Ref 600112345678)")

    assert isinstance(found, Reading)
    assert (found.account.value, found.invoice_no.value) == ("1234", "600112345678")


def test_a_person_s_own_account_does_not_make_it_a_bank_s_message() -> None:
    found = read("paid 250 to Ravi from my a/c XX1234")

    assert isinstance(found, Reading)
    assert (found.amount_minor.value, found.merchant.value) == (25_000, "Ravi")


@given(st.text(max_size=200))
def test_no_text_crashes_the_reader(text: str) -> None:
    read(text)
