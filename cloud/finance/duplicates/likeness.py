"""How likely two rows tell the same purchase, as log-odds that add up (after Fellegi and Sunter, 1969).

Each field on which both speak adds evidence for or against; a field on which one is silent adds none. Some
contradictions settle it: another amount, currency or direction, another number of the same kind, dates too
far apart. Two tellings of the same type (two receipts, two messages) are two purchases, unless they have the
payment's own number, as a bank's message and a wallet's do, or are the same line in two statements.
"""

import math
import re
from collections.abc import Iterable

from cloud.finance.reading import Channel
from cloud.finance.transactions.model import SourceType, Transaction
from cloud.finance.transactions.names import name_likeness
from shared.units import MICROS_PER_SECOND

SAME_FROM = 0.9
"""From this likeness on two rows are one purchase."""
HOUR_US = 3_600 * MICROS_PER_SECOND
APART_US_MAX = 84 * HOUR_US
"""A bank books a purchase up to three days later; the fourth day's noon is out."""

_TOLD_AGAIN = 0.99
_PRIOR = -2.0
_SAME_NUMBER = 6.0
_SAME_ACCOUNT, _OTHER_ACCOUNT = 1.5, -5.0
_SAME_CHANNEL, _OTHER_CHANNEL = 0.5, -4.0
_SAME_NAME, _LIKE_NAME, _OTHER_NAME = 3.5, 2.0, -4.0
_SAME_NAME_FROM, _LIKE_NAME_FROM, _OTHER_NAME_BELOW = 0.88, 0.7, 0.45
_MINUTES, _TWO_HOURS, _SAME_DAY, _BOOKED_LATER = 4.5, 2.5, 1.5, 1.0
_ANOTHER_TIME = -1.5
"""Hours or a night apart: more likely the way back, or tomorrow's lunch."""

_PAPERS = {SourceType.UPLOAD, SourceType.GMAIL, SourceType.WHATSAPP}
"""They carry the seller's number; the others carry the bank's."""
_BANK_NUMBER = re.compile(r"[0-9]{12}")
"""As UPI and card networks number payments."""
_NUMBER_LENGTH_MIN = 6


def likeness(one: Transaction, other: Transaction) -> float:
    """0 to 1; the same whichever comes first. 0 where something contradicts."""
    if _contradict(one, other):
        return 0.0
    if one.source_type is other.source_type:
        return _TOLD_AGAIN if _told_again(one, other) else 0.0
    day = _day_evidence(one, other)
    if day is None:
        return 0.0
    odds = _PRIOR + day + sum(_evidence(one, other))
    return 1 / (1 + math.exp(-odds))


def _contradict(one: Transaction, other: Transaction) -> bool:
    if (one.amount_minor, one.currency, one.direction) != (
        other.amount_minor,
        other.currency,
        other.direction,
    ):
        return True
    numbers = _number(one), _number(other)
    if None in numbers or _same_number(*numbers):
        return False
    return _number_kind(one) == _number_kind(other)


def _told_again(one: Transaction, other: Transaction) -> bool:
    """By the payment's number; or by all that a bank writes, in two files whose days overlap."""
    number = _number(one)
    if number is not None and _BANK_NUMBER.fullmatch(number) and number == _number(other):
        return abs(one.at_us - other.at_us) <= APART_US_MAX
    return (
        one.source_type is SourceType.STATEMENT
        and None not in {one.source_id, other.source_id, one.merchant_name_raw}
        and one.source_id != other.source_id
        and _line(one) == _line(other)
    )


def _line(row: Transaction) -> tuple[object, ...]:
    """What makes two lines of a statement the same."""
    return (
        row.at_us,
        row.time_known,
        row.merchant_name_raw,
        row.invoice_no,
        row.payment_channel,
        row.account_digits,
    )


def _evidence(one: Transaction, other: Transaction) -> Iterable[float]:
    if _same_number(_number(one), _number(other)):
        yield _SAME_NUMBER
    if one.account_digits is not None and other.account_digits is not None:
        same = one.account_digits[-3:] == other.account_digits[-3:]
        yield _SAME_ACCOUNT if same else _OTHER_ACCOUNT
    channels = {one.payment_channel, other.payment_channel} - {None}
    if len(channels) == 1 and one.payment_channel is other.payment_channel:
        yield _SAME_CHANNEL
    elif len(channels) > 1 and Channel.BANK_TRANSFER not in channels:  # what banks call much that is not
        yield _OTHER_CHANNEL
    if one.merchant_name_raw is not None and other.merchant_name_raw is not None:
        alike = name_likeness(one.merchant_name_raw, other.merchant_name_raw)
        yield 0.0 if alike is None else _name_evidence(alike)


def _name_evidence(alike: float) -> float:
    if alike >= _SAME_NAME_FROM:
        return _SAME_NAME
    if alike >= _LIKE_NAME_FROM:
        return _LIKE_NAME
    return _OTHER_NAME if alike < _OTHER_NAME_BELOW else 0.0


def _day_evidence(one: Transaction, other: Transaction) -> float | None:
    """None: too far apart."""
    earlier, later = sorted((one, other), key=lambda row: row.at_us)
    apart_us = later.at_us - earlier.at_us
    if one.time_known and other.time_known:
        if apart_us <= HOUR_US // 4:
            return _MINUTES
        if apart_us <= 2 * HOUR_US:
            return _TWO_HOURS
        if apart_us <= 24 * HOUR_US:
            return _ANOTHER_TIME
    elif apart_us <= 12 * HOUR_US:  # one is the noon of its day
        return _SAME_DAY
    elif apart_us <= 36 * HOUR_US:
        return _ANOTHER_TIME if later.source_type is not SourceType.STATEMENT else _BOOKED_LATER
    if later.source_type is SourceType.STATEMENT and apart_us <= APART_US_MAX:
        return _BOOKED_LATER
    return None


def _number(row: Transaction) -> str | None:
    if row.invoice_no is None:
        return None
    plain = re.sub(r"[^0-9A-Z]", "", row.invoice_no.upper())
    return plain or None


def _same_number(one: str | None, other: str | None) -> bool:
    """Equal, or one within the other, as banks wrap a number in their own."""
    if one is None or other is None:
        return False
    short, long = sorted((one, other), key=len)
    return one == other or (len(short) >= _NUMBER_LENGTH_MIN and short in long)


def _number_kind(row: Transaction) -> object:
    """Numbers of one kind differ only where the purchases do; a bank's other numbers are its own."""
    number = _number(row) or ""
    if _BANK_NUMBER.fullmatch(number):
        return "payment"
    return "seller" if row.source_type in _PAPERS else row.source_type
