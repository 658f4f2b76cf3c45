"""What groups of transactions come to, in one currency; other currencies stand apart, never converted.

Spending is counted; income stands beside it and is never set off against it.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from fractions import Fraction

from msgspec import Struct, field

from cloud.finance.reading import Channel, Direction
from cloud.finance.transactions.model import UNKNOWN, SourceType
from shared.money import round_half_even


class Group(Struct, frozen=True, kw_only=True):
    """How many transactions agree in all this, and their sum."""

    currency: str
    direction: Direction
    category: str
    payment_channel: Channel | None
    source_type: SourceType
    flagged: bool
    transactions: int
    amount_minor: int


class Sum(Struct, frozen=True):
    transactions: int = 0
    amount_minor: int = 0


class Figures(Struct, frozen=True, kw_only=True):
    """Of spending in `currency`, unless it says otherwise. Amounts in minor units."""

    currency: str
    spent: Sum
    avg_minor: int
    """Half-even; 0 where nothing was spent."""
    flagged: int
    by_category: Mapping[str, int] = field(default_factory=dict)
    """The largest first."""
    by_payment_channel: Mapping[str, int] = field(default_factory=dict)
    """How many, the most first; `Unknown` where no source told."""
    by_source_type: Mapping[str, int] = field(default_factory=dict)
    received: Sum = Sum()
    """Income."""
    other_currencies: Mapping[str, tuple[Sum, Sum]] = field(default_factory=dict)
    """Spent and received, by code."""


def figures(groups: Iterable[Group], currency: str) -> Figures:
    """What they come to for somebody whose own currency it is."""
    groups = list(groups)
    spending = [one for one in groups if one.currency == currency and one.direction is Direction.DEBIT]
    others = sorted({one.currency for one in groups} - {currency})
    spent = _sum(spending)
    mean = Fraction(spent.amount_minor, spent.transactions) if spent.transactions else Fraction(0)
    by_category: dict[str, int] = defaultdict(int)
    by_channel: dict[str, int] = defaultdict(int)
    by_source: dict[str, int] = defaultdict(int)
    for one in spending:
        by_category[one.category] += one.amount_minor
        by_channel[one.payment_channel or UNKNOWN] += one.transactions
        by_source[one.source_type] += one.transactions
    return Figures(
        currency=currency,
        spent=spent,
        avg_minor=round_half_even(mean),
        flagged=sum(one.transactions for one in spending if one.flagged),
        by_category=_largest_first(by_category),
        by_payment_channel=_largest_first(by_channel),
        by_source_type=_largest_first(by_source),
        received=_of(groups, currency, Direction.CREDIT),
        other_currencies={
            code: (_of(groups, code, Direction.DEBIT), _of(groups, code, Direction.CREDIT)) for code in others
        },
    )


def _of(groups: Iterable[Group], currency: str, direction: Direction) -> Sum:
    return _sum(one for one in groups if one.currency == currency and one.direction is direction)


def _sum(groups: Iterable[Group]) -> Sum:
    transactions = amount_minor = 0
    for one in groups:
        transactions += one.transactions
        amount_minor += one.amount_minor
    return Sum(transactions, amount_minor)


def _largest_first(values: Mapping[str, int]) -> dict[str, int]:
    return dict(sorted(values.items(), key=lambda item: (-item[1], item[0])))
