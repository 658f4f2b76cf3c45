"""What the API answers with, field by field as the document names it.

Money and ownership tokens are exact (`Decimal`); percentages and measures are ints or floats. Money is in
`currency` where an object has one. Fields that an answer may lack are None. Unknown fields are ignored, so
that a newer API does not break an older client.
"""

from datetime import date, datetime
from decimal import Decimal
from typing import Any, Generic, TypeVar

import msgspec
from msgspec import Struct

T = TypeVar("T")
Number = int | float
"""As it is written: 72 is shown as 72."""


class _Answer(Struct, frozen=True, kw_only=True):
    """Base of what is answered."""


class Page(_Answer, Generic[T], frozen=True, kw_only=True):
    """One page of a list."""

    items: tuple[T, ...]
    next_cursor: str | None
    """None on the last page."""
    total: int | None
    """Of the whole list as filtered; None: not counted."""


class Coordinates(_Answer, frozen=True, kw_only=True):
    lat: Number
    lng: Number


class Location(_Answer, frozen=True, kw_only=True):
    country: str
    state: str | None = None
    city: str | None = None
    coordinates: Coordinates | None = None


class Financial(_Answer, frozen=True, kw_only=True):
    target_amount: Decimal
    raised_amount: Decimal
    funding_percentage: Number
    min_investment: Decimal
    investor_count: int
    expected_return_annual: Number
    """Percent."""
    payback_period_years: Number
    funding_deadline: datetime
    currency: str | None = None
    total_return: Number | None = None
    """Percent over the project's life; in lists."""
    expected_return_total: Number | None = None
    """The same; of one project."""
    exit_timeline_years: Number | None = None
    max_investment: Decimal | None = None
    available_amount: Decimal | None = None
    """What can still be invested."""
    accepts_investments: bool | None = None
    token_price: Decimal | None = None


class Impact(_Answer, frozen=True, kw_only=True):
    co2_avoided_tons_annual: Number
    homes_powered: int
    jobs_created: int | None = None
    """In lists."""
    jobs_construction: int | None = None
    jobs_operations: int | None = None
    community_benefit_annual: Decimal | None = None


class _Financed(_Answer, frozen=True, kw_only=True):
    """A project, which has what its financial block has."""

    financial: Financial

    @property
    def target_amount(self) -> Decimal:
        return self.financial.target_amount

    @property
    def raised_amount(self) -> Decimal:
        return self.financial.raised_amount

    @property
    def available_amount(self) -> Decimal | None:
        return self.financial.available_amount

    @property
    def funding_percentage(self) -> Number:
        return self.financial.funding_percentage

    @property
    def currency(self) -> str | None:
        return self.financial.currency

    @property
    def min_investment(self) -> Decimal:
        return self.financial.min_investment

    @property
    def max_investment(self) -> Decimal | None:
        return self.financial.max_investment

    @property
    def investor_count(self) -> int:
        return self.financial.investor_count

    @property
    def expected_return_annual(self) -> Number:
        return self.financial.expected_return_annual

    @property
    def expected_return_total(self) -> Number | None:
        """Percent over the project's life, by either of its two names."""
        block = self.financial
        return block.total_return if block.expected_return_total is None else block.expected_return_total

    @property
    def payback_period_years(self) -> Number:
        return self.financial.payback_period_years

    @property
    def exit_timeline_years(self) -> Number | None:
        return self.financial.exit_timeline_years

    @property
    def funding_deadline(self) -> datetime:
        return self.financial.funding_deadline

    @property
    def accepts_investments(self) -> bool | None:
        return self.financial.accepts_investments

    @property
    def token_price(self) -> Decimal | None:
        return self.financial.token_price


class ListedProject(_Financed, frozen=True, kw_only=True):
    """A project in a list."""

    id: str
    name: str
    description: str
    technology: str
    capacity_mw: Number
    location: Location
    stage: str
    impact: Impact
    created_at: datetime
    risk: str | None = None
    rating: Number | None = None


class ProjectDocument(_Answer, frozen=True, kw_only=True):
    type: str
    name: str
    url: str
    size_bytes: int
    uploaded_at: datetime
    id: str | None = None
    sha256: str | None = None


class Validation(_Answer, frozen=True, kw_only=True):
    """What a third party found."""

    firm: str
    type: str
    conclusion: str
    date: date


class RatingBreakdown(_Answer, frozen=True, kw_only=True):
    financial: Number
    technical: Number
    community: Number
    risk: Number
    values: Number


class Project(ListedProject, frozen=True, kw_only=True):
    """One project with everything about it."""

    updated_at: datetime
    construction_progress: Number | None = None
    """Percent."""
    expected_cod: date | None = None
    """Begin of commercial operation."""
    technical: dict[str, Any] = msgspec.field(default_factory=dict)
    """What is told differs by technology."""
    documents: tuple[ProjectDocument, ...] = ()
    third_party_validation: tuple[Validation, ...] = ()
    rating_breakdown: RatingBreakdown | None = None


class Attachment(_Answer, frozen=True, kw_only=True):
    type: str
    url: str


class ProjectUpdate(_Answer, frozen=True, kw_only=True):
    id: str
    project_id: str
    title: str
    content: str
    type: str
    published_at: datetime
    attachments: tuple[Attachment, ...] = ()


class NextAction(_Answer, frozen=True, kw_only=True):
    type: str
    redirect_url: str | None = None


class NewInvestment(_Answer, frozen=True, kw_only=True):
    """Pending until it is paid."""

    id: str
    project_id: str
    amount: Decimal
    status: str
    project_name: str | None = None
    currency: str | None = None
    payment_intent_id: str | None = None
    payment_client_secret: str | None = None
    next_action: NextAction | None = None
    """None: nothing is left for the person to do."""

    def __repr__(self) -> str:
        return f"NewInvestment(id={self.id!r}, amount={self.amount}, status={self.status!r}, ***)"


class _InvestmentHead(_Answer, frozen=True, kw_only=True):
    id: str
    user_id: str
    project_id: str
    project_name: str
    amount: Decimal
    currency: str
    payment_method: str
    status: str
    ownership_tokens: Decimal
    invested_at: datetime | None = None
    blockchain_tx_hash: str | None = None


class ListedInvestment(_InvestmentHead, frozen=True, kw_only=True):
    """An investment in a list."""

    current_value: Decimal
    return_to_date: Decimal
    return_percentage: Number


class Performance(_Answer, frozen=True, kw_only=True):
    current_value: Decimal
    return_to_date: Decimal
    return_percentage: Number
    distributions_received: Decimal
    distribution_count: int


class InvestmentDistribution(_Answer, frozen=True, kw_only=True):
    """What one distribution is to one investment."""

    id: str
    amount: Decimal
    distribution_date: date
    claimed: bool
    claimed_at: datetime | None = None


class Investment(_InvestmentHead, frozen=True, kw_only=True):
    """One investment, which has what its performance block has."""

    performance: Performance
    payment_id: str | None = None
    distributions: tuple[InvestmentDistribution, ...] = ()

    @property
    def current_value(self) -> Decimal:
        return self.performance.current_value

    @property
    def return_to_date(self) -> Decimal:
        return self.performance.return_to_date

    @property
    def return_percentage(self) -> Number:
        return self.performance.return_percentage

    @property
    def distributions_received(self) -> Decimal:
        return self.performance.distributions_received


class Share(_Answer, frozen=True, kw_only=True):
    """A part of a portfolio."""

    amount: Decimal
    percentage: Number


class TopInvestment(_Answer, frozen=True, kw_only=True):
    project_id: str
    project_name: str
    amount: Decimal
    current_value: Decimal
    return_amount: Decimal = msgspec.field(name="return")
    return_percentage: Number


class Portfolio(_Answer, frozen=True, kw_only=True):
    total_invested: Decimal
    current_value: Decimal
    total_return: Decimal
    return_percentage: Number
    distributions_received: Decimal
    investment_count: int
    project_count: int
    breakdown_by_technology: dict[str, Share]
    breakdown_by_country: dict[str, Share]
    breakdown_by_stage: dict[str, Share]
    top_investments: tuple[TopInvestment, ...]
    currency: str | None = None


class DataPoint(_Answer, frozen=True, kw_only=True):
    date: date
    total_invested: Decimal
    portfolio_value: Decimal
    return_amount: Decimal = msgspec.field(name="return")
    return_percentage: Number


class PerformanceSummary(_Answer, frozen=True, kw_only=True):
    starting_value: Decimal
    ending_value: Decimal
    total_return: Decimal
    return_percentage: Number
    annualized_return: Number | None = None
    """Percent a year; None: within one day, or above 100,000,000, which says nothing."""
    time_weighted_return: Number | None = None
    """Percent, of the period; None: above 100,000,000, which says nothing."""
    money_weighted_return: Number | None = None
    """Percent a year (XIRR); None: within one day, or no rate up to 100,000,000 fits."""


class PortfolioPerformance(_Answer, frozen=True, kw_only=True):
    period: str
    granularity: str
    data_points: tuple[DataPoint, ...]
    summary: PerformanceSummary


class Distribution(_Answer, frozen=True, kw_only=True):
    id: str
    project_id: str
    project_name: str
    distribution_date: date
    total_amount_project: Decimal
    user_amount: Decimal
    currency: str
    distribution_type: str
    claimed: bool
    claimed_at: datetime | None = None
    payment_method: str | None = None
    payment_reference: str | None = None


class Claim(_Answer, frozen=True, kw_only=True):
    """A distribution on its way to the person's account."""

    id: str
    amount: Decimal
    claimed: bool
    claimed_at: datetime
    expected_transfer_date: date | None = None
    payment_reference: str | None = None


class Notifications(_Answer, frozen=True, kw_only=True):
    email: bool | None = None
    sms: bool | None = None


class Preferences(_Answer, frozen=True, kw_only=True):
    currency: str | None = None
    notifications: Notifications | None = None


class User(_Answer, frozen=True, kw_only=True):
    id: str
    email: str | None
    name: str | None
    kyc_status: str
    created_at: datetime
    preferences: Preferences
    kyc_verified_at: datetime | None = None


class ChangedUser(_Answer, frozen=True, kw_only=True):
    """What was sent, as it is now; None: was not sent."""

    id: str
    name: str | None = None
    preferences: Preferences | None = None


class KycStatus(_Answer, frozen=True, kw_only=True):
    status: str
    verified_at: datetime | None = None
    documents_required: tuple[str, ...] = ()
    next_steps: tuple[str, ...] = ()


class KycSession(_Answer, frozen=True, kw_only=True):
    """Where the person proves who they are."""

    verification_url: str
    applicant_id: str
    expires_at: datetime | None = None


class Event(_Answer, frozen=True, kw_only=True):
    """What a webhook delivers."""

    id: str
    type: str
    created_at: datetime
    data: dict[str, Any]
