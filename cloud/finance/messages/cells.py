"""Dates and amounts of a column, whose form is decided over the whole column and then held."""

import re
from collections.abc import Iterable, Sequence
from datetime import date, datetime, time
from decimal import Decimal
from enum import StrEnum
from itertools import pairwise
from zoneinfo import ZoneInfo

from msgspec import Struct

from cloud.finance.currencies import currency_of
from cloud.finance.messages.dates import at, at_noon, month_named, real_date, times
from cloud.finance.messages.money import read_number
from shared.clock import to_micros


class Order(StrEnum):
    """In which order a column writes its dates."""

    DAY_FIRST = "day, month, year"
    MONTH_FIRST = "month, day, year"
    YEAR_FIRST = "year, month, day"


_PARTS = re.compile(
    r"(?P<a>\d{1,4}|[A-Za-z]{3,9})[\s./,-]{1,2}(?P<b>\d{1,2}|[A-Za-z]{3,9})[\s./,-]{1,2}(?P<c>\d{4}|\d{2})(?!\d)"
)
_COMPACT = re.compile(r"(?P<year>(?:19|20)\d{2})(?P<month>\d{2})(?P<day>\d{2})(?!\d)")
_WORD_FIRST = re.compile(r"[A-Za-z]{3,9},?\s(?=\d)")
_MONTH = re.compile(r"jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec", re.IGNORECASE)
_EXACT = re.compile(r"\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d{1,6})?)?(?:Z|[+-]\d{2}:?\d{2})")
_CELL_MAX = 60
_AMOUNT = re.compile(
    r"(?P<open>\()?\s?(?P<minus>[-+−]\s?)?(?P<sign>[^\d\s().,+−-][^\d\s()+−-]{0,3}\s?)?(?P<inner>[-+−]\s?)?"  # noqa: RUF001
    r"(?P<number>\d[\d.,'’\s]{0,30}?)\s?(?P<trail>[-+−])?\s?(?P<after>[^\d\s().,+−-]{1,4})?\)?"  # noqa: RUF001
    r"\s?(?P<side>\(?(?:cr|dr|c|d)\b\.?\)?)?",
    re.IGNORECASE,
)
_COMMA_DECIMAL = re.compile(r",\d{1,2}(?!\d)")
_POINT_DECIMAL = re.compile(r"\.\d{1,2}(?!\d)")


class Money(Struct, frozen=True):
    """An amount cell."""

    value: Decimal
    """At least 0."""
    negative: bool
    side: str | None
    """`cr` or `dr` where the cell says so."""
    currency: str | None


def _month(part: str) -> int | None:
    if part.isdigit():
        return int(part)
    return month_named(part) if _MONTH.match(part) else None


def read_date(cell: str, order: Order) -> date | None:
    """None: not a date in that order. A month's name leaves no doubt, whatever the order."""
    text = (
        _WORD_FIRST.sub("", cell.strip()[:_CELL_MAX], count=1)
        if cell[:1].isalpha()
        else cell.strip()[:_CELL_MAX]
    )
    compact = _COMPACT.match(text)
    if compact is not None:
        return real_date(int(compact["year"]), int(compact["month"]), int(compact["day"]))
    match = _PARTS.match(text) or _PARTS.match(cell.strip()[:_CELL_MAX])
    if match is None:
        return None
    a, b, c = match["a"], match["b"], match["c"]
    if a.isalpha():
        year, month, day = c, a, b
    elif b.isalpha():
        year, month, day = (a, b, c) if len(a) == 4 else (c, b, a)  # noqa: PLR2004
    elif len(a) == 4 or order is Order.YEAR_FIRST:  # noqa: PLR2004
        year, month, day = a, b, c
    else:
        year, month, day = (c, b, a) if order is Order.DAY_FIRST else (c, a, b)
    number = _month(month)
    if number is None or not year.isdigit() or not day.isdigit():
        return None
    return real_date(int(year), number, int(day))


def order_of(cells: Sequence[str], *, month_first: bool) -> Order:
    """The order in which most cells are dates; of equals, the one that sorts it, then the custom."""
    custom = (Order.MONTH_FIRST, Order.DAY_FIRST) if month_first else (Order.DAY_FIRST, Order.MONTH_FIRST)
    return max(
        (*custom, Order.YEAR_FIRST), key=lambda order: _fit([read_date(cell, order) for cell in cells])
    )


def _fit(days: Sequence[date | None]) -> tuple[int, int]:
    """How many are dates, and, negative, how often the column turns between rising and falling."""
    known = [day for day in days if day is not None]
    steps = [later >= earlier for earlier, later in pairwise(known) if later != earlier]
    return len(known), -min(steps.count(True), steps.count(False))


def moment_in(cell: str, clock: str, order: Order, zone: ZoneInfo) -> tuple[int, bool] | None:
    """Epoch microseconds and whether the time is known; `clock` is the cell of a time column, or empty."""
    stamp = cell.strip()
    if len(stamp) <= _CELL_MAX and _EXACT.fullmatch(stamp):
        try:
            return to_micros(datetime.fromisoformat(stamp)), True
        except ValueError:
            return None
    day = read_date(cell, order)
    if day is None:
        return None
    told = times(clock[:_CELL_MAX]) or times(stamp[8:_CELL_MAX])
    if not told or told[0][2] == time(0):
        return at_noon(day, zone), False
    return at(day, told[0][2], zone), True


def has_comma_decimals(cells: Iterable[str]) -> bool:
    """The column writes 12,50: at least once, and 12.50 never."""
    kept = [cell.strip()[:_CELL_MAX] for cell in cells]
    return any(_COMMA_DECIMAL.search(cell) for cell in kept) and not any(
        _POINT_DECIMAL.search(cell) for cell in kept
    )


def read_money(cell: str, *, currency: str, comma: bool) -> Money | None:
    """An amount with its sign: minus, brackets, or Cr and Dr behind it; None: no amount."""
    match = _AMOUNT.fullmatch(cell.strip()[:_CELL_MAX])
    if match is None:
        return None
    named = next(
        (code for word in (match["sign"], match["after"]) if word and (code := currency_of(word, currency))),
        None,
    )
    side = re.sub(r"[^a-z]", "", (match["side"] or "").casefold())[:1]
    after = (match["after"] or "").casefold().strip(".")
    if not side and after in {"cr", "dr", "c", "d"}:
        side = after[0]
    elif (match["sign"] or match["after"]) and named is None and not side:
        return None
    figure = re.sub(r"\s", "", match["number"]).rstrip(".,")
    if comma:
        figure = figure.replace(".", "").replace(",", ".")
    value = _plain(figure) if comma else read_number(figure, currency=named or currency)
    if value is None:
        return None
    marks = "".join(match[name] or "" for name in ("minus", "inner", "trail"))
    minus = "-" in marks or "\u2212" in marks
    return Money(value, minus or match["open"] is not None, {"c": "cr", "d": "dr"}.get(side), named)


def _plain(figure: str) -> Decimal | None:
    return Decimal(figure) if re.fullmatch(r"\d{1,15}(?:\.\d{1,3})?", figure) else None
