"""A portfolio in one currency. Amounts are its minor units; nothing is converted."""

from collections.abc import Mapping
from datetime import date
from enum import StrEnum

from msgspec import Struct


class Period(StrEnum):
    MONTH = "1m"
    QUARTER = "3m"
    HALF_YEAR = "6m"
    YEAR = "1y"
    ALL = "all"

    @property
    def months(self) -> int | None:
        """None: from the first investment on."""
        return {"1m": 1, "3m": 3, "6m": 6, "1y": 12}.get(self.value)


class Granularity(StrEnum):
    DAILY = "daily"
    WEEKLY = "weekly"
    """Mondays."""
    MONTHLY = "monthly"
    """First days of months."""


class Worth(Struct, frozen=True, kw_only=True):
    """Invested, and what came back of it."""

    invested_minor: int = 0
    returned_minor: int = 0
    """Distributions that were claimed."""

    @property
    def value_minor(self) -> int:
        return self.invested_minor + self.returned_minor


class ProjectPosition(Struct, frozen=True, kw_only=True):
    project_id: str
    project_name: str
    worth: Worth


class Summary(Struct, frozen=True, kw_only=True):
    currency: str
    currencies: tuple[str, ...]
    """In which the person has investments, the most of them first."""
    worth: Worth
    investment_count: int
    project_count: int
    by_technology: Mapping[str, int]
    """Invested, the most first; as the next two."""
    by_country: Mapping[str, int]
    by_stage: Mapping[str, int]
    top: tuple[ProjectPosition, ...]
    """Those with the most invested, at most five."""


class Point(Struct, frozen=True, kw_only=True):
    """How a portfolio stood at the end of a day (UTC), or now."""

    day: date
    worth: Worth


class Performance(Struct, frozen=True, kw_only=True):
    currency: str
    period: Period
    granularity: Granularity
    points: tuple[Point, ...]
    """From the first day to today; empty before the first investment."""
    returned_minor: int
    """After the end of the first day."""
    annualized: float | None
    """Of the simple return, over the days from the first point to the last; None within one day and above
    RATE_MAX."""
    time_weighted: float | None
    """Over the same days; 0.085 is 8.5 %. None above RATE_MAX."""
    money_weighted: float | None
    """A year; None within one day, and where no rate up to RATE_MAX fits."""
