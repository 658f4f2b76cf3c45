"""When two rows tell one purchase, by cases people know."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud.finance.duplicates.likeness import SAME_FROM, likeness
from cloud.finance.reading import Channel, Direction
from cloud.finance.transactions.model import SourceType, Transaction
from tests.cloud.finance.transactions.rows import row

HOUR_US = 3_600_000_000
DAY_US = 24 * HOUR_US
NOON_US = 20_000 * DAY_US + 12 * HOUR_US

SMS, MAIL, PHOTO = SourceType.SMS, SourceType.GMAIL, SourceType.UPLOAD
FEED, BANK = SourceType.UPI_FEED, SourceType.STATEMENT


def told(source: SourceType, **changes: object) -> Transaction:
    return row(**{"source_type": source, "at_us": NOON_US, "payment_channel": None} | changes)


SAME = {
    "a receipt and the message of the card, minutes apart, whoever the bank names": (
        told(PHOTO, merchant_name_raw="Cafe Luna", at_us=NOON_US + HOUR_US // 10),
        told(SMS, merchant_name_raw=None),
    ),
    "a day-only message and the mail of the shop": (
        told(SMS, merchant_name_raw="AMAZON PAY INDIA PVT LTD", time_known=False),
        told(
            MAIL, merchant_name_raw="Amazon.in", invoice_no="171-1234567-8901234", at_us=NOON_US + 5 * HOUR_US
        ),
    ),
    "a payment in the feed and its message, by the payment's number": (
        told(FEED, merchant_name_raw="zomato@paytm", invoice_no="412345678901"),
        told(SMS, merchant_name_raw=None, invoice_no="UPI/412345678901", at_us=NOON_US + 3 * HOUR_US),
    ),
    "a statement's line two days later": (
        told(SMS, merchant_name_raw="BIG BAZAAR"),
        told(BANK, merchant_name_raw="POS BIGBAZAAR", time_known=False, at_us=NOON_US + 2 * DAY_US),
    ),
    "a receipt with the seller's number and a message with the bank's": (
        told(PHOTO, merchant_name_raw="Taj Restaurant", invoice_no="B-77"),
        told(
            SMS, merchant_name_raw="TAJ RESTAURANT MUMBAI", invoice_no="412345678901", at_us=NOON_US + HOUR_US
        ),
    ),
    "the bank's message and the wallet's, by the payment's number": (
        told(SMS, merchant_name_raw="swiggy@ybl", invoice_no="412345678901"),
        told(SMS, merchant_name_raw=None, invoice_no="412345678901", at_us=NOON_US + HOUR_US),
    ),
    "a payment that a feed tells again with more": (
        told(FEED, merchant_name_raw=None, invoice_no="412345678901"),
        told(FEED, merchant_name_raw="Zomato", invoice_no="412345678901"),
    ),
    "a line in two statements whose days overlap": (
        told(BANK, merchant_name_raw="CAFE LUNA", time_known=False, source_id=1),
        told(BANK, merchant_name_raw="CAFE LUNA", time_known=False, source_id=2),
    ),
}
OTHER = {
    "two lines of one statement": (
        told(BANK, merchant_name_raw="CAFE LUNA", time_known=False, source_id=1),
        told(BANK, merchant_name_raw="CAFE LUNA", time_known=False, source_id=1),
    ),
    "the last day of a statement and the first of the next": (
        told(BANK, merchant_name_raw="CAFE LUNA", time_known=False, source_id=1),
        told(BANK, merchant_name_raw="CAFE LUNA", time_known=False, source_id=2, at_us=NOON_US + DAY_US),
    ),
    "lines of two accounts": (
        told(BANK, merchant_name_raw="CAFE LUNA", account_digits="1234", source_id=1),
        told(BANK, merchant_name_raw="CAFE LUNA", account_digits="9876", source_id=2),
    ),
    "lines of two statements that name nobody": (
        told(BANK, merchant_name_raw=None, source_id=1),
        told(BANK, merchant_name_raw=None, source_id=2),
    ),
    "two receipts with one seller's number, which may be a double charge": (
        told(PHOTO, invoice_no="INV-1"),
        told(PHOTO, invoice_no="INV-1", at_us=NOON_US + HOUR_US),
    ),
    "a payment's number that comes again a week later": (
        told(SMS, invoice_no="412345678901"),
        told(SMS, invoice_no="412345678901", at_us=NOON_US + 7 * DAY_US),
    ),
    "two receipts with the same sum on one day": (told(PHOTO), told(PHOTO)),
    "two messages about two bus tickets": (
        told(SMS, merchant_name_raw="BMTC"),
        told(SMS, merchant_name_raw="BMTC"),
    ),
    "a receipt and a mail with different numbers": (
        told(PHOTO, invoice_no="INV-1"),
        told(MAIL, invoice_no="INV-2"),
    ),
    "two payments with different numbers": (
        told(FEED, invoice_no="412345678901"),
        told(SMS, invoice_no="412345678902"),
    ),
    "a different amount by a paisa": (told(PHOTO), told(SMS, amount_minor=125_051)),
    "another currency": (told(PHOTO), told(SMS, currency="EUR")),
    "a purchase and its refund": (told(PHOTO), told(SMS, direction=Direction.CREDIT)),
    "different sellers on one day": (
        told(PHOTO, merchant_name_raw="Cafe Luna"),
        told(SMS, merchant_name_raw="Indian Oil"),
    ),
    "the same sum a week later": (told(SMS), told(BANK, time_known=False, at_us=NOON_US + 7 * DAY_US)),
    "a line of a statement before the purchase": (
        told(SMS),
        told(BANK, time_known=False, at_us=NOON_US - 2 * DAY_US),
    ),
    "the ticket there by message and the ticket back in the feed": (
        told(SMS, merchant_name_raw="BMTC", payment_channel=Channel.UPI),
        told(FEED, merchant_name_raw="bmtc@upi", payment_channel=Channel.UPI, at_us=NOON_US + 9 * HOUR_US),
    ),
    "Monday's lunch on a receipt without a time and Tuesday's by message": (
        told(PHOTO, merchant_name_raw="Canteen", time_known=False),
        told(SMS, merchant_name_raw="CANTEEN", at_us=NOON_US + 25 * HOUR_US),
    ),
    "paid in cash, and by UPI": (
        told(PHOTO, payment_channel=Channel.CASH),
        told(SMS, payment_channel=Channel.UPI, at_us=NOON_US + 3 * HOUR_US),
    ),
    "from another account": (
        told(MAIL, account_digits="1234"),
        told(SMS, account_digits="9876", at_us=NOON_US + 3 * HOUR_US),
    ),
    "nothing but the sum and the day": (
        told(PHOTO, merchant_name_raw=None, time_known=False),
        told(SMS, merchant_name_raw=None),
    ),
}


@pytest.mark.parametrize("case", SAME)
def test_one_purchase(case: str) -> None:
    assert likeness(*SAME[case]) >= SAME_FROM


@pytest.mark.parametrize("case", OTHER)
def test_two_purchases(case: str) -> None:
    assert likeness(*OTHER[case]) < SAME_FROM


rows = st.builds(
    told,
    st.sampled_from(SourceType),
    at_us=st.integers(NOON_US, NOON_US + 5 * DAY_US),
    time_known=st.booleans(),
    merchant_name_raw=st.sampled_from([None, "Cafe Luna", "CAFE LUNA MUMBAI", "Indian Oil", "98765@ybl"]),
    invoice_no=st.sampled_from([None, "INV-1", "INV-2", "412345678901", "412345678902"]),
    payment_channel=st.sampled_from([None, *Channel]),
    account_digits=st.sampled_from([None, "1234", "9876"]),
)


@given(rows, rows)
def test_it_lies_between_0_and_1_and_is_the_same_whichever_comes_first(
    one: Transaction, other: Transaction
) -> None:
    assert 0 <= likeness(one, other) == likeness(other, one) <= 1
