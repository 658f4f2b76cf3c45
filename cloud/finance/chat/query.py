"""A question once it is understood: what to measure, over which transactions."""

from datetime import date
from decimal import Decimal
from enum import StrEnum

from msgspec import Struct

from cloud.finance.reading import Channel, Direction
from cloud.finance.transactions.model import SourceType


class Intent(StrEnum):
    """What kind of question it is, in the document's words."""

    EXACT_LOOKUP = "exact_lookup"
    SUMMARY = "summary"
    TREND = "trend"
    COMPARISON = "comparison"
    CONVERSATIONAL = "conversational"
    UNKNOWN = "unknown"


class Measure(StrEnum):
    TOTAL = "total"
    COUNT = "count"
    AVERAGE = "average"
    LARGEST = "largest"
    SMALLEST = "smallest"
    LIST = "list"
    LATEST = "latest"
    FIRST = "first"
    EXISTS = "exists"
    NET = "net"
    """Income against spending."""
    SHARE = "share"
    """Of all spending in the same time."""
    WHY = "why"
    """Why it was flagged."""


class Group(StrEnum):
    """What figures are told apart by."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    QUARTER = "quarter"
    YEAR = "year"
    CATEGORY = "category"
    MERCHANT = "merchant"
    CHANNEL = "channel"

    @property
    def is_time(self) -> bool:
        return self in {Group.DAY, Group.WEEK, Group.MONTH, Group.QUARTER, Group.YEAR}


class Period(Struct, frozen=True, kw_only=True):
    """Whole days where the person lives, both ends included; None: open."""

    first: date | None
    last: date | None
    label: str
    """As it stands in an answer: `last month`, `in March 2025`."""
    unit: Group | None = None
    """One whole unit of the calendar, so that the one before it is known."""
    months: int | None = None
    """How many it is meant to last, where it was said so."""


class Seller(Struct, frozen=True, kw_only=True):
    """A merchant as meant in a question."""

    name: str
    """As the person's own list has it; several are joined."""
    ids: tuple[int, ...]
    likeness: float = 1.0
    """Of what was written to the name, 0 to 1."""


class Selection(Struct, frozen=True, kw_only=True):
    """All that is given must hold."""

    period: Period | None = None
    weekdays: tuple[int, ...] = ()
    """Monday is 0."""
    categories: tuple[str, ...] = ()
    sellers: tuple[Seller, ...] = ()
    without_categories: tuple[str, ...] = ()
    without_sellers: tuple[Seller, ...] = ()
    low: Decimal | None = None
    low_is_in: bool = True
    high: Decimal | None = None
    high_is_in: bool = True
    currency: str | None = None
    channel: Channel | None = None
    source: SourceType | None = None
    direction: Direction | None = None
    flagged: bool = False
    transaction_id: int | None = None


class Query(Struct, frozen=True, kw_only=True):
    measure: Measure
    selections: tuple[Selection, ...]
    """Two or more are compared."""
    group: Group | None = None
    per: Group | None = None
    """Of an average; None: a transaction."""
    count_max: int | None = None
    """So many are asked for: `top 5`, `last 3 transactions`."""
    least: bool = False
    """The smallest first."""
    by_count: bool = False
    """Ranked by how often, not how much."""
    is_trend: bool = False

    @property
    def intent(self) -> Intent:
        if len(self.selections) > 1 or self.measure is Measure.NET:
            return Intent.COMPARISON
        if self.is_trend:
            return Intent.TREND
        lookups = {Measure.LIST, Measure.LATEST, Measure.FIRST, Measure.EXISTS, Measure.WHY}
        return Intent.EXACT_LOOKUP if self.measure in lookups else Intent.SUMMARY


class Talk(Struct, frozen=True, kw_only=True):
    """Nothing to compute."""

    kind: str
    """greeting, thanks, help, name_told, name_asked, farewell."""
    name: str | None = None


class Unclear(Struct, frozen=True):
    """What cannot be answered, and why: a whole sentence."""

    reason: str
