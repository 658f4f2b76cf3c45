"""What a message means does not hang on how it is written: the corpus, changed in ways that keep the meaning
and in ways that make it untrue.
"""

import re
from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cloud.finance.messages.sms import read_sms
from cloud.finance.reading import Direction, Reading, Refusal, Refused
from shared.clock import to_micros
from tests.cloud.finance.messages.corpus.shapes import PARTS, Message, messages

Change = Callable[[str], str]
POSITIVES = [message for part in PARTS for message in messages(part, 11) if not message.refused]
_SIGN = re.compile(r"(?:Rs[.:]? ?|INR ?|₹ ?)(?=\d)")
_MASK = re.compile(r"\b[Xx]{2,}(\d{4})\b")
_DONE = re.compile(
    r"(?:\b(?:is|has been|was|have been|has|have) )?\b(debited|credited|deducted|withdrawn|spent|charged"
    r"|billed|paid|sent|transferred|moved|received|refunded|reversed|added|deposited|loaded|swiped|used|back)\b",
    re.IGNORECASE,
)


def _sign(other: str) -> Change:
    return lambda text: _SIGN.sub(other, text)


def _mask(other: str) -> Change:
    return lambda text: _MASK.sub(other, text)


def _behind(words: str) -> Change:
    return lambda text: f"{text.rstrip('. ')}. {words}"


def _before(words: str) -> Change:
    return lambda text: words + text


def _instead(words: str) -> Change:
    return lambda text: _DONE.sub(words, text)


KEPT: dict[str, Change] = {
    "small letters": str.lower,
    "capitals": str.upper,
    "spaces": lambda text: text.replace(" ", "  "),
    "lines": lambda text: text.replace(". ", ".\n"),
    "no space behind stops": lambda text: re.sub(r"(?<=\w\w)\. (?=[A-Z][a-z])", ".", text),
    "Rs.": _sign("Rs."),
    "Rs. apart": _sign("Rs. "),
    "INR": _sign("INR "),
    "rupee sign": _sign("₹"),
    "starred account": _mask(r"*\1"),
    "account ending": _mask(r"ending \1"),
    "long mask": _mask(r"XXXXXX\1"),
    "salutation": _before("Dear Customer, "),
    "alert": _before("Alert: "),
    "another bank": lambda text: re.sub(r"HDFC|ICICI|Axis|SBI|Kotak", "Nainital", text),
    "never share": _behind("Never share your OTP or PIN with anyone."),
    "not you": _behind("If not you, call 18001234567 immediately."),
    "terms": _behind("T&C apply."),
    "thanks": _behind("Thank you for banking with us."),
    "advertisement": _behind("Get 10% cashback on your next purchase."),
    "app": _behind("Download our app for offers."),
    "clearing": _behind("Cheques are subject to clearing."),
    "advice": _behind("Block your card if you did not do this."),
}
UNDONE: dict[str, Change] = {
    "will be": _instead(r"will be \1"),
    "to be": _instead(r"to be \1"),
    "was not": _instead(r"was not \1"),
    "could not be": _instead(r"could not be \1"),
    "once": _instead(r"once \1"),
    "failed behind": _behind("The transaction has failed."),
    "declined behind": _behind("This payment was declined by your bank."),
    "declined before": _before("Declined: "),
    "code before": _before("482913 is your OTP. "),
    "code behind": _behind("Enter OTP 482913 to complete it."),
}


def read(message: Message) -> Reading | Refused:
    return read_sms(
        message.text,
        sender=message.sender,
        received_at_us=to_micros(message.received_at),
        zone=message.zone,
        currency=message.home,
    )


def whole(found: Reading | Refused) -> tuple[object, ...]:
    assert isinstance(found, Reading), found
    return found.amount_minor.value, found.direction.value, found.channel and found.channel.value


def changed(message: Message, change: Change) -> Message | None:
    """None: the change does not apply to it."""
    text = change(message.text)
    return None if text.strip(". ") == message.text.strip(". ") else replace(message, text=text)


@settings(max_examples=400)
@given(st.sampled_from(POSITIVES), st.sampled_from(sorted(KEPT)))
def test_another_way_of_writing_changes_nothing(message: Message, name: str) -> None:
    other = changed(message, KEPT[name])

    assert other is None or whole(read(other)) == whole(read(message))


@settings(max_examples=400)
@given(st.sampled_from(POSITIVES), st.sampled_from(sorted(UNDONE)))
def test_what_did_not_happen_is_never_booked(message: Message, name: str) -> None:
    other = changed(message, UNDONE[name])

    assert other is None or isinstance(read(other), Refused)


@settings(max_examples=200)
@given(
    st.sampled_from(POSITIVES),
    st.sampled_from(["Hey I paid {} pls return", "bro see this: {}", "my share {}"]),
)
def test_a_person_s_words_from_a_private_number_are_never_booked(message: Message, chat: str) -> None:
    found = read(replace(message, text=chat.format(message.text), sender="+919812345678"))

    assert isinstance(found, Refused)


A, B = "your A/c XX1234", "A/c XX5678"


@pytest.mark.parametrize(
    "text, direction",
    [
        (f"Rs 500 debited from {A} and credited to {B}", Direction.DEBIT),
        (f"Rs 500 credited to {A}, debited from {B}", Direction.CREDIT),
        ("Rs 500 debited from A/c XX1234 and credited to A/c XX5678", Direction.DEBIT),
        ("Rs 500 sent to beneficiary RAVI a/c, debited from A/c XX1234", Direction.DEBIT),
        (f"Rs 500 paid by RAVI into {A}", Direction.CREDIT),
        (f"Rs 500 paid to RAVI from {A}", Direction.DEBIT),
        ("You received Rs 500 from RAVI. UPI Ref 600112345678", Direction.CREDIT),
        ("We received Rs 500 for your policy 60011234", Direction.DEBIT),
        ("We received Rs 500 for your credit card XX1234", Direction.CREDIT),
        ("RAVI has received your payment of Rs 500. UPI Ref 600112345678", Direction.DEBIT),
        ("Rs 500 of the failed payment was reversed to A/c XX1234", Direction.CREDIT),
        (f"Rs 500 was swept from {A} on 02-01-26", Direction.DEBIT),
        (f"Rs 500 was realised in {A} on 02-01-26", Direction.CREDIT),
    ],
)
def test_the_direction_is_the_reader_s_own(text: str, direction: Direction) -> None:
    found = read(replace(POSITIVES[0], text=text, sender="VM-SOMEBK-S"))

    assert isinstance(found, Reading), found
    assert found.direction.value is direction


@pytest.mark.parametrize(
    "text",
    [
        "Rs 500 transferred from your A/c XX1234 to your A/c XX5678",
        "Rs 500 credited to RAVI KUMAR. Ref 600112345678",
        "Rs 500 received. Ref 600112345678",
    ],
)
def test_where_both_ways_are_as_plain_nothing_is_booked(text: str) -> None:
    found = read(replace(POSITIVES[0], text=text, sender="VM-SOMEBK-S"))

    assert isinstance(found, Refused)
    assert found.reason is Refusal.UNCLEAR


@pytest.mark.parametrize("sender", [None, "+919812345678", "+14155550100", "98123 45678"])
@pytest.mark.parametrize(
    "text",
    [
        "sent 500 rupees, check",
        "Rs 500 received bro thanks",
        "Paid Rs 300 for your share too",
        "I paid Rs 500 to the plumber from my account, give me back",
        "Sir your payment of Rs 500 to my shop is received, owe Rs 20 more",
    ],
)
def test_a_chat_is_never_booked_whoever_sends_it(text: str, sender: str | None) -> None:
    assert isinstance(read(replace(POSITIVES[0], text=text, sender=sender)), Refused)


def test_a_hotline_is_no_private_number() -> None:
    text = "Debit card purchase of Rs 500 at TESCO with card ending 1234"

    assert isinstance(read(replace(POSITIVES[0], text=text, sender="+18005551234")), Reading)


@pytest.mark.parametrize(
    "text",
    [
        "Your refund of Rs 500 was processed. The amount will be credited to A/c XX1234 in 3 days",
        "A hold of Rs 500 was placed on your account ending 1234",
        "Did you make a Rs 500 purchase at TESCO with card ending 1234? Reply YES or NO",
        "You spent Rs 500 on your card XX1234 last month",
        "Rs 500 debited from A/c XX1234. The transaction failed, contact your branch",
        "Unclaimed deposit of Rs 500 found in A/c XX1234",
        "RAVI sent you a payment link for Rs 500",
        "Trial ends tomorrow, then Rs 500 charged to card XX1234",
        "Rs 500 credited for every referral to A/c XX1234",
    ],
)
def test_what_only_sounds_done_is_refused(text: str) -> None:
    assert isinstance(read(replace(POSITIVES[0], text=text, sender="VM-SOMEBK-S")), Refused)


def test_a_month_is_no_doubt() -> None:
    found = read(
        replace(POSITIVES[0], text="On 5 May 2026 Rs 500 was debited from A/c XX1234", sender="VM-SOMEBK-S")
    )

    assert isinstance(found, Reading)


def test_the_amount_is_that_of_the_plainest_clause() -> None:
    text = "Your loan of Rs 2,00,000 is disbursed. Rs 1,94,100 credited to your A/c XX2170"
    found = read(replace(POSITIVES[0], text=text, sender="VM-SOMEBK-S"))

    assert isinstance(found, Reading)
    assert found.amount_minor.value == 1_94_100_00
