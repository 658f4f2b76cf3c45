"""Dates and times of day as receipts of several countries print them."""

import re
from collections.abc import Sequence
from datetime import date, time, timedelta
from enum import StrEnum

from msgspec import Struct

from cloud.finance.receipts.figures import mended

_MONTHS = {
    1: "january januar janvier januari enero gennaio ocak",  # codespell:ignore
    2: "february februar fevrier februari febrero febbraio",  # codespell:ignore
    3: "march marz maerz mars mac maart marzo",  # codespell:ignore
    4: "april avril abril aprile",  # codespell:ignore
    5: "may mai mei mayo maggio",  # codespell:ignore
    6: "june juni juin jun junio giugno",  # codespell:ignore
    7: "july juli juillet julai julio luglio",  # codespell:ignore
    8: "august aout ogos augustus agosto",  # codespell:ignore
    9: "september septembre septiembre settembre",  # codespell:ignore
    10: "october oktober octobre octubre ottobre",  # codespell:ignore
    11: "november novembre noviembre",  # codespell:ignore
    12: "december dezember decembre disember diciembre dicembre",  # codespell:ignore
}
_NAMES = {name: month for month, names in _MONTHS.items() for name in names.split()}
_SHORT = {name[:3]: month for name, month in _NAMES.items()} | {
    "dez": 12,
    "sept": 9,
    "okt": 10,
    "ogo": 8,
    "dis": 12,
}
_YEAR = r"(?P<y>20\d\d(?=\d{1,2}:\d\d)|\d\d(?=\d\d:\d\d)|(?:19|20)\d\d(?!\d)|\d\d(?!\d))"
_NAME = r"(?P<name>[A-Za-zäéûçÄ]{2,10})"
_PATTERNS = (
    re.compile(
        r"(?<!\d)(?P<y>20\d\d)\s?[-/.年]\s?(?P<m>\d{1,2})\s?[-/.月]\s?(?P<d>\d{1,2})"
        r"(?:日|(?!\d)|(?=\d\d:\d\d))"
    ),
    re.compile(rf"(?<![\d.])(?P<a>\d{{1,2}})\s?(?P<s>[-/.,])\s?(?P<b>\d{{1,2}})\s?(?P=s)\s?'?{_YEAR}"),
    re.compile(rf"(?<!\d)(?P<d>\d{{1,2}})(?:st|nd|rd|th)?[-/., ]{{0,2}}{_NAME}[-/.,' ]{{0,3}}{_YEAR}"),
    re.compile(rf"(?<![A-Za-z]){_NAME}[-/., ]{{0,2}}(?P<d>\d{{1,2}})(?:st|nd|rd|th)?[-/., ]{{1,3}}'?{_YEAR}"),
)
_TIME = re.compile(
    r"(?<![\d:])(?P<h>[01]?\d|2[0-3])\s?[:h]\s?(?P<m>[0-5]\d)(?:\s?:\s?[0-5]\d)?(?!\d)"
    r"\s?(?P<half>[AaPp]\.?\s?[Mm])?"
    r"|(?P<half2>午前|午後)?(?P<h2>\d{1,2})時(?P<m2>\d{2})分"
)
_OURS = re.compile(r"(?i)dat[eum]|tarikh|日付|日時|datum|time|masa|issued|invoice|bill|receipt")
_OTHER = re.compile(
    r"(?i)exp|valid|due|birth|since|best before|d\.?o\.?b|mfg|until|printed|delivery|check.?in|check.?out"
    r"|deadline|warranty|return by|period"
)
_NOON = 12
_YEARS_KEPT = 20
"""Older dates are rather a time of day or a number that looks like one."""


class Order(StrEnum):
    """How 03/04/2018 is read."""

    DAY_FIRST = "dmy"
    MONTH_FIRST = "mdy"
    YEAR_FIRST = "ymd"


class Day(Struct, frozen=True):
    """The day of a purchase and what speaks for it."""

    date: date
    time: time | None
    labelled: bool
    repeated: bool
    sure_order: bool
    """No other order of its numbers makes sense, or the receipt shows its order elsewhere."""
    likely: bool
    """Not after tomorrow, and of the last twenty years."""
    rivals: int
    """Other days on the receipt that score as well."""
    mended: bool
    """A month's name was guessed from damaged letters."""
    text_confidence: float


class _Seen(Struct, frozen=True):
    date: date
    order_open: bool
    guessed: bool
    score: float
    index: int
    confidence: float
    time: time | None


def _month(name: str) -> tuple[int, bool] | None:
    """Month and whether letters were guessed."""
    word = name.casefold().replace("ä", "a").replace("é", "e").replace("û", "u").replace("0", "o")
    if word in _NAMES:
        return _NAMES[word], False
    if word in _SHORT:
        return _SHORT[word], False
    if len(word) > 3 and word[:3] in _SHORT and any(known.startswith(word[:3]) for known in _NAMES):
        full = [known for known in _NAMES if known.startswith(word[:3])]
        if any(abs(len(known) - len(word)) <= 1 or known.startswith(word) for known in full):
            return _SHORT[word[:3]], False
    if len(word) > 3:
        return None
    near = {
        month
        for short, month in _SHORT.items()
        if len(short) == 3
        and (
            (len(word) == 3 and sum(a != b for a, b in zip(word, short, strict=True)) == 1)
            or short[:2] == word
        )
    }
    return (near.pop(), True) if len(near) == 1 else None


def _date(year: int, month: int, day: int) -> date | None:
    try:
        found = date(year + 2000 if year < 100 else year, month, day)
    except ValueError:
        return None
    return found if found.year >= 1990 else None


def _readings(match: re.Match[str], order: Order) -> tuple[date | None, bool, bool]:
    """The date, whether its order is open, whether letters were guessed."""
    parts = match.groupdict()
    if parts.get("name"):
        month = _month(parts["name"])
        return (
            (None, False, False)
            if month is None
            else (_date(int(parts["y"]), month[0], int(parts["d"])), False, month[1])
        )
    if "m" in parts:
        return _date(int(parts["y"]), int(parts["m"]), int(parts["d"])), False, False
    a, b, year = int(parts["a"]), int(parts["b"]), int(parts["y"])
    by_day, by_month = _date(year, b, a), _date(year, a, b)
    if order is Order.YEAR_FIRST and year < 32 and (turned := _date(a, b, year)):
        return turned, by_day is not None, False
    is_open = by_day is not None and by_month is not None and by_day != by_month
    first, second = (by_month, by_day) if order is Order.MONTH_FIRST else (by_day, by_month)
    return first or second, is_open, False


def _time(text: str) -> time | None:
    for match in _TIME.finditer(text):
        half = (match["half"] or "").casefold().replace(".", "").replace(" ", "")
        hour, minute = int(match["h"] or match["h2"]), int(match["m"] or match["m2"])
        late = half == "pm" or match["half2"] == "午後"
        early = half == "am" or match["half2"] == "午前"
        if late and hour < _NOON:
            hour += _NOON
        if early and hour == _NOON:
            hour = 0
        if hour < 24 and minute < 60:
            return time(hour, minute)
    return None


def _time_near(texts: Sequence[str], index: int, end: int) -> time | None:
    found = _time(texts[index][end:]) or _time(texts[index][:end])
    for near in (index + 1, index - 1, index + 2, index - 2):
        if found is None and 0 <= near < len(texts) and not any(p.search(texts[near]) for p in _PATTERNS):
            found = _time(texts[near])
    return found


def _is_likely(day: date, today: date) -> bool:
    return today.year - _YEARS_KEPT <= day.year and day <= today + timedelta(days=1)


def _seen(texts: Sequence[str], confidences: Sequence[float], order: Order, today: date) -> list[_Seen]:
    seen = []
    for index, text in enumerate(texts):
        for pattern in _PATTERNS:
            for match in pattern.finditer(text):
                day, is_open, guessed = _readings(match, order)
                if day is None:
                    continue
                before = text[: match.start()]
                when = _time_near(texts, index, match.end())
                same_line = _time(text[match.end() :] + " " + before) is not None
                score = 2.0 * bool(_OURS.search(before)) + 1.5 * same_line - 3.0 * bool(_OTHER.search(before))
                score += 0.5 * (1 - index / len(texts)) - 1.0 * guessed
                score -= 6.0 * (not _is_likely(day, today))
                seen.append(_Seen(day, is_open, guessed, score, index, confidences[index], when))
    return seen


def _turned(
    seen: list[_Seen], lines: Sequence[str], confidences: Sequence[float], order: Order, today: date
) -> tuple[list[_Seen], bool]:
    """In the other order where the receipt shows it or the first makes no sense; whether it shows it."""
    other = Order.MONTH_FIRST if order is Order.DAY_FIRST else Order.DAY_FIRST
    late = any(one.order_open and one.date > today + timedelta(days=1) for one in seen)
    shown = any(not one.order_open and _is_other(lines[one.index], other, today) for one in seen)
    turned = _seen(lines, confidences, other, today) if late or shown else []
    if turned and max(one.score for one in turned) >= max(one.score for one in seen):
        return turned, shown
    return seen, shown


def day_of(texts: Sequence[str], confidences: Sequence[float], *, order: Order, today: date) -> Day | None:
    """The day of the purchase; None where no line holds one. Days after tomorrow lose to any other."""
    lines = [mended(text) for text in texts]
    seen = _seen(lines, confidences, order, today)
    if not seen:
        return None
    seen, shown_other = _turned(seen, lines, confidences, order, today)
    totals: dict[date, float] = {}
    for one in seen:
        totals[one.date] = max(totals.get(one.date, -9.0), one.score) + 0.3 * (one.date in totals)
    best = max(totals, key=lambda day: totals[day])
    said = [one for one in seen if one.date == best]
    first = max(said, key=lambda one: (one.time is not None, one.score))
    same_day_shown = shown_other or any(not one.order_open for one in seen)
    return Day(
        date=best,
        time=first.time,
        labelled=any(_OURS.search(lines[one.index]) for one in said),
        repeated=len({one.index for one in said}) > 1,
        sure_order=not all(one.order_open for one in said) or same_day_shown,
        likely=_is_likely(best, today),
        rivals=sum(1 for day, score in totals.items() if day != best and score > totals[best] - 1.0),
        mended=all(one.guessed for one in said),
        text_confidence=max(one.confidence for one in said),
    )


def _is_other(text: str, order: Order, today: date) -> bool:
    """Whether a date of the line can only be read in this order."""
    for match in _PATTERNS[1].finditer(text):
        a, b = int(match["a"]), int(match["b"])
        recent = _date(int(match["y"]), 1, 1)
        if recent is None or not 0 <= today.year - recent.year <= _YEARS_KEPT:
            continue
        if (order is Order.MONTH_FIRST and b > _NOON >= a) or (order is Order.DAY_FIRST and a > _NOON >= b):
            return True
    return False
