"""A payment of a UPI feed: nothing to guess, so only what is given wrongly is refused."""

import re
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from cloud.finance.currencies import decimals_of
from cloud.finance.reading import Channel, Direction, Found, Reading, Refusal, Refused
from shared.clock import to_micros
from shared.money import BadAmount, parse_amount

_VPA = re.compile(r"[A-Za-z0-9._-]{2,256}@[A-Za-z][A-Za-z0-9.]{1,64}")
_SURE = 1.0
_BY_VPA = 0.6
"""A merchant named by its address alone: the part before the @ is often a number."""

Words = Annotated[str, Meta(max_length=300)]


class UpiPayment(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One payment as the feed tells it."""

    amount: Decimal
    direction: Literal["debit", "credit"]
    timestamp: Annotated[datetime, Meta(tz=True)]
    payee_vpa: Words | UnsetType | None = UNSET
    payee_name: Words | UnsetType | None = UNSET
    reference: Words | UnsetType | None = UNSET
    note: Words | UnsetType | None = UNSET


def _text(value: str | UnsetType | None) -> str | None:
    text = " ".join(value.split()) if isinstance(value, str) else ""
    return text or None


def _merchant(payment: UpiPayment) -> Found[str] | None:
    name, vpa = _text(payment.payee_name), _text(payment.payee_vpa)
    if name is not None:
        return Found(name, _SURE)
    return None if vpa is None else Found(vpa.split("@", 1)[0], _BY_VPA)


def read_upi(payment: UpiPayment, *, currency: str = "INR") -> Reading | Refused:
    """The payment as a reading: UPI moves rupees, so `currency` is the person's only where it says so."""
    try:
        amount = parse_amount(payment.amount, decimals=decimals_of(currency), field="amount")
    except BadAmount as error:
        return Refused(Refusal.MALFORMED, str(error))
    if amount <= 0:
        return Refused(Refusal.NO_AMOUNT, "amount must be above 0; the direction tells which way it went")
    vpa = _text(payment.payee_vpa)
    if vpa is not None and _VPA.fullmatch(vpa) is None:
        return Refused(Refusal.MALFORMED, "payee_vpa must look like name@bank")
    reference = _text(payment.reference)
    return Reading(
        amount_minor=Found(amount, _SURE),
        currency=Found(currency, _SURE),
        direction=Found(Direction(payment.direction), _SURE),
        at_us=Found(to_micros(payment.timestamp), _SURE),
        time_known=True,
        merchant=_merchant(payment),
        invoice_no=None if reference is None else Found(reference, _SURE),
        channel=Found(Channel.UPI, _SURE),
    )
