"""The days of a distribution. Days are UTC; Saturdays and Sundays are no business days."""

from datetime import UTC, date, datetime, timedelta

from shared.clock import from_micros, to_micros

TRANSFER_BUSINESS_DAYS = 2
MONTHS_IN_QUARTER = 3
_SATURDAY = 5


def day_of(at_us: int) -> date:
    return from_micros(at_us).date()


def end_of_day_us(day: date) -> int:
    """The first moment of the next day."""
    return to_micros(datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(days=1))


def expected_transfer(claimed: date) -> date:
    """Two business days on: of a Saturday, 2025-11-15, that is Tuesday, the 18th."""
    day = claimed
    for _ in range(TRANSFER_BUSINESS_DAYS):
        day += timedelta(days=1)
        while day.weekday() >= _SATURDAY:
            day += timedelta(days=1)
    return day


def first_day(year: int, quarter: int) -> date:
    return date(year, MONTHS_IN_QUARTER * (quarter - 1) + 1, 1)
