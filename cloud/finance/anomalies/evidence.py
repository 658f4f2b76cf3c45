"""What one purchase is held against: the person's others of the 90 days before it, and what they tell."""

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from datetime import tzinfo
from itertools import accumulate

from msgspec import Struct

from cloud.finance.anomalies.score import NIGHT_HOURS, WINDOW_DAYS, Habit, Signals, Verdict, judge, z_score
from cloud.finance.transactions.model import Transaction
from shared.clock import from_micros
from shared.units import MICROS_PER_SECOND

WINDOW_US = WINDOW_DAYS * 86_400 * MICROS_PER_SECOND
SIMILAR_MAX = 3


class Evidence(Struct, frozen=True, kw_only=True):
    """Kept beside the score, so that it can be shown and checked."""

    count: int = 0
    """Purchases in the category and currency in the 90 days before."""
    mean_minor: float | None = None
    """None with the deviation and z: fewer than five."""
    deviation_minor: float | None = None
    z: float | None = None
    decision: float | None = None
    """None: the forest was not asked, or had fewer than thirty purchases to learn from."""
    night: bool = False
    duplicate_of: int | None = None
    """The transaction that had the invoice number before."""
    similar: tuple[int, ...] = ()
    """Of a flagged purchase: before it, under its invoice number, from its merchant, in its category."""


class Assessment(Struct, frozen=True):
    verdict: Verdict
    evidence: Evidence


class Past:
    """The purchases that count, of one category and currency, in the order in which they happened."""

    def __init__(self, transactions: Iterable[Transaction]) -> None:
        self._rows = sorted((row for row in transactions if row.counts), key=moment)
        self._moments = [moment(row) for row in self._rows]
        self._sums = [0, *accumulate(row.amount_minor for row in self._rows)]
        self._squares = [0, *accumulate(row.amount_minor**2 for row in self._rows)]

    def before(self, transaction: Transaction) -> Sequence[Transaction]:
        """Those of the 90 days before it, itself left out."""
        first, end = self._range(transaction)
        return self._rows[first:end]

    def habit(self, transaction: Transaction) -> tuple[int, Habit | None]:
        """How many of `before` there are, and what is usual among them."""
        first, end = self._range(transaction)
        count = end - first
        total = self._sums[end] - self._sums[first]
        return count, Habit.of_sums(count, total, self._squares[end] - self._squares[first])

    def _range(self, transaction: Transaction) -> tuple[int, int]:
        at = moment(transaction)
        return bisect_left(self._moments, (at[0] - WINDOW_US, 0)), bisect_left(self._moments, at)


def moment(transaction: Transaction) -> tuple[int, int]:
    """Its place in the order of events; of two at the same time, the one we heard of first."""
    return transaction.at_us, transaction.transaction_id


def assess(
    transaction: Transaction,
    *,
    past: Past,
    same_invoice: Iterable[Transaction],
    zone: tzinfo,
    kept: Evidence,
) -> Assessment:
    """Judge one purchase.

    `past` holds its category and currency, `same_invoice` whatever has its invoice number; both may hold more
    than the window. `zone` is where the person lives. Of `kept`, its evidence so far, what cannot be told
    from these holds: the forest's decision and, where the number is sealed by now, whose number it had.
    """
    count, habit = past.habit(transaction)
    z = None if habit is None else z_score(transaction.amount_minor, habit)
    is_sealed = transaction.encrypted_data is not None and transaction.invoice_no is None
    earlier = kept.duplicate_of if is_sealed else duplicate_of(transaction, same_invoice)
    night = transaction.time_known and from_micros(transaction.at_us).astimezone(zone).hour in NIGHT_HOURS
    verdict = judge(Signals(z=z, decision=kept.decision, night=night, duplicate=earlier is not None))
    return Assessment(
        verdict,
        Evidence(
            count=count,
            mean_minor=None if habit is None else habit.mean_minor,
            deviation_minor=None if habit is None else habit.deviation_minor,
            z=z,
            decision=kept.decision,
            night=night,
            duplicate_of=earlier,
            similar=_similar(transaction, past, earlier) if verdict.flagged else (),
        ),
    )


def duplicate_of(transaction: Transaction, same_invoice: Iterable[Transaction]) -> int | None:
    """The newest one of the 90 days before with the same invoice number of the same merchant.

    Merchants count as the same where either is not known.
    """
    if transaction.invoice_no is None:
        return None
    at = moment(transaction)
    found = [
        row
        for row in same_invoice
        if row.counts
        and row.invoice_no == transaction.invoice_no
        and row.direction is transaction.direction
        and (row.merchant_id is None or transaction.merchant_id in {None, row.merchant_id})
        and (at[0] - WINDOW_US, 0) <= moment(row) < at
    ]
    return max(found, key=moment).transaction_id if found else None


def _similar(transaction: Transaction, past: Past, earlier: int | None) -> tuple[int, ...]:
    known = transaction.merchant_id
    nearest = sorted(
        past.before(transaction),
        key=lambda row: (
            known is None or row.merchant_id != known,
            abs(row.amount_minor - transaction.amount_minor),
            -row.at_us,
            -row.transaction_id,
        ),
    )
    first = () if earlier is None else (earlier,)
    rest = (row.transaction_id for row in nearest if row.transaction_id != earlier)
    return (*first, *rest)[:SIMILAR_MAX]
