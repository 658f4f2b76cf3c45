"""Days of a question as moments: where the person lives a day begins at its own midnight."""

from datetime import date, datetime, time, tzinfo
from typing import NamedTuple

from cloud.finance.chat.calendar import days_on, touched
from cloud.finance.chat.query import Group, Period
from cloud.finance.transactions.filters import NO_LIMIT_US
from shared.clock import to_micros

SPANS_MAX = 800
"""As many pieces of time as one query holds."""


class Span(NamedTuple):
    """[from, to) of one bucket; a bucket may have several."""

    bucket: int
    from_us: int
    to_us: int


class Bucket(NamedTuple):
    """Days that are counted together, both ends included."""

    first: date
    last: date


class TooLong(Exception):
    """More pieces of time than are looked at: a whole sentence."""


def midnight_us(day: date, zone: tzinfo) -> int:
    return to_micros(datetime.combine(day, time(), zone))


def bounded(period: Period | None, first: date, last: date) -> tuple[date, date]:
    """The days of a period, where open those from the first transaction to the last."""
    from_day = first if period is None or period.first is None else period.first
    to_day = last if period is None or period.last is None else period.last
    return from_day, to_day


def buckets(unit: Group, first: date, last: date) -> list[Bucket]:
    """Each unit that the days touch, cut to them."""
    return [Bucket(*days) for days in touched(unit, first, last)]


def spans(parts: list[Bucket], weekdays: tuple[int, ...], zone: tzinfo) -> list[Span]:
    """In order.

    Raises:
        TooLong
    """
    found: list[Span] = []
    for index, (first, last) in enumerate(parts):
        if not weekdays:
            found.append(Span(index, midnight_us(first, zone), midnight_us(days_on(last, 1), zone)))
        else:
            found += _on_weekdays(index, first, last, weekdays, zone)
        if len(found) > SPANS_MAX:
            raise TooLong("That is too long a time at once; ask about a shorter one, or by larger steps.")
    return found


def whole_time(zone: tzinfo, period: Period | None) -> list[Span]:
    """One span, open where the period is."""
    first = 0 if period is None or period.first is None else midnight_us(period.first, zone)
    last = (
        NO_LIMIT_US if period is None or period.last is None else midnight_us(days_on(period.last, 1), zone)
    )
    return [Span(0, first, last)]


def _on_weekdays(index: int, first: date, last: date, weekdays: tuple[int, ...], zone: tzinfo) -> list[Span]:
    found: list[Span] = []
    day = first
    while day <= last and len(found) <= SPANS_MAX:
        if day.weekday() in weekdays:
            end = day
            while end < last and days_on(end, 1).weekday() in weekdays and (end - day).days < 6:  # noqa: PLR2004
                end = days_on(end, 1)
            found.append(Span(index, midnight_us(day, zone), midnight_us(days_on(end, 1), zone)))
            day = end
        day = days_on(day, 1)
        if day == date.max:
            break
    return found
