"""Dates and times as messages write them: `03Jan24`, `03-01-2024 14:22`, `Jan 3, 2024 at 2:22 PM`."""

import re
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from msgspec import Struct

from shared.clock import from_micros, to_micros

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_NAME = (
    r"(?P<name>jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?"
)
_NAME += r"|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)"
_DAY_NAMED = re.compile(
    rf"(?<![\w])(?P<day>\d{{1,2}})(?:st|nd|rd|th)?[\s./-]{{0,2}}{_NAME}\b[.,]?"
    r"(?:[\s./,'-]{0,2}(?P<year>(?:19|20)\d{2}|\d{2})(?![\d:]))?",
    re.I,
)
_DAY_GLUED = re.compile(rf"(?<![\w])(?P<day>\d{{1,2}}){_NAME}(?P<year>(?:19|20)\d{{2}}|\d{{2}})(?!\d)", re.I)
_NAME_FIRST = re.compile(
    rf"(?<![A-Za-z]){_NAME}\.?\s(?P<day>\d{{1,2}})(?:st|nd|rd|th)?(?!\d)(?:,?\s?(?P<year>20\d{{2}})(?!\d))?",
    re.I,
)
_NUMBERS = re.compile(
    r"(?<![\d/.-])(?P<a>\d{4}(?=[-/.:])|\d{1,2}(?=[-/.]))(?P<mark>[-/.:])(?P<b>\d{1,2})(?P=mark)(?P<c>\d{4}|\d{2})(?!\d)"
)
_TWO_NUMBERS = re.compile(r"(?i:\bon|dated|dt)\s(?P<a>\d{1,2})/(?P<b>\d{1,2})(?![\d/])")
_TIME = re.compile(
    r"(?<![\d.])(?P<h>\d{1,2})(?::|\.(?=\d\d\s?(?:[ap]m|hrs)))(?P<m>[0-5]\d)(?::(?P<s>[0-5]\d))?(?!\d)"
    r"\s?(?P<half>[ap]\.?m\b)?",
    re.I,
)
_TIME_REACH = 24
"""Characters between a date and its time."""
_FUTURE = timedelta(days=1)
_PAST = timedelta(days=60)
_LONG_PAST = timedelta(days=400)
"""What is older is no day of the payment a message tells of, but of an account, a card, a birth."""
_CENTURY = 100
MONTH_FIRST = frozenset({"USD"})
"""Currencies of people who write the month before the day."""


class Moment(Struct, frozen=True):
    """When it happened, as far as a text and its arrival tell."""

    at_us: int
    time_known: bool
    stated: bool
    """The text itself says the day."""


class Day(Struct, frozen=True):
    """A day in a text, with every reading that is a real date: the likelier first."""

    start: int
    end: int
    readings: tuple[date, ...]


def real_date(year: int, month: int, day: int) -> date | None:
    """None: no such day, or a year no statement has."""
    if year < _CENTURY:
        year += 2000
    try:
        return date(year, month, day) if 1970 <= year <= 2100 else None  # noqa: PLR2004
    except ValueError:
        return None


def month_named(name: str) -> int:
    """1 to 12."""
    return _MONTHS.index(name[:3].casefold()) + 1


def _orders(a: str, b: str, c: str, *, month_first: bool) -> Iterator[date | None]:
    """The readings of three numbers: by a four-digit year where there is one, else by the custom."""
    x, y, z = int(a), int(b), int(c)
    if len(a) == 4:  # noqa: PLR2004
        yield real_date(x, y, z)
        return
    day_month = real_date(z, y, x)
    month_day = real_date(z, x, y)
    yield from (month_day, day_month) if month_first else (day_month, month_day)
    if len(c) == 2:  # noqa: PLR2004
        yield real_date(x, y, z)


def _without_year(day: int, month: int, near: date) -> Iterator[date | None]:
    """In the year that puts it last before `near`."""
    for year in (near.year + 1, near.year, near.year - 1):
        found = real_date(year, month, day)
        if found is not None and found <= near + _FUTURE:
            yield found
            return


def _found(text: str, near: date, *, month_first: bool) -> Iterator[tuple[re.Match[str], list[date | None]]]:
    for pattern in (_DAY_GLUED, _DAY_NAMED, _NAME_FIRST):
        for match in pattern.finditer(text):
            day, month, year = int(match["day"]), month_named(match["name"]), match["year"]
            if year is None:
                yield match, list(_without_year(day, month, near))
            else:
                yield match, [real_date(int(year), month, day)]
    for match in _NUMBERS.finditer(text):
        yield match, list(_orders(match["a"], match["b"], match["c"], month_first=month_first))
    for match in _TWO_NUMBERS.finditer(text):
        a, b = int(match["a"]), int(match["b"])
        day, month = (b, a) if month_first else (a, b)
        yield match, list(_without_year(day, month, near))


def days(text: str, *, near: date, month_first: bool) -> list[Day]:
    """Every day in the text, in order and without overlap; years left out are those nearest before `near`."""
    result: list[Day] = []
    for match, readings in _found(text, near, month_first=month_first):
        real = tuple(reading for reading in readings if reading is not None)
        clear = all(match.end() <= day.start or match.start() >= day.end for day in result)
        if real and clear:
            result.append(Day(match.start(), match.end(), real))
    return sorted(result, key=lambda day: day.start)


def times(text: str) -> list[tuple[int, int, time]]:
    """Every time of day in the text with where it stands."""
    result = []
    for match in _TIME.finditer(text):
        hour, half = int(match["h"]), (match["half"] or "").casefold()
        if half and not 1 <= hour <= 12:  # noqa: PLR2004
            continue
        if half:
            hour = hour % 12 + (12 if half.startswith("p") else 0)
        if hour < 24:  # noqa: PLR2004
            result.append((match.start(), match.end(), time(hour, int(match["m"]), int(match["s"] or 0))))
    return result


def at_noon(day: date, zone: ZoneInfo) -> int:
    """Noon there, where only the day is known."""
    return at(day, time(12), zone)


def at(day: date, clock: time, zone: ZoneInfo) -> int:
    """Epoch microseconds UTC of a local moment."""
    return to_micros(datetime.combine(day, clock, tzinfo=zone))


def _likely(readings: tuple[date, ...], near: date) -> date | None:
    """The first reading not after and not long before `near`, else the first that is not after it."""
    known = [reading for reading in readings if near - _LONG_PAST <= reading <= near + _FUTURE]
    recent = [reading for reading in known if reading >= near - _PAST]
    return next(iter(recent or known), None)


def moment_of(text: str, *, received_at_us: int, zone: ZoneInfo, month_first: bool) -> Moment:
    """When what the text tells happened: the first stated day not after its arrival, else the arrival.

    A message that arrives on the day it tells arrives with it, so its arrival is the time where none is told.
    """
    arrival = from_micros(received_at_us).astimezone(zone)
    for day in days(text, near=arrival.date(), month_first=month_first):
        chosen = _likely(day.readings, arrival.date())
        if chosen is None:
            continue
        clock = _time_beside(text, day)
        if clock is not None:
            return Moment(at(chosen, clock, zone), time_known=True, stated=True)
        if chosen == arrival.date():
            return Moment(received_at_us, time_known=True, stated=True)
        return Moment(at_noon(chosen, zone), time_known=False, stated=True)
    return Moment(received_at_us, time_known=True, stated=False)


def lies_ahead(text: str, *, received_at_us: int, zone: ZoneInfo, month_first: bool) -> bool:
    """The text tells days, and none of them can be read as one of the year before its arrival."""
    today = from_micros(received_at_us).astimezone(zone).date()
    stated = days(text, near=today, month_first=month_first)
    return bool(stated) and all(
        day.readings[0] > today and _likely(day.readings, today) is None for day in stated
    )


def _time_beside(text: str, day: Day) -> time | None:
    """The time of day that stands next to the day, behind it or before."""
    near = [(start, clock) for start, _, clock in times(text[day.end :])]
    near += [(day.start - end, clock) for _, end, clock in times(text[: day.start])]
    close = [(gap, clock) for gap, clock in near if gap <= _TIME_REACH]
    return min(close, key=lambda pair: pair[0])[1] if close else None
