"""Which of a person's transactions are asked for."""

from datetime import date, datetime, time, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from msgspec import Struct

from cloud.finance.reading import Channel, Direction
from cloud.finance.transactions.model import SourceType
from shared.clock import to_micros

NO_LIMIT_US = 2**62


class Filter(Struct, frozen=True, kw_only=True):
    """All that is given must hold; None: whatever."""

    start_us: int | None = None
    end_us: int | None = None
    """The first moment that is no longer asked for."""
    category: str | None = None
    merchant_id: int | None = None
    flagged_only: bool = False
    min_amount: Decimal | None = None
    """In units of each transaction's own currency, as `max_amount`."""
    max_amount: Decimal | None = None
    source_type: SourceType | None = None
    payment_channel: Channel | None = None
    direction: Direction | None = None
    currency: str | None = None
    include_merged: bool = False
    """Also those that another transaction stands for."""


class BadMoment(ValueError):
    """Neither a date nor a date and time of ISO 8601."""


def moment_us(text: str, zone: ZoneInfo, *, is_end: bool) -> int:
    """Where an interval begins, or the first moment behind its end: what is written is still inside.

    A date is the whole day, and a time without an offset is local, where the person lives. A `+` that came
    as a space, as it does in an address, is a plus.

    Raises:
        BadMoment
    """
    text = text.strip()
    try:
        if len(text) == len("2024-01-31"):
            day = date.fromisoformat(text) + timedelta(days=1 if is_end else 0)
            return to_micros(datetime.combine(day, time(), zone))
        moment = datetime.fromisoformat(text.replace(" ", "+") if "T" in text else text)
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=zone)
        return to_micros(moment) + (1 if is_end else 0)
    except (ValueError, OverflowError):
        raise BadMoment("Must be a date or a date and time of ISO 8601") from None
