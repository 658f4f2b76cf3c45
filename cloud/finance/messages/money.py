"""Amounts as people and banks write them: `Rs.1,23,456.50`, `₹500/-`, `1.234,56 €`, `2 lakh rupees`."""

import re
from collections.abc import Iterable, Iterator
from decimal import Decimal

from msgspec import Struct

from cloud.finance.currencies import currency_of, decimals_of
from shared.money import AMOUNT_MAX

_NUMBER = r"\d{1,15}(?:[,.'’]\d{2,3}){0,7}(?:[.,]\d{1,3})?(?!\d)"  # noqa: RUF001  the Swiss apostrophe
_SCALE = r"(?:\s?(?:lakhs?|lacs?|lac|crores?|thousand|million|mn|k)\b)?"
_WORD = r"rupees?|dollars?|pounds?|euros?|quid"
_AMBIGUOUS = "ALL|ANG|BAM|COP|CUP|GEL|GIP|LAK|MAD|PEN|SOS|TOP|TRY|VES"
_CODE = rf"(?:(?!(?:{_AMBIGUOUS})\b)[A-Z]{{3}}|(?i:inr|usd|gbp|eur|aed|sgd))"
_SIGN = rf"₹|₨|(?i:rs|re)\.?(?=[\s:.]{{0,2}}\d)|(?:US|A|C|S|HK)?\$|£|€|¥|{_CODE}(?=[\s.:]{{0,2}}-?\d)"
_BEFORE = re.compile(
    rf"(?<![A-Za-z\d])(?:[-−]\s?)?(?P<sign>{_SIGN})"  # noqa: RUF001  the real minus sign
    rf"[\s:.]{{0,2}}[-−]?(?P<number>{_NUMBER})(?P<scale>(?i:{_SCALE}))"  # noqa: RUF001
)
_AFTER = re.compile(
    rf"(?<![\w.,@/-])(?:[-−])?(?P<number>{_NUMBER})(?P<scale>(?i:{_SCALE}))"  # noqa: RUF001
    rf"\s?(?P<sign>₹|€|£|\$|(?i:rs|{_WORD})\b|{_CODE}\b|/-)"
)
_BARE = re.compile(
    r"(?i:\b(?:debited|credited|deducted|paid|spent|sent|received|amt|amount|txn|withdrawn)"
    rf"(?:\s(?:by|for|with|of|is))?[\s:]{{1,2}})(?P<number>{_NUMBER})(?![\w@/-])(?P<scale>(?i:{_SCALE}))"
    r"(?!\s(?i:shares?|units?|points?|coins?|gb|mb)\b)"
)
_GROUP = 3
_TIMES = {"la": 100_000, "cr": 10_000_000, "th": 1000, "k": 1000, "mi": 1_000_000, "mn": 1_000_000}
_GROUPED_BY_POINT = frozenset({"ARS", "BRL", "CLP", "COP", "DKK", "EUR", "IDR", "TRY", "VND"})


class Mention(Struct, frozen=True):
    """An amount in a text."""

    start: int
    end: int
    amount_minor: int
    """Above 0."""
    currency: str
    named: bool
    """The text names the currency; else it is the person's own."""


def read_number(text: str, *, currency: str) -> Decimal | None:
    """The figure without sign, whose last separator before one or two digits is the decimal one.

    A comma before three digits groups; a lone point does so only where the currency is written that way, and
    is decimal where it has three decimals. None: not a number, or written as nobody writes this currency.
    """
    figure = text.replace("’", "'")  # noqa: RUF001
    marks = [char for char in figure if char in ",.'"]
    if not marks:
        return Decimal(figure) if figure.isascii() and figure.isdigit() else None
    last = marks[-1]
    head, tail = figure.rsplit(last, 1)
    others = set(marks[:-1])
    if marks == ["."] and len(tail) == _GROUP and not _may_have_three(currency):
        return None
    if last == "'" or (last in others) or (len(tail) == _GROUP and not _is_fraction(last, others, currency)):
        head, tail, others = figure, "", set(marks)
    if len(others) > 1 or not _grouped_well(head, next(iter(others), "")):
        return None
    digits = re.sub(r"[,.']", "", head)
    return Decimal(f"{digits}.{tail}") if tail else Decimal(digits)


def _may_have_three(currency: str) -> bool:
    """Three digits behind a lone point mean something: decimals, or a group."""
    return currency in _GROUPED_BY_POINT or decimals_of(currency) >= _GROUP


def _is_fraction(last: str, others: set[str], currency: str) -> bool:
    """Whether three digits behind the last separator are decimals."""
    if others:
        return last not in others
    return last == "." and decimals_of(currency) >= _GROUP and currency not in _GROUPED_BY_POINT


def _grouped_well(head: str, mark: str) -> bool:
    """Thousands, or lakhs and crores: the last group has three digits, those before two or three alike."""
    if not mark:
        return head.isdigit()
    first, *middle, last = head.split(mark)
    sizes = {len(group) for group in middle}
    fits = len(sizes) <= 1 and sizes <= {2, _GROUP} and 1 <= len(first) <= max(sizes, default=_GROUP)
    return fits and len(last) == _GROUP


def minor_units(number: Decimal, currency: str) -> int | None:
    """Above 0 and exact in the currency's minor units; None otherwise."""
    units = number.scaleb(decimals_of(currency))
    if units != units.to_integral_value() or not 0 < units <= AMOUNT_MAX:
        return None
    return int(units)


def read_amount(number: str, scale: str, *, currency: str) -> int | None:
    """In minor units; `scale` is empty or a word such as lakh."""
    value = read_number(number, currency=currency)
    if value is None:
        return None
    word = scale.strip().casefold()
    times = next((factor for start, factor in _TIMES.items() if word.startswith(start)), 1) if word else 1
    return minor_units(value * times, currency)


def _mention(match: re.Match[str], sign: str | None, home: str) -> Mention | None:
    currency = home if sign is None else ("INR" if sign == "/-" else currency_of(sign, home))
    if currency is None:
        return None
    amount = read_amount(match["number"], match["scale"], currency=currency)
    if amount is None:
        return None
    return Mention(match.start(), match.end(), amount, currency, sign is not None)


def _found(text: str, home: str) -> Iterator[Mention | None]:
    yield from (_mention(match, match["sign"], home) for match in _BEFORE.finditer(text))
    yield from (_mention(match, match["sign"], home) for match in _AFTER.finditer(text))


def mentions(text: str, *, home: str) -> list[Mention]:
    """Every amount in the text, in order and without overlap; `home` is the person's currency.

    A figure without a currency counts behind a word such as debited, and only where no other amount stands.
    """
    named = _apart(_found(text, home))
    return named or _apart(_mention(match, None, home) for match in _BARE.finditer(text))


def _apart(found: Iterable[Mention | None]) -> list[Mention]:
    result: list[Mention] = []
    taken: set[int] = set()
    for mention in found:
        if mention is not None and taken.isdisjoint(range(mention.start, mention.end)):
            taken.update(range(mention.start, mention.end))
            result.append(mention)
    return sorted(result, key=lambda mention: mention.start)
