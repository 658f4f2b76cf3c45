"""When: from words such as `last month`, `since March` or `between 1 Jan and 15 Feb` to whole days.

A month or a day without a year is the latest one that has begun. `last` is the whole unit before this one,
`past` and `last 3` reach back from today.
"""

import re
from collections.abc import Callable
from datetime import date
from typing import NamedTuple

from cloud.finance.chat.calendar import (
    DAYS,
    INDIAN_YEAR_BEGINS,
    MONTHS,
    days_on,
    months_on,
    named,
    step,
    whole,
)
from cloud.finance.chat.query import Group, Period
from cloud.finance.chat.wording import NUMBER_WORDS, TAKEN, Text

_MONTH = (
    r"(?P<month>jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?"
    r"|sept?(?:ember)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)"
)
_DAY_NUMBER = r"(?:[12]\d|3[01]|0?[1-9])"
_DAY = rf"(?:the )?(?P<day>{_DAY_NUMBER})(?:st|nd|rd|th)?"
_YEAR = r"(?P<year>(?:19|20)\d\d)"
_WEEKDAY = r"(?P<weekday>(?:mon|tues|wednes|thurs|fri|satur|sun)day)"
_COUNT = r"(?P<count>\d{1,3}|couple(?: of)?|a couple of|" + "|".join(NUMBER_WORDS) + ")"
_UNIT = r"(?P<unit>day|week|month|quarter|year)"
_LAST = r"last|previous|preceding|prior"
_OF_YEAR = rf"(?: (?:of |in )?(?:{_YEAR}|(?P<relative>last|this) year))?"

_UNITS = {group.value: group for group in Group if group.is_time}
_BY_LETTER = {unit[0]: group for unit, group in _UNITS.items()}
_MONTH_NUMBERS = {name[:3].casefold(): number for number, name in enumerate(MONTHS, 1)}
_ORDINALS = {"first": 1, "1st": 1, "second": 2, "2nd": 2, "third": 3, "3rd": 3, "fourth": 4, "4th": 4}


class NotInCalendar(Exception):
    """There is no such day: a whole sentence."""


class Today(NamedTuple):
    """Where and when the person asks."""

    day: date
    is_indian: bool = True
    is_month_first: bool = False
    """1/2/2025 is 2 January."""


class Moment(NamedTuple):
    """A period as written; `again` finds it in a year that something else tells."""

    period: Period
    again: Callable[[int], Period] | None = None


class Match:
    """A match whose groups need not exist."""

    def __init__(self, match: re.Match[str]) -> None:
        self._groups = match.groupdict()

    def __getitem__(self, name: str) -> str:
        """Empty where it was not written."""
        return self._groups.get(name) or ""


Rule = Callable[[Match, Today], Moment]


def _number(text: str) -> int:
    if "couple" in text:
        return 2
    if text in {"a", "an"}:
        return 1
    return int(text) if text.isdigit() else NUMBER_WORDS[text]


def _date(year: int, month: int, day: int) -> date:
    try:
        return date(year, month, day)
    except ValueError:
        raise NotInCalendar(f"There is no day {day} in month {month} of {year}.") from None


def _on(day: date, label: str | None = None) -> Period:
    return whole(Group.DAY, day, label or f"on {named(Group.DAY, day)}")


def _in(unit: Group, day: date) -> Period:
    first = whole(unit, day, "").first or day
    return whole(unit, day, f"on {named(unit, first)}" if unit is Group.DAY else f"in {named(unit, first)}")


def _units_back(unit: Group, today: date, count: int) -> date:
    return step(unit, whole(unit, today, "").first or today, -count)


def _range(first: date, last: date) -> Period:
    first, last = min(first, last), max(first, last)
    return Period(first=first, last=last, label=f"from {named(Group.DAY, first)} to {named(Group.DAY, last)}")


def _rolling(count: int, unit: Group, today: date, label: str) -> Period:
    months = {Group.MONTH: count, Group.QUARTER: 3 * count, Group.YEAR: 12 * count}.get(unit)
    if months is None:
        first = days_on(today, 1 - count * (7 if unit is Group.WEEK else 1))
    else:
        first = days_on(months_on(today, -months), 1)
    return Period(first=first, last=today, label=f"{label} (since {named(Group.DAY, first)})", months=months)


def _relative(match: Match, today: Today) -> Moment:
    unit, which = _UNITS[match["unit"]], match["which"]
    if which == "past":
        return Moment(_rolling(1, unit, today.day, f"in the past {unit}"))
    if which in {"this", "current"}:
        return Moment(whole(unit, today.day, f"this {unit}"))
    return Moment(whole(unit, _units_back(unit, today.day, 1), f"last {unit}"))


def _before_last(match: Match, today: Today) -> Moment:
    unit = _UNITS[match["unit"]]
    return Moment(_in(unit, _units_back(unit, today.day, 2)))


def _last_count(match: Match, today: Today) -> Moment:
    count, unit = _number(match["count"]), _UNITS[match["unit"]]
    if count < 1:
        raise NotInCalendar("I need a time of at least one day.")
    plural = f"{count} {unit}s" if count > 1 else str(unit)
    return Moment(_rolling(count, unit, today.day, f"in the last {plural}"))


def _ago(match: Match, today: Today) -> Moment:
    unit = _UNITS[match["unit"]]
    return Moment(_in(unit, _units_back(unit, today.day, _number(match["count"]))))


def _same_last_year(match: Match, today: Today) -> Moment:
    unit = _UNITS[match["unit"]]
    return Moment(_in(unit, days_on(today.day, -364) if unit is Group.WEEK else months_on(today.day, -12)))


def _to_date(match: Match, today: Today) -> Moment:
    unit = _BY_LETTER[match["u"][0]]
    first = whole(unit, today.day, "").first
    return Moment(Period(first=first, last=today.day, label=f"this {unit} to date"))


def _year_said(match: Match, today: Today) -> int | None:
    if match["year"]:
        return int(match["year"])
    return today.day.year - (match["relative"] == "last") if match["relative"] else None


def _month(match: Match, today: Today) -> Moment:
    month = _MONTH_NUMBERS[match["month"][:3]]
    year = _year_said(match, today)
    if year is not None:
        return Moment(_in(Group.MONTH, date(year, month, 1)))
    is_past = match["which"] in {"last", "previous", "past"}
    year = today.day.year - (month > today.day.month - is_past)
    return Moment(
        _in(Group.MONTH, date(year, month, 1)), lambda other: _in(Group.MONTH, date(other, month, 1))
    )


def _month_day(match: Match, today: Today) -> Moment:
    month, day = _MONTH_NUMBERS[match["month"][:3]], int(match["day"])
    year = _year_said(match, today)
    if year is not None:
        return Moment(_on(_date(year, month, day)))
    year = today.day.year - ((month, day) > (today.day.month, today.day.day))
    while (month, day) == (2, 29) and not _is_leap(year):
        year -= 1
    return Moment(_on(_date(year, month, day)), lambda other: _on(_date(other, month, day)))


def _days_of_month(match: Match, today: Today) -> Moment:
    """`1 to 15 March`."""
    low = int(match["from"])
    to = _month_day(match, today)

    def of(last: Period) -> Period:
        assert last.last is not None  # noqa: S101  a day has both ends
        return _range(_date(last.last.year, last.last.month, low), last.last)

    again = to.again
    return Moment(of(to.period), None if again is None else lambda year: of(again(year)))


def _is_leap(year: int) -> bool:
    return year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)


def _written(match: Match, today: Today) -> Moment:
    """Figures alone: 2025-03-01, 1/3/2025."""
    if match["year"]:
        year, month, day = int(match["year"]), int(match["m"]), int(match["d"])
    else:
        one, two, year = int(match["one"]), int(match["two"]), int(match["y"])
        day, month = (two, one) if today.is_month_first else (one, two)
        year += 2000 if year < 100 else 0  # noqa: PLR2004
    return Moment(_on(_date(year, month, day)))


def _year(match: Match, _today: Today) -> Moment:
    return Moment(_in(Group.YEAR, date(int(match["year"]), 1, 1)))


def _quarter(match: Match, today: Today) -> Moment:
    month = 3 * (int(match["q"]) if match["q"] else _ORDINALS[match["ordinal"]]) - 2
    year = _year_said(match, today)
    if year is None:
        year = today.day.year - (month > today.day.month)
    return Moment(_in(Group.QUARTER, date(year, month, 1)))


def _half(match: Match, today: Today) -> Moment:
    number = int(match["h"]) if match["h"] else _ORDINALS[match["ordinal"]]
    year = _year_said(match, today) or today.day.year
    first = date(year, 6 * number - 5, 1)
    words = "first" if number == 1 else "second"
    return Moment(
        Period(
            first=first,
            last=days_on(months_on(first, 6), -1),
            label=f"in the {words} half of {year}",
            months=6,
        )
    )


def _financial(match: Match, today: Today) -> Moment:
    if not today.is_indian:
        raise NotInCalendar("I know only India's financial year; tell me its first and last day instead.")
    begun = today.day.year - (today.day.month < INDIAN_YEAR_BEGINS)
    if match["begun"]:
        begun = int(match["begun"]) % 100 + 2000
        if match["ended"] and int(match["ended"]) % 100 != (begun + 1) % 100:
            raise NotInCalendar("A financial year runs from one April to the next March, such as 2024-25.")
        begun -= not match["ended"]  # FY25 is the one that ends in 2025
    elif match["which"] in {"last", "previous", "past"}:
        begun -= 1
    return Moment(
        Period(
            first=date(begun, INDIAN_YEAR_BEGINS, 1),
            last=date(begun + 1, INDIAN_YEAR_BEGINS - 1, 31),
            label=f"in the financial year {begun}-{(begun + 1) % 100:02d}",
            months=12,
        )
    )


def _weekday(match: Match, today: Today) -> Moment:
    index = next(i for i, name in enumerate(DAYS) if name.casefold() == match["weekday"])
    back = (today.day.weekday() - index) % 7
    if back == 0 and match["which"] in {"last", "previous"}:
        back = 7
    return Moment(_on(days_on(today.day, -back)))


def _weekend(match: Match, today: Today) -> Moment:
    saturday = days_on(today.day, 5 - today.day.weekday())
    if match["which"] in {"last", "previous", "past"}:
        saturday = days_on(saturday, -7)
    label = f"on the weekend of {named(Group.DAY, saturday)}"
    return Moment(Period(first=saturday, last=days_on(saturday, 1), label=label))


def _day_number(match: Match, today: Today) -> Moment:
    day = int(match["day"])
    month = today.day if day <= today.day.day else months_on(today.day.replace(day=1), -1)
    return Moment(_on(_date(month.year, month.month, day)))


def _fixed(days_back: int, label: str) -> Rule:
    return lambda _match, today: Moment(_on(days_on(today.day, -days_back), label))


_RULES: tuple[tuple[re.Pattern[str], Rule], ...] = tuple(
    (re.compile(rf"(?<![\w.$€£₹¥/-])(?:{pattern})(?![\w/%]|\.\d|-\d)"), rule)
    for pattern, rule in (
        (r"(?:the )?day before yesterday", _fixed(2, "the day before yesterday")),
        (r"yesterday", _fixed(1, "yesterday")),
        (r"today|tonight|this (?:morning|afternoon|evening)", _fixed(0, "today")),
        (rf"(?:the )?same (?P<unit>week|month|quarter) (?:of )?(?:{_LAST}) year", _same_last_year),
        ((rf"(?P<from>{_DAY_NUMBER})(?:st|nd|rd|th)? ?(?:to|-|until|till|and|through) ?{_DAY} ?(?:of )?"
         rf"{_MONTH}{_OF_YEAR}"), _days_of_month),
        (r"(?P<year>(?:19|20)\d\d)-(?P<m>\d\d?)-(?P<d>\d\d?)", _written),
        (r"(?P<one>\d\d?)(?P<sep>[/.-])(?P<two>\d\d?)(?P=sep)(?P<y>(?:19|20)?\d\d)", _written),
        (rf"{_DAY} ?(?:of )?{_MONTH}{_OF_YEAR}", _month_day),
        (rf"{_MONTH} {_DAY}(?!\d){_OF_YEAR}", _month_day),
        ((r"(?:the )?(?:fy|(?:financial|fiscal) year) ?(?P<begun>20\d\d|\d\d)"
         r"(?: ?[-/] ?(?P<ended>20\d\d|\d\d))?"), _financial),
        (r"(?P<which>this|last|current|previous|past|the)(?: current)? (?:financial year|fiscal year|fy)",
         _financial),
        (rf"(?:(?P<which>last|this|previous|past) )?{_MONTH}{_OF_YEAR}", _month),
        (rf"(?:the )?(?:q(?P<q>[1-4])|(?P<ordinal>{'|'.join(_ORDINALS)}) quarter){_OF_YEAR}", _quarter),
        (rf"(?:the )?(?:h(?P<h>[12])|(?P<ordinal>first|second) half)(?:{_OF_YEAR}| of the year)", _half),
        (r"(?:the )?(?P<u>year|month|week|quarter)[ -]to[ -]date", _to_date),
        (r"(?P<u>y|m)td", _to_date),
        (r"since the (?:start|beginning) of (?:the|this) (?P<u>year|month|week|quarter)", _to_date),
        (r"so far this (?P<u>year|month|week|quarter)", _to_date),
        (r"this (?P<u>year|month|week|quarter) (?:so far|till date|until now|till now|up to now)", _to_date),
        (r"(?:the )?(?P<unit>week|month|quarter|year) before last", _before_last),
        (rf"(?:the |these )?(?:last|past|previous|recent) {_COUNT} {_UNIT}s?", _last_count),
        (rf"(?:over|in|within|for) {_COUNT} {_UNIT}s?", _last_count),
        (rf"(?:{_COUNT[:-1]}|an?)) {_UNIT}s? (?:ago|back)", _ago),
        (rf"(?:the )?(?P<which>this|current|past|{_LAST}) (?P<unit>week|month|quarter|year)", _relative),
        (r"(?:the )?(?P<which>this|last|previous|past|the) weekend", _weekend),
        (rf"(?P<which>last|this|previous|past|on) {_WEEKDAY}", _weekday),
        (rf"on the (?P<day>{_DAY_NUMBER})(?:st|nd|rd|th)", _day_number),
        (rf"(?:(?:the )?year )?{_YEAR}", _year),
    )
)  # fmt: skip
_SINCE = re.compile(r"\b(?:(?:ever )?since|starting(?: from| in| on)?|beginning|from)(?: the)? $")
_UNTIL = re.compile(r"\b(?:until|till|up to|through|up until)(?: the)? $")
_AFTER = re.compile(r"\bafter(?: the)? $")
_BEFORE = re.compile(r"\b(?:before|prior to|earlier than)(?: the)? $")
_BETWEEN = re.compile(r"\b(?:between|from)(?: the)? $")
_TO = re.compile(r" ?(?:to|until|till|through|and|-|up to)(?: the)? ?")
_DASH = re.compile(r" ?(?:to|until|till|through|-)(?: the)? ?")
_ONWARDS = re.compile(
    r" (?:onwards?|on|till now|until now|to now|till date|to date|until today|till today)\b"
)
_IN = re.compile(
    r"\b(?:in|during|for|of|on|over|within|through|throughout|across|from|the|month of|back)(?: the)? $"
)


class Said(NamedTuple):
    """A period, and where it stood."""

    start: int
    end: int
    period: Period


def take_periods(text: Text, today: Today) -> list[Said]:
    """Every time that is told, in order.

    Raises:
        NotInCalendar
    """
    found: list[tuple[int, int, Moment]] = []
    for pattern, rule in _RULES:
        for match in text.take(pattern):
            found.append((match.start(), match.end(), rule(Match(match), today)))
    return _joined(text, sorted(found, key=lambda one: one[0]), today)


def _joined(text: Text, moments: list[tuple[int, int, Moment]], today: Today) -> list[Said]:
    """With the words between and before them: `from`, `to`, `since`."""
    said: list[Said] = []
    index = 0
    while index < len(moments):
        start, end, moment = moments[index]
        following = moments[index + 1] if index + 1 < len(moments) else None
        between = None if following is None else text.rest[end : following[0]]
        head = text.rest[:start]
        opened = _BETWEEN.search(head)
        if (
            following is not None
            and between is not None
            and (_DASH.fullmatch(between) or (opened is not None and _TO.fullmatch(between)))
        ):
            start = opened.start() if opened is not None else start
            period = _from_to(moment, following[2])
            end = following[1]
            index += 1
        else:
            start, end, period = _one_sided(text, start, end, moment.period, today)
        text.mark(start, end)
        said.append(Said(start, end, period))
        index += 1
    return said


def _from_to(one: Moment, other: Moment) -> Period:
    first, last = one.period, other.period
    if first.first is None or first.last is None or last.first is None or last.last is None:
        return last
    if one.again is not None:
        first = one.again(last.first.year)
        if first.first is not None and first.first > last.first:
            first = one.again(last.first.year - 1)
    assert first.first is not None  # noqa: S101  whole units have both ends
    if first.unit is Group.MONTH and last.unit is Group.MONTH:
        label = f"from {named(Group.MONTH, first.first)} to {named(Group.MONTH, last.first)}"
        return Period(first=first.first, last=last.last, label=label)
    return _range(first.first, last.last)


def _one_sided(text: Text, start: int, end: int, period: Period, today: Today) -> tuple[int, int, Period]:
    head = text.rest[:start]
    name = period.label.removeprefix("in ").removeprefix("on ")
    onwards = _ONWARDS.match(text.rest, end)
    if period.unit is not None:
        if (word := _SINCE.search(head)) is not None and ("from" not in word.group() or onwards):
            end = onwards.end() if onwards else end
            return word.start(), end, Period(first=period.first, last=today.day, label=f"since {name}")
        if (word := _UNTIL.search(head)) is not None:
            return word.start(), end, Period(first=None, last=period.last, label=f"until {name}")
        if (word := _AFTER.search(head)) is not None and period.last is not None:
            first = days_on(period.last, 1)
            return word.start(), end, Period(first=first, last=today.day, label=f"after {name}")
        if (word := _BEFORE.search(head)) is not None and period.first is not None:
            last = days_on(period.first, -1)
            return word.start(), end, Period(first=None, last=last, label=f"before {name}")
    word = _IN.search(head)
    if (
        word is not None
        and word.group().startswith("of")
        and head[: word.start()].rstrip(" ").endswith(TAKEN)
    ):
        raise NotInCalendar("I do not know that part of a time; tell me its first and last day instead.")
    return (start if word is None else word.start()), end, period
