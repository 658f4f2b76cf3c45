"""From what speaks for a field to the probability that it is right.

The weights of the total are a logistic fit over 385 readings of made receipts, rendered and harmed to four
degrees, and 70 of photos; `benchmarks/receipts.py` prints how it holds.
"""

from math import exp

from cloud.finance.receipts.dates import Day
from cloud.finance.receipts.merchant import Name
from cloud.finance.receipts.totals import Total

_MOST = 0.995
_LEAST = 0.03
_SHARP = 0.9
"""An engine at least this sure of a line seldom errs in it."""


def _within(value: float) -> float:
    return min(_MOST, max(_LEAST, value))


def of_total(total: Total) -> float:
    """A figure that two lines print, or that arithmetic proves, is nearly certain; a lone one never is."""
    evidence = -5.0 + 0.84 * min(total.score, 6.0)
    evidence += 2.0 * (total.paired or total.summed) + 4.2 * (total.lines > 1)
    evidence += 1.4 * (total.text_confidence >= _SHARP) + 1.3 * total.text_confidence
    return _within(1 / (1 + exp(-evidence)))


def of_day(day: Day, *, order_is_customary: bool) -> float:
    """`order_is_customary`: most of the world writes a bare date as it was read."""
    sure = 0.98 if day.labelled or day.time is not None or day.repeated else 0.9
    sure -= 0.1 * (day.rivals > 0) + 0.2 * day.mended + 0.1 * (day.text_confidence < _SHARP)
    if not day.sure_order:
        sure -= 0.03 if order_is_customary else 0.1
    return _within(sure if day.likely else sure * 0.3)


def of_name(name: Name) -> float:
    """A legal form or a trade's word makes it a name."""
    sure = 0.85 if name.legal else 0.75 if name.trade else 0.5
    sure += 0.05 * name.first - 0.1 * name.joined - 0.15 * (name.text_confidence < _SHARP)
    return _within(sure)
