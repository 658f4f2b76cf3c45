"""The days a performance is shown for: period and granularity in, days out."""

import calendar
from datetime import date, timedelta

from cloud.portfolio.model import Granularity, Period


def days(period: Period, granularity: Granularity, *, first: date, today: date) -> list[date]:
    """Rising, each once; the last is today. `first` is the day of the first investment, not after today.

    A period begins on the first day of the granularity's step in which its start lies (2024-11-15 begins
    2024-11-01 by months), but never before the first investment.
    """
    start = first
    if period.months is not None:
        start = max(first, _step_begin(_months_before(today, period.months), granularity))
    found = [start]
    while (day := _next(found[-1], granularity)) < today:
        found.append(day)
    if today > found[-1]:
        found.append(today)
    return found


def _months_before(day: date, months: int) -> date:
    """The same day of an earlier month, or its last one: a month before March 31 is February 28 or 29."""
    year, month = divmod(day.year * 12 + day.month - 1 - months, 12)
    return date(year, month + 1, min(day.day, calendar.monthrange(year, month + 1)[1]))


def _step_begin(day: date, granularity: Granularity) -> date:
    match granularity:
        case Granularity.DAILY:
            return day
        case Granularity.WEEKLY:
            return day - timedelta(days=day.weekday())
        case Granularity.MONTHLY:
            return day.replace(day=1)


def _next(day: date, granularity: Granularity) -> date:
    match granularity:
        case Granularity.DAILY:
            return day + timedelta(days=1)
        case Granularity.WEEKLY:
            return _step_begin(day, granularity) + timedelta(days=7)
        case Granularity.MONTHLY:
            return (day.replace(day=1) + timedelta(days=31)).replace(day=1)
