"""Weeks, months, quarters and years as whole days; weeks begin on Monday (ISO 8601)."""

import calendar
from datetime import date, timedelta

from cloud.finance.chat.query import Group, Period

MONTHS = tuple(calendar.month_name)[1:]
DAYS = tuple(calendar.day_name)
INDIAN_YEAR_BEGINS = 4
"""The financial year runs from April to March."""


def days_on(day: date, days: int) -> date:
    """Clamped to the years that a date can have."""
    try:
        return day + timedelta(days=days)
    except OverflowError:
        return date.max if days > 0 else date.min


def months_on(day: date, months: int) -> date:
    """The same day of another month, or its last."""
    index = day.year * 12 + day.month - 1 + months
    year, month = min(9998, max(1, index // 12)), index % 12 + 1
    return date(year, month, min(day.day, calendar.monthrange(year, month)[1]))


def begin(unit: Group, day: date) -> date:
    """The first day of the unit that a day lies in."""
    match unit:
        case Group.WEEK:
            return days_on(day, -day.weekday())
        case Group.MONTH:
            return day.replace(day=1)
        case Group.QUARTER:
            return day.replace(month=(day.month - 1) // 3 * 3 + 1, day=1)
        case Group.YEAR:
            return day.replace(month=1, day=1)
        case _:
            return day


def step(unit: Group, first: date, count: int) -> date:
    """So many units on, from the first day of one."""
    match unit:
        case Group.WEEK:
            return days_on(first, 7 * count)
        case Group.MONTH:
            return months_on(first, count)
        case Group.QUARTER:
            return months_on(first, 3 * count)
        case Group.YEAR:
            return months_on(first, 12 * count)
        case _:
            return days_on(first, count)


def whole(unit: Group, day: date, label: str) -> Period:
    """The unit that a day lies in."""
    first = begin(unit, day)
    return Period(first=first, last=days_on(step(unit, first, 1), -1), label=label, unit=unit)


def named(unit: Group, first: date) -> str:
    """A unit as one says it, with its year."""
    match unit:
        case Group.WEEK:
            return f"the week of {first.day} {MONTHS[first.month - 1][:3]} {first.year}"
        case Group.MONTH:
            return f"{MONTHS[first.month - 1]} {first.year}"
        case Group.QUARTER:
            return f"Q{(first.month + 2) // 3} {first.year}"
        case Group.YEAR:
            return str(first.year)
        case _:
            return f"{first.day} {MONTHS[first.month - 1][:3]} {first.year}"


def before(period: Period) -> Period | None:
    """The one before it, as long; None for one without two ends."""
    if period.first is None or period.last is None:
        return None
    if period.unit is not None:
        first = step(period.unit, period.first, -1)
        word = "on" if period.unit is Group.DAY else "in"
        return Period(
            first=first,
            last=days_on(period.first, -1),
            label=f"{word} {named(period.unit, first)}",
            unit=period.unit,
        )
    if period.months is not None:
        first = months_on(period.first, -period.months)
    else:
        first = days_on(period.first, -((period.last - period.first).days + 1))
    last = days_on(period.first, -1)
    return Period(
        first=first,
        last=last,
        label=f"from {named(Group.DAY, first)} to {named(Group.DAY, last)}",
        months=period.months,
    )


def touched(unit: Group, first: date, last: date) -> list[tuple[date, date]]:
    """Each unit that the days lie in, cut to them."""
    found = []
    at = begin(unit, first)
    while at <= last:
        following = step(unit, at, 1)
        found.append((max(at, first), min(days_on(following, -1), last)))
        if following <= at:  # the end of the calendar
            break
        at = following
    return found
