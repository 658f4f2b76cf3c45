"""An exact lookup: what a transaction has to be like to fit, and to need no tolerance."""

from datetime import datetime, timedelta, tzinfo
from decimal import Decimal

from msgspec import Struct

from cloud.finance.currencies import decimals_of
from cloud.finance.transactions.model import Transaction
from shared.clock import from_micros, to_micros

AMOUNT_MAX = Decimal(10) ** 12


class Asked(Struct, frozen=True, kw_only=True):
    """All that is given must hold; None: whatever."""

    merchant: str | None = None
    """Part of the name, in any case."""
    amount: Decimal | None = None
    """In units of each transaction's own currency."""
    amount_tolerance: Decimal
    """Of the amount, 0 to 1."""
    at: datetime | None = None
    """Without an offset it is where the person lives."""
    days_tolerance: int


class Bounds(Struct, frozen=True, kw_only=True):
    merchant: str | None = None
    low: Decimal | None = None
    high: Decimal | None = None
    start_us: int | None = None
    end_us: int | None = None


def bounds(asked: Asked, zone: tzinfo) -> Bounds:
    """What fits: whole days where the person lives.

    Raises:
        OverflowError: the date lies outside of the calendar.
    """
    low = high = start_us = end_us = None
    if asked.amount is not None:
        low = asked.amount * (1 - asked.amount_tolerance)
        high = asked.amount * (1 + asked.amount_tolerance)
    if asked.at is not None:
        day = _local(asked.at, zone).replace(hour=0, minute=0, second=0, microsecond=0)
        start_us = to_micros(day - timedelta(days=asked.days_tolerance))
        end_us = to_micros(day + timedelta(days=asked.days_tolerance + 1))
    return Bounds(merchant=asked.merchant, low=low, high=high, start_us=start_us, end_us=end_us)


def problems(asked: Asked) -> dict[str, list[str]]:
    """By field of the request; nothing where it can be looked up."""
    if asked.merchant is None and asked.amount is None and asked.at is None:
        return {"merchant_name": ["One of merchant_name, amount and date is needed"]}
    if asked.amount is not None and not (asked.amount.is_finite() and 0 < asked.amount < AMOUNT_MAX):
        return {"amount": [f"Must be above 0 and below {AMOUNT_MAX}"]}
    if not (asked.amount_tolerance.is_finite() and 0 <= asked.amount_tolerance <= 1):
        return {"amount_tolerance": ["Must be from 0 to 1, a share of the amount"]}
    return {}


def is_exact(row: Transaction, asked: Asked, zone: tzinfo) -> bool:
    """Whether the very amount and day were asked for."""
    if asked.amount is not None and asked.amount.scaleb(decimals_of(row.currency)) != row.amount_minor:
        return False
    return asked.at is None or _local(asked.at, zone).date() == from_micros(row.at_us).astimezone(zone).date()


def _local(at: datetime, zone: tzinfo) -> datetime:
    return at.replace(tzinfo=zone) if at.tzinfo is None else at.astimezone(zone)
