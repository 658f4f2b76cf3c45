"""Two years of one generated person, and what is true of them, by plain loops over the list.

Nothing here knows the product's queries: a purchase is a tuple, a day is written out, a sum is a loop.
"""

import random
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from datetime import date, datetime, time, timedelta
from fractions import Fraction
from typing import NamedTuple
from zoneinfo import ZoneInfo

ZONE = ZoneInfo("Asia/Kolkata")
TODAY = date(2025, 11, 22)
BEGUN = date(2023, 11, 23)
SEALED_FROM = date(2025, 8, 1)
"""From here on some purchases have no seller that the service could read."""

SELLERS = {
    "Groceries": [
        ("Big Bazaar", 180_000),
        ("DMart", 240_000),
        ("BigBasket", 120_000),
        ("Reliance Fresh", 60_000),
    ],
    "Food & Dining": [
        ("Swiggy", 45_000),
        ("Zomato", 52_000),
        ("Starbucks", 38_000),
        ("Domino's Pizza", 70_000),
    ],
    "Transport": [("Uber", 28_000), ("Ola Cabs", 24_000), ("Indian Oil", 250_000), ("IRCTC", 140_000)],
    "Utilities": [("Tata Power", 210_000), ("Airtel", 89_900), ("Jio", 66_600), ("Mahanagar Gas", 95_000)],
    "Entertainment": [("Netflix", 64_900), ("PVR Cinemas", 90_000), ("BookMyShow", 75_000)],
    "Unknown": [("Amazon India", 150_000), ("Flipkart", 130_000), ("Apollo Pharmacy", 48_000)],
}
ABROAD = {"Uber": "USD", "Starbucks": "GBP", "Netflix": "EUR", "Amazon India": "USD"}
CHANNELS = ("UPI", "Card", "Cash", "Wallet", "BankTransfer")
SOURCES = ("Upload", "Gmail", "UPIFeed", "SMS", "Statement", "Manual")


class Row(NamedTuple):
    """One purchase or income; its place in the list and 1 is its id."""

    at: datetime
    amount: int
    currency: str
    is_income: bool
    seller: str | None
    category: str
    channel: str
    source: str
    is_flagged: bool = False
    is_rejected: bool = False
    merged_into: int | None = None

    @property
    def day(self) -> date:
        return self.at.date()


def history(seed: int) -> list[Row]:
    """In the order of time."""
    dice = random.Random(seed)
    rows: list[Row] = []
    day = BEGUN
    while day <= TODAY:
        for _ in range(dice.choices((0, 1, 2, 3, 4), (1, 3, 4, 2, 1))[0]):
            rows.append(_purchase(dice, day))
        if day.day == 1:
            rows.append(_row(dice, day, 9_500_000, "INR", "Acme Payroll", "Unknown", True))
        if day.day == 17 and day.month % 3 == 0:
            rows.append(
                _row(dice, day, dice.randrange(20_000, 90_000), "INR", "Amazon India", "Unknown", True)
            )
        day += timedelta(days=1)
    rows.sort(key=lambda row: row.at)
    return _spoilt(dice, rows)


def _purchase(dice: random.Random, day: date) -> Row:
    category = dice.choices(list(SELLERS), (5, 6, 5, 2, 2, 2))[0]
    seller, usual = dice.choice(SELLERS[category])
    currency = ABROAD[seller] if seller in ABROAD and dice.random() < 0.06 else "INR"
    amount = round(usual * dice.lognormvariate(0, 0.5)) // (80 if currency != "INR" else 1)
    if dice.random() < 0.4:
        amount = max(1, amount // 100) * 100
    name = None if day >= SEALED_FROM and dice.random() < 0.08 else seller
    return _row(dice, day, max(1, amount), currency, name, category, False)


def _row(
    dice: random.Random,
    day: date,
    amount: int,
    currency: str,
    seller: str | None,
    category: str,
    is_income: bool,
) -> Row:
    at = datetime.combine(day, time(dice.randrange(24), dice.randrange(60), dice.randrange(60)), ZONE)
    channel = "BankTransfer" if is_income else dice.choices(CHANNELS, (6, 4, 2, 1, 1))[0]
    return Row(at, amount, currency, is_income, seller, category, channel, dice.choice(SOURCES))


def _spoilt(dice: random.Random, rows: list[Row]) -> list[Row]:
    """Some flagged, some rejected, some told twice."""
    for index, row in enumerate(rows):
        chance = dice.random()
        if row.is_income:
            continue
        if chance < 0.01:
            rows[index] = row._replace(is_flagged=True, amount=row.amount * 4)
        elif chance < 0.03:
            rows[index] = row._replace(is_rejected=True)
        elif chance < 0.05 and index:
            rows[index] = row._replace(merged_into=index)
    return rows


class Expected(NamedTuple):
    """What an answer has to say, and what else it may say; amounts in minor units by currency."""

    money: Sequence[tuple[str, int]] = ()
    numbers: Sequence[int] = ()
    names: Sequence[str] = ()
    other_money: frozenset[tuple[str, int]] = frozenset()
    other_numbers: frozenset[int] = frozenset()
    days: frozenset[date] = frozenset()
    percents: frozenset[Fraction] = frozenset()
    ids: frozenset[int] | None = None
    """Of all that was counted; None: not checked."""


class History:
    """The list, searched by loops."""

    def __init__(self, rows: Sequence[Row]) -> None:
        self.rows = rows
        self.sealed: set[int] = set()
        """How many had no readable seller where one was looked for, in each search since it was emptied."""

    def ids(self, rows: Iterable[Row]) -> frozenset[int]:
        wanted = {id(row) for row in rows}
        return frozenset(index for index, row in enumerate(self.rows, 1) if id(row) in wanted)

    def paid(
        self,
        first: date = date.min,
        last: date = date.max,
        *,
        category: Sequence[str] | str | None = None,
        seller: Sequence[str] | str | None = None,
        channel: str | None = None,
        source: str | None = None,
        currency: str | None = None,
        income: bool | None = False,
        flagged: bool = False,
        when: Callable[[Row], bool] = lambda _row: True,
    ) -> list[Row]:
        """What counts and fits, in the order of time."""
        if seller is not None:
            fits = {"category": category, "channel": channel, "source": source, "currency": currency}
            anyone = self.paid(first, last, **fits, income=income, flagged=flagged, when=when)
            self.sealed.add(sum(row.seller is None for row in anyone))
        return [
            row
            for row in self.rows
            if not row.is_rejected
            and row.merged_into is None
            and first <= row.day <= last
            and (category is None or row.category in ([category] if isinstance(category, str) else category))
            and (seller is None or row.seller in ([seller] if isinstance(seller, str) else seller))
            and (channel is None or row.channel == channel)
            and (source is None or row.source == source)
            and (currency is None or row.currency == currency)
            and (income is None or row.is_income is income)
            and (not flagged or row.is_flagged)
            and when(row)
        ]


def sums(rows: Iterable[Row]) -> dict[str, int]:
    found: dict[str, int] = defaultdict(int)
    for row in rows:
        found[row.currency] += row.amount
    return dict(found)


def aside(rows: Sequence[Row]) -> dict[str, frozenset]:
    """What may be said of rows beside what was asked: sums, counts, extremes, means, days."""
    by_currency: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        by_currency[row.currency].append(row)
    money: set[tuple[str, int]] = set()
    numbers = {len(rows)}
    days: set[date] = set()
    for code, own in by_currency.items():
        amounts = [row.amount for row in own]
        mean = round(Fraction(sum(amounts), len(own)))
        money |= {(code, figure) for figure in (sum(amounts), max(amounts), min(amounts), mean)}
        numbers.add(len(own))
        days |= {row.day for row in own if row.amount in {max(amounts), min(amounts)}}
    numbers |= {sum(row.is_income is given for row in rows) for given in (True, False)}
    numbers.add(sum(row.seller is None for row in rows))
    return {"other_money": frozenset(money), "other_numbers": frozenset(numbers), "days": frozenset(days)}


def total(h: History, rows: Sequence[Row]) -> Expected:
    return Expected(money=list(sums(rows).items()), ids=h.ids(rows), **aside(rows))


def count(h: History, rows: Sequence[Row]) -> Expected:
    return Expected(numbers=[len(rows)], ids=h.ids(rows), **aside(rows))


def average(h: History, rows: Sequence[Row], divisor: int | None = None) -> Expected:
    """Of each currency; the divisor: days or months."""
    counts = {code: sum(row.currency == code for row in rows) for code in sums(rows)}
    money = [(code, round(Fraction(minor, divisor or counts[code]))) for code, minor in sums(rows).items()]
    expected = Expected(money=money, ids=h.ids(rows), **aside(rows))
    return expected._replace(other_numbers=expected.other_numbers | {divisor or 0})


def extreme(h: History, rows: Sequence[Row], pick: Callable[[Iterable[int]], int] = max) -> Expected:
    money = [(code, pick(row.amount for row in rows if row.currency == code)) for code in sums(rows)]
    names = [row.seller for row in rows if row.seller and (row.currency, row.amount) in money]
    return Expected(money=money, names=names[:1] if len(names) == 1 else (), **aside(rows))


def listing(h: History, rows: Sequence[Row], shown: int) -> Expected:
    """The newest ones."""
    newest = sorted(rows, key=lambda row: row.at, reverse=True)[:shown]
    expected = Expected(money=[(row.currency, row.amount) for row in newest], **aside(rows))
    return expected._replace(
        days=frozenset(row.day for row in newest), other_numbers=expected.other_numbers | {len(newest)}
    )


def ranking(
    h: History, rows: Sequence[Row], key: Callable[[Row], str | None], n: int, *, least: bool = False
) -> Expected:
    """In rupees; what other currencies come to may be said, too."""
    tallies: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    others: set[tuple[str, int]] = set()
    counts: set[int] = set()
    for row in rows:
        name = key(row)
        if name is not None and row.currency == "INR":
            tallies[name][0] += row.amount
            tallies[name][1] += 1
    for row in rows:
        alike = [r for r in rows if r.currency == row.currency and key(r) == key(row)]
        others.add((row.currency, sum(r.amount for r in alike)))
        counts.add(len(alike))
    h.sealed.add(sum(key(row) is None for row in rows))
    best = sorted(tallies.items(), key=lambda item: (item[1][0] if least else -item[1][0], item[0]))[:n]
    expected = Expected(
        money=[("INR", figures[0]) for _, figures in best], names=[name for name, _ in best], **aside(rows)
    )
    return expected._replace(
        other_money=expected.other_money | others,
        other_numbers=expected.other_numbers | counts | {len(best)},
    )


def buckets(h: History, parts: Sequence[Sequence[Row]], *, mean: bool = True) -> Expected:
    """One figure for each month, week, day."""
    everything = [row for part in parts for row in part]
    money = [item for part in parts for item in sums(part).items()]
    expected = Expected(money=money, **aside(everything))
    extra = set(expected.other_money)
    percents = set()
    codes = set(sums(everything))
    for code in codes:
        series = [sums(part).get(code, 0) for part in parts]
        extra |= {(code, abs(b - a)) for a, b in ((series[0], series[-1]),)} | {(code, 0)}
        if mean:
            extra.add((code, round(Fraction(sum(series), len(series)))))
        if series[0]:
            percents.add(Fraction(abs(series[-1] - series[0]) * 100, series[0]))
    return expected._replace(
        other_money=frozenset(extra),
        percents=frozenset(percents),
        days=expected.days | {row.day for row in everything},
        other_numbers=expected.other_numbers | {len(parts)} | {len(part) for part in parts},
    )


def versus(h: History, one: Sequence[Row], other: Sequence[Row]) -> Expected:
    a, b = sums(one), sums(other)
    money = [(code, minor) for found in (a, b) for code, minor in found.items()]
    side, side2 = aside(one), aside(other)
    extra = set(side["other_money"] | side2["other_money"])
    percents = set()
    for code in set(a) | set(b):
        extra |= {(code, abs(a.get(code, 0) - b.get(code, 0))), (code, 0)}
        percents |= {
            Fraction(abs(a.get(code, 0) - b.get(code, 0)) * 100, base.get(code, 0))
            for base in (a, b)
            if base.get(code)
        }
    return Expected(
        money=money,
        other_money=frozenset(extra),
        other_numbers=side["other_numbers"] | side2["other_numbers"],
        days=side["days"] | side2["days"],
        percents=frozenset(percents),
    )


def months(h: History, first: tuple[int, int], n: int, **wanted: object) -> list[list[Row]]:
    """Whole months, one after the other."""
    found = []
    year, month = first
    for _ in range(n):
        rows = [row for row in h.paid(**wanted) if (row.day.year, row.day.month) == (year, month)]
        found.append(rows)
        year, month = (year + 1, 1) if month == 12 else (year, month + 1)
    return found
