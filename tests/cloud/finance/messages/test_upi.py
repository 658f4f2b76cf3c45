"""Payments of a UPI feed: nothing is guessed, so only what is given wrongly is refused."""

from datetime import UTC, datetime

import msgspec
import pytest

from cloud.finance.messages.upi import UpiPayment, read_upi
from cloud.finance.reading import Channel, Direction, Reading, Refusal, Refused
from shared.clock import from_micros

ITEM = {
    "amount": 250.5,
    "direction": "debit",
    "payee_vpa": "cafe@ybl",
    "payee_name": "Cafe  Aroma",
    "reference": "600112345678",
    "timestamp": "2026-01-03T14:22:10.123456+05:30",
    "note": "lunch",
}


def read(**changes: object) -> Reading | Refused:
    return read_upi(msgspec.convert({**ITEM, **changes}, UpiPayment, strict=False))


def test_a_payment_is_taken_as_it_is() -> None:
    found = read()

    assert isinstance(found, Reading)
    assert (found.amount_minor.value, found.currency.value) == (25_050, "INR")
    assert (found.direction.value, found.channel.value) == (Direction.DEBIT, Channel.UPI)
    assert (found.merchant.value, found.invoice_no.value) == ("Cafe Aroma", "600112345678")
    assert from_micros(found.at_us.value) == datetime(2026, 1, 3, 8, 52, 10, 123_456, tzinfo=UTC)
    assert found.time_known
    assert found.confidence == 1


def test_without_a_name_the_address_is_one_less_surely() -> None:
    found = read(payee_name=None)

    assert isinstance(found, Reading)
    assert found.merchant.value == "cafe"
    assert found.merchant.confidence < 0.9


@pytest.mark.parametrize(
    "changes, reason",
    [
        ({"amount": 0}, Refusal.NO_AMOUNT),
        ({"amount": -5}, Refusal.NO_AMOUNT),
        ({"amount": "NaN"}, Refusal.MALFORMED),
        ({"amount": "1e400"}, Refusal.MALFORMED),
        ({"amount": "1.005"}, Refusal.MALFORMED),
        ({"payee_vpa": "no address"}, Refusal.MALFORMED),
    ],
)
def test_what_is_given_wrongly_is_refused(changes: dict[str, object], reason: Refusal) -> None:
    found = read(**changes)

    assert isinstance(found, Refused)
    assert found.reason is reason


@pytest.mark.parametrize(
    "changes", [{"timestamp": "2026-01-03T14:22:10"}, {"direction": "in"}, {"unknown": 1}]
)
def test_a_body_of_another_shape_is_no_payment(changes: dict[str, object]) -> None:
    with pytest.raises(msgspec.ValidationError):
        read(**changes)
