"""What was found, in sentences; each figure in them is one of the findings."""

from collections.abc import Iterable, Sequence
from fractions import Fraction

from cloud.finance.anomalies.explanation import Manner
from cloud.finance.chat.calendar import DAYS, named
from cloud.finance.chat.findings import Findings, Side, Tally, change_percent, divisor, ranked, sums
from cloud.finance.chat.query import Group, Measure, Selection
from cloud.finance.currencies import decimals_of
from cloud.finance.reading import Channel, Direction
from cloud.finance.transactions.model import Transaction
from shared.money import round_half_even

GROUPS_SHOWN_MAX = 20
_BY = {
    Channel.CARD: "by card",
    Channel.CASH: "in cash",
    Channel.UPI: "by UPI",
    Channel.WALLET: "from a wallet",
    Channel.BANK_TRANSFER: "by bank transfer",
}
_CHANNEL_NAMES = {
    "": "not told",
    Channel.CARD.value: "card",
    Channel.CASH.value: "cash",
    Channel.UPI.value: "UPI",
    Channel.WALLET.value: "wallet",
    Channel.BANK_TRANSFER.value: "bank transfer",
}
_PLURALS = {Group.CATEGORY: "categories", Group.MERCHANT: "merchants", Group.CHANNEL: "ways to pay"}


def say(found: Findings, manner: Manner) -> str:
    """The answer."""
    return _Speaker(found, manner).answer()


class _Speaker:
    def __init__(self, found: Findings, manner: Manner) -> None:
        self._found = found
        self._query = found.query
        self._manner = manner
        self._side = found.sides[0]
        self._about = self._side.selection

    def answer(self) -> str:
        if not any(side.count for side in self._found.sides):
            return self._nothing()
        text = self._told()
        return " ".join([text, *self._sealed()])

    def _told(self) -> str:
        query = self._query
        if len(self._found.sides) > 1:
            return self._comparison()
        if query.is_trend:
            return self._trend()
        if query.group is not None:
            return self._count_of_groups() if query.measure is Measure.COUNT else self._ranking()
        return {
            Measure.TOTAL: self._total,
            Measure.COUNT: self._count,
            Measure.AVERAGE: self._average,
            Measure.LARGEST: self._extreme,
            Measure.SMALLEST: self._extreme,
            Measure.LIST: self._list,
            Measure.LATEST: self._one,
            Measure.FIRST: self._one,
            Measure.EXISTS: self._exists,
            Measure.NET: self._net,
            Measure.SHARE: self._share,
        }.get(query.measure, self._list)()

    def _nothing(self) -> str:
        """Said of every side."""
        no = "No, I found no" if self._query.measure is Measure.EXISTS else "I found no"
        kinds = {Direction.CREDIT: "income", Direction.DEBIT: "spending", None: "transactions"}
        told = " nor ".join(
            dict.fromkeys(
                f"{kinds[side.selection.direction]}{self._where(side.selection)}"
                for side in self._found.sides
            )
        )
        return " ".join([f"{no} {told}.", *self._sealed()])

    def _sealed(self) -> Iterable[str]:
        count = max(side.sealed for side in self._found.sides)
        if count:
            what = "1 sealed transaction has" if count == 1 else f"{count} sealed transactions have"
            yield f"{what} no seller that I can read, so this leaves them out."

    # one selection

    def _total(self) -> str:
        count = self._side.count
        text = f"You {self._verb()} {self._amounts(self._side)}{self._where()}."
        first = self._side.rows[0]
        if count == 1:
            return f"{text} This is one transaction{self._at(first)} on {self._manner.day(first.at_us)}."
        several = len(sums(self._side.tallies, self._manner.currency)) > 1
        largest = f"the largest {f'in {first.currency} ' if several else ''}being {self._row(first)}"
        return f"{text} This includes {count} transactions, with {largest}."

    def _count(self) -> str:
        side, direction = self._side, self._about.direction
        if direction is not None:
            things = self._things(side.count)
            return f"You {self._made()} {things}{self._where()}, {self._amounts(side)} in all."
        parts = [
            f"{sum(count for _, count in found.values())} {word} ({self._money(found)})"
            for word, which in (("paid", Direction.DEBIT), ("received", Direction.CREDIT))
            if (found := self._sums(side, which))
        ]
        number = f"{side.count} transaction{'s' if side.count > 1 else ''}"
        return f"I found {number}{self._where()}: {' and '.join(parts)}."

    def _average(self) -> str:
        per = self._query.per
        found = self._sums(self._side)
        if per is None:
            thing = "payment" if self._about.direction is not Direction.CREDIT else "income"
            told = [
                f"{self._mean(amount, Fraction(count), code)}, over {self._things(count)} of"
                f" {self._amount(amount, code)} in all"
                for code, (amount, count) in found.items()
            ]
            return f"Your average {thing}{self._where()} is {'; '.join(told)}."
        by, days = divisor(per, self._about.period, self._found.first_day, self._found.today)
        over = f"{days} days" if by.denominator > 1 else f"{by} {per.value}{'s' if by > 1 else ''}"
        told = [
            f"{self._mean(amount, by, code)} a {per.value} ({self._amount(amount, code)} over {over})"
            for code, (amount, _) in found.items()
        ]
        return f"You {self._verb()} on average {_joined(told)}{self._where()}."

    def _extreme(self) -> str:
        word = "largest" if self._query.measure is Measure.LARGEST else "smallest"
        thing = "income" if self._about.direction is Direction.CREDIT else "payment"
        codes = list(dict.fromkeys(row.currency for row in self._side.rows))
        told = []
        for code in codes:
            rows = [row for row in self._side.rows if row.currency == code]
            head = f"Your {word} {thing}" if code == codes[0] else f"In {code} the {word}"
            where = self._where() if code == codes[0] else ""
            if self._query.count_max is None or self._query.count_max == 1:
                told.append(f"{head}{where} was {self._row(rows[0])}.")
            else:
                told.append(f"{head}{'s' if code == codes[0] else ''}{where}: {self._rows(rows)}.")
        return " ".join(told)

    def _list(self) -> str:
        side = self._side
        shown = len(side.rows)
        number = f"{side.count} transaction{'s' if side.count > 1 else ''}"
        if self._query.count_max is not None:
            newest = f"The newest {shown} of {number}" if shown > 1 else f"The newest of {number}"
            return f"{newest}{self._where()}: {self._rows(side.rows)}."
        more = f"; the newest {shown}" if shown < side.count else ""
        return f"I found {number}{self._where()}{more}: {self._rows(side.rows)}."

    def _one(self) -> str:
        row = self._side.rows[0]
        word = "latest" if self._query.measure is Measure.LATEST else "first"
        thing = {Direction.CREDIT: "income", Direction.DEBIT: "payment"}[row.direction]
        return f"The {word} {thing}{self._where()} was {self._row(row)}."

    def _exists(self) -> str:
        side = self._side
        more = "; the newest: " if len(side.rows) < side.count else ": "
        things = self._things(side.count) if self._about.direction else f"{side.count} found"
        return f"Yes, {things}{self._where()}, {self._amounts(side)} in all{more}{self._rows(side.rows)}."

    def _net(self) -> str:
        got, paid = self._sums(self._side, Direction.CREDIT), self._sums(self._side, Direction.DEBIT)
        told = []
        for code in self._sums(self._side):
            income, spent = got.get(code, (0, 0))[0], paid.get(code, (0, 0))[0]
            ahead = "more came in than went out" if income >= spent else "more went out than came in"
            told.append(
                f"You received {self._amount(income, code)} and spent"
                f" {self._amount(spent, code)}{self._where()}:"
                f" {self._amount(abs(income - spent), code)} {ahead}."
            )
        return " ".join(told)

    def _share(self) -> str:
        part = self._sums(self._side)
        told = []
        for code, (whole, _) in sums(self._found.whole, self._manner.currency).items():
            amount = part.get(code, (0, 0))[0]
            percent = self._percent(Fraction(amount * 100, whole))
            told.append(f"{percent} of {self._amount(whole, code)} ({self._amount(amount, code)})")
        bare = self._where(self._about, without_period=True)
        word = "income" if self._about.direction is Direction.CREDIT else "spending"
        return f"Of your {word}{self._period(self._about)},{bare or ' in all'}: {'; '.join(told)}."

    # several

    def _ranking(self) -> str:
        query, group = self._query, self._query.group
        assert group is not None  # noqa: S101  asked by `_told`
        told = []
        codes = list(self._sums(self._side))
        for code in codes:
            own = [one for one in self._found.groups if one.currency == code]
            if group is Group.MERCHANT:
                own = [one for one in own if one.name]
            best = ranked(_merged(own), query)
            shown = best[: query.count_max or GROUPS_SHOWN_MAX]
            if shown:
                head = self._ranking_head(group, len(shown)) if code == codes[0] else f"In {code}: "
                told.append(
                    head + self._ranks(shown, code, group) + self._rest(best[len(shown) :], code) + "."
                )
        return " ".join(told) if told else f"I know no sellers{self._where()}."

    def _ranking_head(self, group: Group, shown: int) -> str:
        query, where = self._query, self._where()
        if query.count_max is None:
            what = "way to pay" if group is Group.CHANNEL else group.value
            return f"You {self._verb()} {self._amounts(self._side)}{where}. By {what}: "
        kind = "the most often" if query.by_count else "the least" if query.least else "the most"
        if shown == 1 and query.count_max == 1:
            what = "way to pay" if group is Group.CHANNEL else group.value
            return (
                f"The {what} you {self._verb()} {kind} on{where} is "
                if group is not Group.CHANNEL
                else (f"The {what} you used {kind}{where} is ")
            )
        plural = _PLURALS.get(group, f"{group.value}s")
        return f"Your top {shown} {plural}{where}, {'the least first' if query.least else 'the most first'}: "

    def _ranks(self, shown: Sequence[Tally], code: str, group: Group) -> str:
        lines = [
            f"{self._name(one, group)} with {self._amount(one.amount_minor, code)}"
            f" ({self._things(one.transactions)})"
            for one in shown
        ]
        return lines[0] if len(lines) == 1 else "; ".join(lines)

    def _rest(self, left: Sequence[Tally], code: str) -> str:
        if not left or self._query.count_max is not None:
            return ""
        return f"; {len(left)} others with {self._amount(sum(one.amount_minor for one in left), code)}"

    def _name(self, one: Tally, group: Group) -> str:
        if group.is_time:
            return named(group, self._found.buckets[one.bucket].first)
        return _CHANNEL_NAMES.get(one.name, one.name) if group is Group.CHANNEL else one.name

    def _count_of_groups(self) -> str:
        group = self._query.group
        assert group is not None  # noqa: S101  asked by `_told`
        names = {one.name for one in self._found.groups if one.name or group is not Group.MERCHANT}
        number = f"{len(names)} {_PLURALS[group] if len(names) != 1 else group.value}"
        return f"I found {number}{self._where()}, in {self._things(self._side.count)}."

    def _trend(self) -> str:
        group = self._query.group
        assert group is not None  # noqa: S101  a trend has steps
        counts = self._query.measure is Measure.COUNT
        told = []
        codes = list(self._sums(self._side))
        for code in codes[:1] if counts else codes:
            series = [
                sum(
                    one.transactions if counts else one.amount_minor
                    for one in self._found.groups
                    if one.bucket == bucket and (counts or one.currency == code)
                )
                for bucket in range(len(self._found.buckets))
            ]
            told.append(self._series(series, code, group, is_first=code == codes[0], counts=counts))
        return " ".join(told)

    def _series(self, series: Sequence[int], code: str, group: Group, *, is_first: bool, counts: bool) -> str:
        def figure(value: int) -> str:
            return str(value) if counts else self._amount(value, code)

        what = "Your income" if self._about.direction is Direction.CREDIT else "Your spending"
        what = "The number of your transactions" if counts else what
        head = f"{what}{self._where()} by {group.value}: " if is_first else f"In {code}: "
        names = [named(group, bucket.first) for bucket in self._found.buckets]
        lines = [f"{name} {figure(value)}" for name, value in zip(names, series, strict=True)]
        text = f"{head}{'; '.join(lines)}."
        if len(series) > 1:
            text += f" From {names[0]} to {names[-1]} it {self._moved(series[0], series[-1], figure)}."
            if not counts:
                mean = self._mean(sum(series), Fraction(len(series)), code)
                text += f" The average is {mean} a {group.value}."
        last = self._found.buckets[-1].last
        if last == self._found.today and is_first and group is not Group.DAY:
            text += f" The last {group.value} is not over yet."
        return text

    def _moved(self, first: int, last: int, figure: object) -> str:
        assert callable(figure)  # noqa: S101  given by `_series`
        if first == last:
            return "did not change"
        word = "rose" if last > first else "fell"
        percent = change_percent(last, first)
        told = "" if percent is None else f" ({self._percent(abs(percent))})"
        return f"{word} by {figure(abs(last - first))}{told}"

    def _comparison(self) -> str:
        query, sides = self._query, self._found.sides
        if query.measure is Measure.COUNT:
            return self._compared_counts()
        told = [f"{self._sided(side)}{self._where(side.selection)}" for side in sides]
        text = f"You {self._verb()} {_joined(told)}."
        if len(sides) == 2 and query.measure is Measure.TOTAL:  # noqa: PLR2004
            text += self._differences(*sides)
        return text

    def _sided(self, side: Side) -> str:
        if self._query.measure is not Measure.AVERAGE:
            return self._amounts(side)
        per = self._query.per
        if per is None:
            means = [self._mean(a, Fraction(n), code) for code, (a, n) in self._sums(side).items()]
            return f"{_joined(means) or 'nothing'} a transaction"
        by, _ = divisor(per, side.selection.period, self._found.first_day, self._found.today)
        means = [self._mean(a, by, code) for code, (a, _) in self._sums(side).items()]
        return f"{_joined(means) or 'nothing'} a {per.value}"

    def _differences(self, one: Side, other: Side) -> str:
        now, then = self._sums(one), self._sums(other)
        told, same = [], []
        for code in {**now, **then}:
            a, b = now.get(code, (0, 0))[0], then.get(code, (0, 0))[0]
            if a == b:
                same.append(code)
                continue
            percent = change_percent(a, b)
            share = "" if percent is None else f" ({self._percent(abs(percent))})"
            told.append(f"{self._amount(abs(a - b), code)}{share} {'more' if a > b else 'less'}")
        text = f" The first is {_joined(told)} than the second." if told else ""
        return text + (f" In {_joined(same)} both are the same." if same else "")

    def _compared_counts(self) -> str:
        told = [f"{side.count}{self._where(side.selection)}" for side in self._found.sides]
        return f"I count {_joined(told)}."

    # words

    def _verb(self) -> str:
        return "received" if self._about.direction is Direction.CREDIT else "spent"

    def _made(self) -> str:
        return "had" if self._about.direction is Direction.CREDIT else "made"

    def _things(self, count: int) -> str:
        one, many = {
            Direction.CREDIT: ("income", "incomes"),
            Direction.DEBIT: ("payment", "payments"),
            None: ("transaction", "transactions"),
        }[self._about.direction]
        return f"{count} {one if count == 1 else many}"

    def _sums(self, side: Side, direction: Direction | None = None) -> dict[str, tuple[int, int]]:
        return sums(side.tallies, self._manner.currency, direction)

    def _amounts(self, side: Side) -> str:
        return self._money(self._sums(side)) or "nothing"

    def _money(self, found: dict[str, tuple[int, int]]) -> str:
        return _joined([self._amount(amount, code) for code, (amount, _) in found.items()])

    def _amount(self, minor: int, code: str) -> str:
        return self._manner.amount(minor, code)

    def _mean(self, minor: int, by: Fraction, code: str) -> str:
        return self._amount(round_half_even(Fraction(minor) / by), code)

    def _percent(self, value: Fraction) -> str:
        return f"{self._manner.number(float(round(value, 1)), 1)} %"

    def _row(self, row: Transaction) -> str:
        return (
            f"{self._amount(row.amount_minor, row.currency)}{self._at(row)} on {self._manner.day(row.at_us)}"
        )

    def _rows(self, rows: Sequence[Transaction]) -> str:
        return "; ".join(
            f"{self._row(row)}{' (received)' if row.direction is Direction.CREDIT else ''}" for row in rows
        )

    def _at(self, row: Transaction) -> str:
        if row.encrypted_data is not None:
            return " at a sealed seller"
        if row.merchant_name_raw is None:
            return ""
        asked = [seller.name for seller in self._about.sellers]
        if asked == [row.merchant_name_raw] and len(self._found.sides) == 1:
            return ""
        return f" {'from' if row.direction is Direction.CREDIT else 'at'} {row.merchant_name_raw}"

    def _period(self, one: Selection) -> str:
        return "" if one.period is None else f" {one.period.label}"

    def _where(self, one: Selection | None = None, *, without_period: bool = False) -> str:
        """All that narrows it, in words."""
        one = one or self._about
        words = []
        if one.flagged:
            words.append("flagged as unusual")
        if one.transaction_id is not None:
            words.append(f"under the number {one.transaction_id}")
        if one.categories:
            words.append(
                f"{'under' if one.direction is Direction.CREDIT else 'on'} {_joined(one.categories)}"
            )
        if one.sellers:
            names = _joined([seller.name for seller in one.sellers])
            words.append(f"{'from' if one.direction is Direction.CREDIT else 'at'} {names}")
        left_out = [*one.without_categories, *(seller.name for seller in one.without_sellers)]
        if left_out:
            words.append(f"without {_joined(left_out)}")
        if one.channel is not None:
            words.append(_BY[one.channel])
        if one.source is not None:
            words.append(f"from {one.source.value}")
        words += self._bounds(one)
        if one.weekdays:
            words.append(f"on {_weekdays(one.weekdays)}")
        told = "".join(f" {word}" for word in words)
        return told if without_period else told + self._period(one)

    def _bounds(self, one: Selection) -> Iterable[str]:
        code = one.currency or self._manner.currency

        def money(value: object) -> str:
            if one.currency is None:
                return self._manner.number(float(str(value)), 3)
            return self._amount(round(Fraction(str(value)) * 10 ** decimals_of(code)), code)

        if one.low is not None and one.low == one.high:
            yield f"with {money(one.low)} each"
        elif one.low is not None and one.high is not None:
            yield f"with {money(one.low)} to {money(one.high)} each"
        elif one.low is not None:
            yield f"with {'at least' if one.low_is_in else 'more than'} {money(one.low)} each"
        elif one.high is not None:
            yield f"with {'at most' if one.high_is_in else 'less than'} {money(one.high)} each"
        elif one.currency is not None:
            yield f"in {one.currency}"


def _merged(tallies: Iterable[Tally]) -> list[Tally]:
    """Both directions of a name together, where both are asked for."""
    found: dict[tuple[str, int], Tally] = {}
    for one in tallies:
        kept = found.get((one.name, one.bucket))
        found[one.name, one.bucket] = (
            one
            if kept is None
            else Tally(
                bucket=one.bucket,
                name=one.name,
                currency=one.currency,
                direction=one.direction,
                transactions=kept.transactions + one.transactions,
                amount_minor=kept.amount_minor + one.amount_minor,
            )
        )
    return list(found.values())


def _weekdays(days: tuple[int, ...]) -> str:
    if days == (5, 6):
        return "weekends"
    if days == (0, 1, 2, 3, 4):
        return "weekdays"
    return _joined([f"{DAYS[day]}s" for day in days])


def _joined(words: Sequence[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}" if words else ""
