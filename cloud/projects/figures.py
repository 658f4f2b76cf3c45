"""Figures that follow from a description and from what was raised."""

from decimal import Decimal
from fractions import Fraction

from shared.money import round_half_even, show_amount

HOURS_PER_YEAR = 8_760
PERCENT_DECIMALS = 1


def percentage(part: Fraction) -> Decimal:
    """% with one decimal, half-even: 18/25 is 72, 1/3 is 33.3."""
    return show_amount(round_half_even(part * 1_000), decimals=PERCENT_DECIMALS)


def capacity_factor(generation_mwh_annual: int, capacity_mw: Decimal) -> Decimal:
    """% of what the plant would generate at full power all year: 120,000 MWh of 50 MW are 27.4."""
    return percentage(Fraction(generation_mwh_annual) / (Fraction(capacity_mw) * HOURS_PER_YEAR))


def payback_years(return_bp: int) -> int:
    """Whole years, rounded up, until a yearly return has paid the amount back: 10.5 % take 10."""
    return -(-10_000 // return_bp)
