"""What a query found, as answers are made of it."""

from collections.abc import Iterable, Sequence
from datetime import date
from fractions import Fraction

from msgspec import Struct

from cloud.finance.chat.calendar import days_on, touched
from cloud.finance.chat.query import Group, Period, Query, Selection
from cloud.finance.chat.spans import Bucket
from cloud.finance.reading import Direction
from cloud.finance.transactions.model import Transaction


class Tally(Struct, frozen=True, kw_only=True):
    """What some transactions of one currency and direction come to."""

    bucket: int
    name: str
    """Of the group; empty where none was asked for, or it is not known."""
    currency: str
    direction: Direction
    transactions: int
    amount_minor: int


class Side(Struct, frozen=True, kw_only=True):
    """One selection and its figures."""

    selection: Selection
    tallies: Sequence[Tally]
    """Not told apart by name or time."""
    rows: Sequence[Transaction] = ()
    """Those shown, in the order of the question."""
    ids: Sequence[int] = ()
    """Of all that was counted, the newest first, up to a bound."""
    sealed: int = 0
    """Transactions that have no readable seller where one is asked for."""

    @property
    def count(self) -> int:
        return sum(tally.transactions for tally in self.tallies)


class Findings(Struct, frozen=True, kw_only=True):
    query: Query
    sides: Sequence[Side]
    today: date
    first_day: date
    """Of all the person's transactions."""
    groups: Sequence[Tally] = ()
    """Told apart as the question asks."""
    buckets: Sequence[Bucket] = ()
    """Days of each, where they are told apart by time."""
    whole: Sequence[Tally] = ()
    """Of a share."""


def sums(
    tallies: Iterable[Tally], home: str, direction: Direction | None = None
) -> dict[str, tuple[int, int]]:
    """Amount in minor units and number by currency, the person's own first."""
    found: dict[str, tuple[int, int]] = {}
    for tally in tallies:
        if direction is None or tally.direction is direction:
            amount, count = found.get(tally.currency, (0, 0))
            found[tally.currency] = amount + tally.amount_minor, count + tally.transactions
    return dict(sorted(found.items(), key=lambda item: (item[0] != home, -item[1][1], item[0])))


def divisor(per: Group, period: Period | None, first_day: date, today: date) -> tuple[Fraction, int]:
    """How many of the unit the elapsed days of a period are, and how many days: both above 0.

    Months, quarters and years count as begun; weeks by their days.
    """
    first = first_day if period is None or period.first is None else period.first
    last = today if period is None or period.last is None else min(period.last, today)
    last = max(first, last)
    days = (last - first).days + 1
    if per is Group.DAY:
        return Fraction(days), days
    if per is Group.WEEK:
        return Fraction(days, 7), days
    if (
        per is Group.MONTH
        and period is not None
        and period.months is not None
        and (period.last == last and days_on(last, 1).day in {1, first.day})
    ):
        return Fraction(period.months), days
    return Fraction(len(touched(per, first, last))), days


def ranked(tallies: Iterable[Tally], query: Query) -> list[Tally]:
    """The largest first, by the measure of the query; names break ties."""
    sign = 1 if query.least else -1
    return sorted(
        tallies,
        key=lambda one: (sign * (one.transactions if query.by_count else one.amount_minor), one.name),
    )


def change_percent(now: int, then: int) -> Fraction | None:
    """By how much it changed, above 0 for more; None from nothing."""
    return None if then == 0 else Fraction((now - then) * 100, then)
