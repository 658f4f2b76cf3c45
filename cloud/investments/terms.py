"""The terms of an investment: what it costs, what it brings, and what is refused.

fee    = 2 % of the amount, half-even to the minor unit, on top
tokens = amount / token price, rounded down to 10^-7
"""

from fractions import Fraction
from typing import NamedTuple

from cloud.projects.model import Project, show_minor
from shared.money import round_half_even
from shared.units import MICROS_PER_SECOND

FEE_PERCENT = 2
ROOM_S = 30 * 60
"""Room is reserved for so long."""

Problems = dict[str, list[str]]


class Terms(NamedTuple):
    """Of one investment, in minor units and 10^-7 tokens."""

    fee_minor: int
    tokens: int


def terms(project: Project, amount_minor: int) -> Terms:
    return Terms(
        fee_minor=round_half_even(Fraction(amount_minor * FEE_PERCENT, 100)),
        tokens=project.tokens_for(amount_minor),
    )


def problems_of(project: Project, *, amount_minor: int, currency: str | None) -> Problems:
    """What is wrong with the wish whatever room there is, by field; empty where nothing is."""
    found: Problems = {}
    least, most = project.min_investment_minor, project.max_investment_minor
    if not least <= amount_minor <= most:
        limits = f"{show_minor(least):.2f} to {show_minor(most):.2f} {project.currency}"
        found["amount"] = [f"Must be {limits}"]
    elif project.tokens_for(amount_minor) < 1:
        found["amount"] = ["Less than the smallest part of an ownership token"]
    if currency is not None and currency != project.currency:
        found["currency"] = [f"Must be {project.currency}, the project's"]
    return found


def room_until_us(now_us: int) -> int:
    """From this moment on the room is for others."""
    return now_us + ROOM_S * MICROS_PER_SECOND
