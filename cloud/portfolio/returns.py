"""Rates of return. They are estimates, so floats; 0.085 is 8.5 %.

What is paid out has left the portfolio: it is the investor's own again and earns nothing here.

    time-weighted    = product of (1 + paid_i / capital_i) - 1 over the payouts, capital as it was then:
                       what one unit earned, however much there was of it at each time
    money-weighted   = the rate at which all flows together are worth nothing, a year of 365 days: what the
                       investor's money earned, given when they put it in (XIRR)
    annualised       = (1 + r) ^ (365 / days) - 1
"""

import math
from collections.abc import Sequence
from datetime import date
from typing import NamedTuple

DAYS_A_YEAR = 365
RATE_MAX = 1e6
"""Above it, a rate says nothing, such as that of a few days for a year; and floats and decimals end."""
_LOG_RATE_MAX = 700.0
"""e to that is near the largest float."""


class Flow(NamedTuple):
    """Money that the investor gives (below 0) or gets, in any one unit."""

    day: date
    amount: int


class Payout(NamedTuple):
    """What a capital above 0 brought."""

    capital: int
    amount: int


def annualized(rate: float, days: int) -> float | None:
    """None within one day, and above RATE_MAX."""
    return None if days < 1 else _told(math.log1p(rate) * DAYS_A_YEAR / days)


def time_weighted(payouts: Sequence[Payout]) -> float | None:
    """None above RATE_MAX."""
    return _told(math.fsum(math.log1p(amount / capital) for capital, amount in payouts))


def money_weighted(flows: Sequence[Flow]) -> float | None:
    """The rate a year; None where all is within one day, or there is no such rate up to RATE_MAX.

    The flows of the first day must be below zero together, those of the last above. Then the worth of all is
    above zero at the lowest rates and below it at the highest, and halving always ends at a rate between
    them. Flows whose sign changes often may have several such rates: one of them is found.
    """
    days = [flow.day for flow in flows]
    if not flows or min(days) == max(days):
        return None
    first = min(days)
    timed = [((flow.day - first).days / DAYS_A_YEAR, flow.amount) for flow in flows]

    def is_above(log_rate: float) -> bool:
        """Whether the flows are worth more than nothing; weights are relative to the largest."""
        most = max(-years * log_rate for years, _ in timed)
        return math.fsum(amount * math.exp(-years * log_rate - most) for years, amount in timed) > 0

    low, high = -1.0, 1.0
    while is_above(high):
        low, high = high, high * 2
        if high > _LOG_RATE_MAX:
            return None
    while not is_above(low):
        low, high = low * 2, low
        if low < -_LOG_RATE_MAX:
            return None
    while low < (middle := (low + high) / 2) < high:
        if is_above(middle):
            low = middle
        else:
            high = middle
    return _told(high)


def _told(log_rate: float) -> float | None:
    return None if log_rate > math.log1p(RATE_MAX) else math.expm1(log_rate)
