"""What a reader found in a receipt, a message or a statement line: each field with how sure it is."""

from enum import StrEnum
from typing import Generic, TypeVar

from msgspec import Struct

T = TypeVar("T")


class Direction(StrEnum):
    """Which way the money went, seen from the person."""

    DEBIT = "debit"
    CREDIT = "credit"


class Channel(StrEnum):
    """How it was paid."""

    UPI = "UPI"
    CARD = "Card"
    CASH = "Cash"
    WALLET = "Wallet"
    BANK_TRANSFER = "BankTransfer"


class Found(Struct, Generic[T], frozen=True):
    """A value, and the probability, 0 to 1, that it is right."""

    value: T
    confidence: float


class Reading(Struct, frozen=True, kw_only=True):
    """One purchase or income as read; None: not found."""

    amount_minor: Found[int]
    """In minor units of the currency (ISO 4217), above 0."""
    currency: Found[str]
    direction: Found[Direction]
    at_us: Found[int] | None = None
    """UTC. Local dates were read in the person's time zone; noon there where only the day is known."""
    time_known: bool = False
    merchant: Found[str] | None = None
    invoice_no: Found[str] | None = None
    """Also a bank's or UPI's reference number."""
    channel: Found[Channel] | None = None
    category: Found[str] | None = None
    """Where the source itself names one."""
    account: Found[str] | None = None
    """The last digits of the account or card, as its bank masks it."""

    @property
    def confidence(self) -> float:
        """Of the least certain of amount, direction and date: what `ocr_confidence` shows."""
        sure = min(self.amount_minor.confidence, self.direction.confidence)
        return sure if self.at_us is None else min(sure, self.at_us.confidence)


class Refusal(StrEnum):
    """Why a text or a file is not booked."""

    OTP = "one_time_password"
    OFFER = "offer"
    LOAN_OFFER = "loan_offer"
    BILL = "bill_not_yet_paid"
    DECLINED = "declined_or_failed"
    BALANCE = "balance_only"
    REQUEST = "payment_request"
    DELIVERY = "delivery_news"
    SCHEDULED = "not_yet_moved"
    LIMIT = "limit_change"
    PHISHING = "looks_like_fraud"
    NO_AMOUNT = "no_amount"
    NO_MOVEMENT = "no_money_moved"
    UNCLEAR = "unclear"
    TOO_LARGE = "too_large"
    MALFORMED = "malformed"
    UNSUPPORTED = "unsupported_type"
    DAMAGED = "damaged_file"
    PROTECTED = "password_protected"
    TOO_COSTLY = "too_much_work"
    """More pixels, pages, time or memory than a receipt needs."""


class Refused(Struct, frozen=True):
    """Nothing to book: the reason, and a sentence for the person that holds nothing secret."""

    reason: Refusal
    detail: str


AMOUNT_MINOR_MAX = 10**13
"""Nobody pays more at once; so much a hundred thousand times is a sum that 64 bits hold."""
MOMENTS_US = range(7_258_118_400_000_000)
"""1970 to 2199: windows and local times around a purchase stay inside of the calendar."""


def bookable(found: Reading | Refused) -> Reading | Refused:
    """What was found, unless no purchase is of that amount or time: one such would spoil every sum."""
    if isinstance(found, Refused):
        return found
    if found.amount_minor.value > AMOUNT_MINOR_MAX:
        return Refused(Refusal.UNCLEAR, "the amount is larger than anybody's purchase")
    if found.at_us is not None and found.at_us.value not in MOMENTS_US:
        return Refused(Refusal.UNCLEAR, "the date lies before 1970 or behind 2199")
    return found
