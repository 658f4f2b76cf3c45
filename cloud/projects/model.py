"""A project as its operator describes it and as investors see it.

Percentages are kept in basis points where they are compared: 10.5 % are 1050.
"""

from collections.abc import Mapping
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction
from typing import Annotated

from msgspec import Meta, Struct

from cloud.projects.room import Room
from shared.money import TOKEN_UNITS, parse_amount, round_decimal, show_amount

FIAT_DECIMALS = 2

ProjectId = Annotated[str, Meta(pattern=r"^prj_[a-z0-9_]{1,60}$")]
Line = Annotated[str, Meta(min_length=1, max_length=200)]
Prose = Annotated[str, Meta(min_length=1, max_length=10_000)]
Slug = Annotated[str, Meta(pattern=r"^[a-z][a-z0-9_]{0,39}$")]
Day = Annotated[str, Meta(pattern=r"^\d{4}-\d{2}-\d{2}$", description="2026-06-01.")]
Moment = Annotated[str, Meta(max_length=40, description="RFC 3339.")]
Count = Annotated[int, Meta(ge=0, le=10**12)]


class Technology(StrEnum):
    SOLAR = "solar"
    WIND = "wind"
    HYDRO = "hydro"
    STORAGE = "storage"
    NUCLEAR = "nuclear"


class Stage(StrEnum):
    PLANNING = "planning"
    CONSTRUCTION = "construction"
    OPERATING = "operating"


class Risk(StrEnum):
    """From the least."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"

    @property
    def rank(self) -> int:
        """0 is the least."""
        return [Risk.LOW, Risk.MEDIUM, Risk.HIGH].index(self)


RISK_OF_STAGE = {
    Stage.OPERATING: Risk.LOW,
    Stage.CONSTRUCTION: Risk.MEDIUM,
    Stage.PLANNING: Risk.HIGH,
}


class GeoPoint(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Degrees."""

    lat: Annotated[float, Meta(ge=-90, le=90)]
    lng: Annotated[float, Meta(ge=-180, le=180)]


class Location(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    country: Annotated[str, Meta(description="ISO 3166-1 alpha-2; UK for the United Kingdom.")]
    state: Line | None = None
    city: Line | None = None
    coordinates: GeoPoint | None = None


class Terms(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What investors are offered. Amounts in whole currency with at most two decimals."""

    currency: Annotated[str, Meta(description="ISO 4217; its amounts have two decimals.")]
    target_amount: Decimal
    min_investment: Decimal
    max_investment: Decimal
    total_cost: Decimal
    """Of the whole project; with token_supply it makes the price of an ownership token."""
    token_supply: Annotated[int, Meta(ge=1, le=10**11)]
    """Whole ownership tokens that stand for the whole project."""
    expected_return_annual: Decimal
    """%, above 0, at most two decimals."""
    exit_timeline_years: Annotated[int, Meta(ge=1, le=100)]
    funding_deadline: Moment


class Impact(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    co2_avoided_tons_annual: Count
    homes_powered: Count
    jobs_construction: Count = 0
    jobs_operations: Count = 0
    community_benefit_annual: Count = 0


class RatingBreakdown(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """0 to 5, at most one decimal."""

    financial: Decimal
    technical: Decimal
    community: Decimal
    risk: Decimal
    values: Decimal

    @property
    def parts(self) -> tuple[Decimal, ...]:
        return (self.financial, self.technical, self.community, self.risk, self.values)

    @property
    def sum_tenths(self) -> int:
        """Of all parts, in tenths; finer than the mean that is shown."""
        return int(sum(self.parts, Decimal(0)) * 10)

    @property
    def mean(self) -> Decimal:
        """Half-even to one decimal."""
        return round_decimal(sum(self.parts, Decimal(0)) / len(self.parts), 1)


class Validation(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What an independent firm concluded."""

    firm: Line
    type: Slug
    conclusion: Prose
    date: Day


class Description(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All that the operator says about a project."""

    name: Line
    description: Prose
    technology: Technology
    capacity_mw: Decimal
    location: Location
    stage: Stage
    financial: Terms
    technical: Mapping[str, str | int | float]
    """`expected_generation_mwh_annual`, maybe `degradation_annual` (%), and what is particular to it:
    `panel_type`, `turbine_count` and the like."""
    impact: Impact
    construction_progress: Annotated[int, Meta(ge=0, le=100)] | None = None
    """%."""
    expected_cod: Day | None = None
    """When commercial operation is to begin."""
    risk: Risk | None = None
    """None: as the stage says."""
    accepts_investments: bool = True
    rating_breakdown: RatingBreakdown | None = None
    """None: not rated."""
    third_party_validation: tuple[Validation, ...] = ()

    @property
    def effective_risk(self) -> Risk:
        return self.risk or RISK_OF_STAGE[self.stage]

    @property
    def return_bp(self) -> int:
        """A year's expected return in basis points."""
        return parse_amount(
            self.financial.expected_return_annual, decimals=2, field="financial.expected_return_annual"
        )


class Project(Struct, frozen=True, kw_only=True):
    """A project with the money it has."""

    id: str
    described: Description
    room: Room
    investor_count: int
    update_count: int
    created_at_us: int
    updated_at_us: int
    deadline_us: int
    """No money comes in from then on."""
    funded_at_us: int | None
    """When the target was reached; None: not yet."""

    @property
    def name(self) -> str:
        return self.described.name

    @property
    def currency(self) -> str:
        """ISO 4217."""
        return self.described.financial.currency

    @property
    def min_investment_minor(self) -> int:
        return minor(self.described.financial.min_investment)

    @property
    def max_investment_minor(self) -> int:
        return minor(self.described.financial.max_investment)

    @property
    def token_supply(self) -> int:
        """Ownership tokens in 10^-7 units."""
        units: int = self.described.financial.token_supply * TOKEN_UNITS
        return units

    @property
    def token_price(self) -> Fraction:
        """Of one ownership token, in whole currency, unrounded: 65,000,000 / 25,000,000 is 13/5."""
        terms = self.described.financial
        return Fraction(terms.total_cost) / terms.token_supply

    @property
    def risk(self) -> Risk:
        return self.described.effective_risk

    def tokens_for(self, amount_minor: int) -> int:
        """Ownership tokens in 10^-7 units, rounded down: 500.00 at 2.60 are 192.3076923."""
        return amount_minor * self.token_supply // minor(self.described.financial.total_cost)

    def closed_because(self, now_us: int) -> str | None:
        """Why no money is taken, whatever the amount; None where it is."""
        if not self.described.accepts_investments:
            return "takes no investments"
        if now_us >= self.deadline_us:
            return "the funding deadline is over"
        if self.room.is_funded:
            return "is fully funded"
        return None


class Attachment(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    type: Slug
    url: Annotated[str, Meta(max_length=500, pattern=r"^https?://[^\s]+$")]


class ProjectUpdate(Struct, frozen=True, kw_only=True):
    """News of a project."""

    id: str
    project_id: str
    title: str
    content: str
    type: str
    attachments: tuple[Attachment, ...]
    published_at_us: int


class Document(Struct, frozen=True, kw_only=True):
    """A file of a project, as it was uploaded."""

    id: str
    project_id: str
    type: str
    name: str
    media_type: str
    size_bytes: int
    sha256: str
    """Hex."""
    uploaded_at_us: int


def minor(amount: Decimal) -> int:
    """Minor units of an amount that was checked."""
    return parse_amount(amount, decimals=FIAT_DECIMALS, field="amount")


def show_minor(amount_minor: int) -> Decimal:
    return show_amount(amount_minor, decimals=FIAT_DECIMALS)
