"""What the projects of a sandbox pay out by themselves: each quarter a quarter of the year's return."""

from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import NamedTuple

from cloud.distributions.calendar import MONTHS_IN_QUARTER, day_of, end_of_day_us, first_day

QUARTERS = 4
PERCENT = 100


class Quarter(NamedTuple):
    """Of a year, 1 to 4."""

    year: int
    number: int

    @property
    def last_day(self) -> date:
        return first_day(*self.next) - timedelta(days=1)

    @property
    def ends_us(self) -> int:
        """The first moment after it."""
        return end_of_day_us(self.last_day)

    @property
    def next(self) -> "Quarter":
        return Quarter(self.year + self.number // QUARTERS, self.number % QUARTERS + 1)


def quarter_of(at_us: int) -> Quarter:
    day = day_of(at_us)
    return Quarter(day.year, (day.month - 1) // MONTHS_IN_QUARTER + 1)


def quarterly_minor(raised_minor: int, annual_percent: Decimal) -> int:
    """Minor units, half-even: 10,000.00 at 10.5 % a year bring 262.50 a quarter."""
    return round(Fraction(raised_minor) * Fraction(annual_percent) / (PERCENT * QUARTERS))
