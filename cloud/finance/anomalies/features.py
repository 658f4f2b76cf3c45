"""What the forest sees of a purchase: its amount against what is usual, its hour, and how it is hurried.

A forest finds an outlier where several features are extreme at once; it is blind beyond the range it learned.
So haste, which tells a double charge or a run of charges, speaks in several features that are seldom extreme
together in an ordinary life:

- `amount`: ln(amount / median), of the merchant with three purchases or more, else of the category.
- `rush_1`, `rush_2`, `rush_3`: 1 / (1 + hours since the last purchase, the last but one, two); 0: none.
- `again`: the same, since the last purchase from this merchant.
- `same`: ln(1 + minutes since the same amount was paid to this merchant), at most and without one 90 days.
- `twice`: 1 / (1 + hours since the same amount was paid to this merchant), as a charge that is booked again.
- `hour`: -ln(share of purchases around this hour of the day + 0.01); 0 where the hour is not known.

Medians and shares are those of the purchases learned from. Where one of two times is known to the day only,
they are held to be at least 12 hours apart.
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from statistics import median

from msgspec import Struct

from shared.units import MICROS_PER_SECOND

NAMES = ("amount", "rush_1", "rush_2", "rush_3", "again", "same", "hour", "twice")
_MERCHANT_COUNT_MIN = 3
_MINUTES_MAX = 90 * 24 * 60
_UNKNOWN_TIME_MINUTES = 12 * 60
_NEIGHBOURS = ((-2, 0.25), (-1, 0.5), (0, 1.0), (1, 0.5), (2, 0.25))
_SHARE_MIN = 0.01
_MINUTE_US = 60 * MICROS_PER_SECOND


class Purchase(Struct, frozen=True, array_like=True):
    """As much of a transaction as the forest needs."""

    transaction_id: int
    at_us: int
    hour: int | None
    """Of the day, where the person lives; None: only the day is known."""
    amount_minor: int
    category: str
    currency: str
    merchant: str | None


class _Usual:
    """What the purchases learned from say."""

    def __init__(self, learned: Iterable[Purchase]) -> None:
        self._by_merchant: dict[tuple[str, str], list[int]] = defaultdict(list)
        self._by_category: dict[tuple[str, str], list[int]] = defaultdict(list)
        self._all: dict[str, list[int]] = defaultdict(list)
        by_hour = [0] * 24
        for row in learned:
            if row.merchant is not None:
                self._by_merchant[row.currency, row.merchant].append(row.amount_minor)
            self._by_category[row.currency, row.category].append(row.amount_minor)
            self._all[row.currency].append(row.amount_minor)
            if row.hour is not None:
                by_hour[row.hour] += 1
        self._hours = _rarity(by_hour)

    def amount(self, row: Purchase) -> float:
        merchant = self._by_merchant.get((row.currency, row.merchant or ""), ())
        if len(merchant) >= _MERCHANT_COUNT_MIN:
            return math.log(row.amount_minor / median(merchant))
        others = self._by_category.get((row.currency, row.category)) or self._all.get(row.currency)
        return math.log(row.amount_minor / median(others)) if others else 0.0

    def hour(self, row: Purchase) -> float:
        return 0.0 if row.hour is None else self._hours[row.hour]


def features(learned: Sequence[Purchase], judged: Sequence[Purchase]) -> list[list[float]]:
    """One list of `NAMES` for each, those learned from first; both in the order of time."""
    usual = _Usual(learned)
    found: list[list[float]] = []
    before: list[Purchase] = []
    last_of: dict[str, Purchase] = {}
    last_same: dict[tuple[str, str, int], Purchase] = {}
    for row in (*learned, *judged):
        merchant = f"?{row.category}" if row.merchant is None else row.merchant
        same = (merchant, row.currency, row.amount_minor)
        found.append(
            [
                usual.amount(row),
                *(_rush(row, before[-n] if len(before) >= n else None) for n in (1, 2, 3)),
                _rush(row, last_of.get(merchant)),
                math.log1p(_minutes(row, last_same.get(same))),
                usual.hour(row),
                _rush(row, last_same.get(same)),
            ]
        )
        before.append(row)
        last_of[merchant] = last_same[same] = row
    return found


def _rush(row: Purchase, earlier: Purchase | None) -> float:
    return 0.0 if earlier is None else 1 / (1 + _minutes(row, earlier) / 60)


def _minutes(row: Purchase, earlier: Purchase | None) -> float:
    """At most 90 days, which also stands for never."""
    if earlier is None:
        return _MINUTES_MAX
    minutes = (row.at_us - earlier.at_us) / _MINUTE_US
    if row.hour is None or earlier.hour is None:
        minutes = max(minutes, _UNKNOWN_TIME_MINUTES)
    return min(minutes, _MINUTES_MAX)


def _rarity(by_hour: Sequence[int]) -> Mapping[int, float]:
    total = sum(by_hour) or 1
    shares = (
        sum(by_hour[(hour + step) % 24] * share for step, share in _NEIGHBOURS) / total for hour in range(24)
    )
    return {hour: -math.log(share + _SHARE_MIN) for hour, share in enumerate(shares)}
