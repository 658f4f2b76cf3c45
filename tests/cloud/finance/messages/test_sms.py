"""Messages of banks, cards, wallets and UPI apps: the corpus shape by shape, and what rules promise."""

from collections import Counter
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cloud.finance.messages.links import hosts, is_known, looks_like_fraud
from cloud.finance.messages.sms import SMS_CHARACTERS_MAX, read_sms
from cloud.finance.reading import Channel, Direction, Reading, Refusal, Refused
from shared.clock import from_micros, to_micros
from tests.cloud.finance.messages.corpus.shapes import PARTS, Message, messages

KOLKATA = ZoneInfo("Asia/Kolkata")
RECEIVED = datetime(2026, 1, 3, 14, 23, tzinfo=KOLKATA)
CORPUS = [message for part in PARTS for message in messages(part, 7)]


def read(text: str, *, sender: str | None = "VM-SOMEBK", currency: str = "INR") -> Reading | Refused:
    return read_sms(text, sender=sender, received_at_us=to_micros(RECEIVED), zone=KOLKATA, currency=currency)


def reading(text: str, **known: str) -> Reading:
    found = read(text, **known)
    assert isinstance(found, Reading), found
    return found


def of_corpus(message: Message) -> Reading | Refused:
    return read_sms(
        message.text,
        sender=message.sender,
        received_at_us=to_micros(message.received_at),
        zone=message.zone,
        currency=message.home,
    )


def test_the_corpus_is_as_large_as_promised() -> None:
    kinds = Counter(bool(message.refused) for message in CORPUS)

    assert sum(kinds.values()) >= 150
    assert kinds[True] >= 30


@pytest.mark.parametrize("message", [m for m in CORPUS if m.refused], ids=lambda m: m.text[:40])
def test_no_negative_is_booked(message: Message) -> None:
    found = of_corpus(message)

    assert isinstance(found, Refused)
    assert found.reason.value in message.refused


@pytest.mark.parametrize("message", [m for m in CORPUS if not m.refused], ids=lambda m: m.text[:40])
def test_what_moved_is_read(message: Message) -> None:
    found = of_corpus(message)

    assert isinstance(found, Reading), found
    assert (found.amount_minor.value, found.currency.value) == (message.amount_minor, message.currency)
    assert found.direction.value.value == message.direction
    assert not message.channels or found.channel.value.value in message.channels


@pytest.mark.parametrize("balance_first", [False, True])
def test_a_balance_is_never_the_amount(balance_first: bool) -> None:
    parts = ["Rs 250.00 debited from A/c XX1234", "Avl Bal Rs 9,999.00"]
    if balance_first:
        parts.reverse()

    assert reading(". ".join(parts)).amount_minor.value == 25_000


def test_a_balance_speaks_for_the_figure_behind_it_alone() -> None:
    assert reading("A/c XX1234 Bal Rs 900 Rs 50 debited").amount_minor.value == 5000


def test_the_worth_at_home_of_a_foreign_amount_is_booked() -> None:
    found = reading("USD 20.00 (INR 1,680.50) spent on card XX1234 at APP STORE on 03-01-26")

    assert (found.amount_minor.value, found.currency.value) == (168_050, "INR")


def test_every_field_of_one_message() -> None:
    found = reading(
        "Rs.1,250.50 spent on ABC Bank Card x4242 at BIG BAZAAR on 2026-01-03:14:22:10. Ref no 600112345678"
    )

    assert found.amount_minor.value == 125_050
    assert (found.direction.value, found.channel.value) == (Direction.DEBIT, Channel.CARD)
    assert (found.merchant.value, found.account.value, found.invoice_no.value) == (
        "BIG BAZAAR",
        "4242",
        "600112345678",
    )
    assert from_micros(found.at_us.value) == datetime(2026, 1, 3, 8, 52, 10, tzinfo=UTC)
    assert found.time_known


def test_a_message_without_a_day_happened_when_it_came_less_surely() -> None:
    dated, undated = (
        reading("Rs 5 debited from A/c XX1234 on 02-01-26"),
        reading("Rs 5 debited from A/c XX1234"),
    )

    assert from_micros(undated.at_us.value) == RECEIVED
    assert from_micros(dated.at_us.value) == datetime(2026, 1, 2, 12, tzinfo=KOLKATA)
    assert (dated.time_known, undated.time_known) == (False, True)
    assert undated.at_us.confidence < dated.at_us.confidence


def test_of_two_readings_of_a_date_the_one_that_is_not_ahead_counts() -> None:
    found = reading("Rs 5 debited from A/c XX1234 on 01/03/26")  # 1 March lies ahead; 3 January is today

    assert from_micros(found.at_us.value).astimezone(KOLKATA).date().isoformat() == "2026-01-03"


def test_a_private_number_is_believed_less() -> None:
    text = "Rs 500 debited from A/c XX1234 on 03-01-26 to VPA ravi@ybl"

    bank, person = reading(text), reading(text, sender="+919812345678")

    assert person.amount_minor.value == bank.amount_minor.value
    assert person.confidence < 0.9 <= bank.confidence


def test_a_sender_of_advertisements_books_nothing_without_an_account() -> None:
    found = read("Rs 500 cashback credited to your loyalty purse", sender="VM-SHOPPY-P")

    assert isinstance(found, Refused)
    assert found.reason is Refusal.OFFER


@pytest.mark.parametrize(
    "text",
    [
        "Rs 500 debited from A/c XX1234. Not you? Click http://hdfcbank.com.verify.xyz/x",
        "Rs 500 debited from A/c XX1234. Cancel at https://hdfcbank.com@evil.top/x",
        "Rs 500 debited from A/c XX1234. Dispute within 2 hours at bit.ly/3xyz",
        "Rs 500 credited to A/c XX1234 is on hold, verify KYC at sbi-kyc.in",
        "Your card was charged $500. Tap http://203.0.113.9/refund to reverse",
    ],
)
def test_a_strange_link_with_a_reason_to_hurry_is_never_booked(text: str) -> None:
    found = read(text)

    assert isinstance(found, Refused)
    assert found.reason is Refusal.PHISHING


def test_a_bank_s_own_link_is_no_fraud() -> None:
    found = reading(
        "Rs.500.00 sent from Kotak Bank AC X1234 to a@ybl. Not you, https://kotak.com/KBANKT/Fraud"
    )

    assert found.amount_minor.value == 50_000


def test_the_host_of_a_link_is_what_a_browser_would_open() -> None:
    assert hosts("see https://User@Evil.Top:8080/hdfcbank.com and www.sbi.co.in.") == [
        "evil.top",
        "sbi.co.in",
    ]
    assert is_known("net.hdfcbank.com")
    assert not is_known("nothdfcbank.com")
    assert not looks_like_fraud("Rs.500 at Amazon.Avl bal Rs.20", None)


@pytest.mark.parametrize(
    "text",
    [
        "Rs 500 will be debited from A/c XX1234 on 05-01-26",
        "Rs 500 was not debited from A/c XX1234",
        "If Rs 500 is debited from A/c XX1234, it will be returned",
        "Rs 500 to be debited from A/c XX1234",
    ],
)
def test_a_verb_that_is_not_yet_or_not_done_moves_nothing(text: str) -> None:
    assert isinstance(read(text), Refused)


def test_a_payment_whose_only_day_lies_ahead_is_not_booked() -> None:
    told = "Direct Debit payment of Rs 500 for RENT, account XX1234, on {}"

    assert isinstance(read(told.format("05-02-26")), Refused)
    assert isinstance(read(told.format("02-01-26")), Reading)


def test_a_noun_alone_without_any_trace_of_a_payment_books_nothing() -> None:
    assert isinstance(read("Purchase a phone for Rs 500"), Refused)
    assert isinstance(read("Payment of Rs 500 to RAVI is successful"), Reading)


def test_advice_behind_a_payment_does_not_refuse_it() -> None:
    found = reading(
        "Rs 500 debited from A/c XX1234. Never share your OTP with anyone. If declined, call 18001234. "
        "Not you? SMS BLOCK to 567676"
    )

    assert found.amount_minor.value == 50_000


def test_a_refusal_says_why_without_repeating_the_text() -> None:
    found = read("482913 is your OTP for Rs 500")

    assert isinstance(found, Refused)
    assert found.detail
    assert "482913" not in found.detail


@pytest.mark.parametrize("size", [SMS_CHARACTERS_MAX + 1, 10_000_000])
def test_what_is_longer_than_a_message_is_refused_unread(size: int) -> None:
    found = read("Rs 1 " * (size // 5 + 1))

    assert isinstance(found, Refused)
    assert found.reason is Refusal.TOO_LARGE


HOSTILE = [
    "1",
    ",",
    "1,",
    "Rs ",
    "Rs1,",
    "a.",
    "a@",
    " ",
    "-",
    "x",
    "*",
    "card ",
    "will be ",
    "1/",
    "://",
    "http://a.",
    "to ",
    "((",
]


@pytest.mark.timeout(20)
@pytest.mark.parametrize("piece", HOSTILE)
def test_the_longest_message_of_one_piece_repeated_is_read_in_bounded_work(piece: str) -> None:
    read((piece * SMS_CHARACTERS_MAX)[:SMS_CHARACTERS_MAX])
    read(("Rs 5 debited from " + piece * SMS_CHARACTERS_MAX)[:SMS_CHARACTERS_MAX])


@settings(max_examples=150)
@given(st.text(max_size=200), st.none() | st.text(max_size=12))
def test_no_text_crashes_the_reader(text: str, sender: str | None) -> None:
    read(text, sender=sender)


_WORDS = """Rs.1,23,456.00 debited credited will be OTP A/c XX1234 on 03-01-26 UPI balance not refund failed
to RAVI at card . ; 99999999999999999999 INR0.001"""
_PIECES = _WORDS.split()


@settings(max_examples=150)
@given(st.lists(st.sampled_from(_PIECES), max_size=14))
def test_whatever_is_booked_is_an_amount_in_the_text(pieces: list[str]) -> None:
    found = read(" ".join(pieces))

    if isinstance(found, Reading):
        assert found.amount_minor.value == 12_345_600
        assert 0 < found.confidence <= 1
