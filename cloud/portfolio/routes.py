"""The caller's portfolio: what it is now, and how it did."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, Any

from litestar import get
from litestar.di import NamedDependency
from litestar.handlers import BaseRouteHandler
from litestar.params import FromQuery, QueryParameter
from msgspec import Meta, Struct, field

from cloud.identity.principal import Principal
from cloud.identity.scope_guard import needs
from cloud.identity.scopes import Scope
from cloud.investments.routes import show_percentage
from cloud.kit.envelope import Data
from cloud.portfolio.model import Granularity, Performance, Period, Point, ProjectPosition, Summary, Worth
from cloud.portfolio.service import Portfolio
from cloud.projects.model import show_minor
from shared.money import round_decimal

Currency = Annotated[
    str | None,
    QueryParameter(
        pattern="^[A-Z]{3}$",
        description="ISO 4217; absent: that of most of the caller's investments. Nothing is converted.",
    ),
]


class Part(Struct, frozen=True, kw_only=True):
    amount: Decimal
    percentage: Decimal


class TopInvestment(Struct, frozen=True, kw_only=True):
    project_id: str
    project_name: str
    amount: Decimal
    current_value: Decimal
    return_: Decimal = field(name="return")
    return_percentage: Decimal


class PortfolioSummary(Struct, frozen=True, kw_only=True):
    currency: str
    currencies: tuple[str, ...]
    total_invested: Decimal
    current_value: Decimal
    total_return: Decimal
    return_percentage: Decimal
    distributions_received: Decimal
    investment_count: int
    project_count: int
    breakdown_by_technology: Mapping[str, Part]
    breakdown_by_country: Mapping[str, Part]
    breakdown_by_stage: Mapping[str, Part]
    top_investments: list[TopInvestment]


class DataPoint(Struct, frozen=True, kw_only=True):
    """How it stood at the end of the day (UTC)."""

    date: str
    total_invested: Decimal
    portfolio_value: Decimal
    return_: Decimal = field(name="return")
    return_percentage: Decimal


class PerformanceSummary(Struct, frozen=True, kw_only=True):
    starting_value: Decimal
    ending_value: Decimal
    total_return: Decimal
    return_percentage: Decimal
    """Of what is invested at the end."""
    annualized_return: Annotated[
        Decimal | None, Meta(description="Percent a year. Null within one day, and above 100,000,000.")
    ]
    time_weighted_return: Annotated[
        Decimal | None, Meta(description="Percent, of the period. Null above 100,000,000.")
    ]
    money_weighted_return: Annotated[
        Decimal | None,
        Meta(description="Percent a year (XIRR). Null within one day, or where none up to 100,000,000 fits."),
    ]


class PortfolioPerformance(Struct, frozen=True, kw_only=True):
    currency: str
    period: Period
    granularity: Granularity
    data_points: list[DataPoint]
    summary: PerformanceSummary


@get("/v1/portfolio", status_code=200, opt=needs(Scope.READ_PORTFOLIO))
async def get_portfolio(
    principal: NamedDependency[Principal],
    portfolio: NamedDependency[Portfolio],
    currency: Currency = None,
) -> Data[PortfolioSummary]:
    """Everything the caller has in one currency."""
    return Data(data=_summary(await portfolio.summary(principal.person, currency)))


@get("/v1/portfolio/performance", status_code=200, opt=needs(Scope.READ_PORTFOLIO))
async def get_portfolio_performance(
    principal: NamedDependency[Principal],
    portfolio: NamedDependency[Portfolio],
    period: FromQuery[Period] = Period.YEAR,
    granularity: FromQuery[Granularity] = Granularity.MONTHLY,
    currency: Currency = None,
) -> Data[PortfolioPerformance]:
    """Over a period, day by day, week by week or month by month."""
    found = await portfolio.performance(principal.person, period, granularity, currency)
    return Data(data=_performance(found))


ROUTES: list[BaseRouteHandler] = [get_portfolio, get_portfolio_performance]


def show_rate(rate: float) -> Decimal:
    """In percent, half-even to one decimal; never -0.0."""
    return round_decimal(rate * 100, 1) + 0


def _shown_rate(rate: float | None) -> Decimal | None:
    return None if rate is None else show_rate(rate)


def _values(worth: Worth) -> dict[str, Any]:
    return {
        "current_value": show_minor(worth.value_minor),
        "return_percentage": show_percentage(worth.returned_minor, worth.invested_minor),
    }


def _summary(found: Summary) -> PortfolioSummary:
    worth = found.worth
    return PortfolioSummary(
        currency=found.currency,
        currencies=found.currencies,
        total_invested=show_minor(worth.invested_minor),
        **_values(worth),
        total_return=show_minor(worth.returned_minor),
        distributions_received=show_minor(worth.returned_minor),
        investment_count=found.investment_count,
        project_count=found.project_count,
        breakdown_by_technology=_parts(found.by_technology, worth),
        breakdown_by_country=_parts(found.by_country, worth),
        breakdown_by_stage=_parts(found.by_stage, worth),
        top_investments=[_top(position) for position in found.top],
    )


def _parts(amounts: Mapping[str, int], worth: Worth) -> dict[str, Part]:
    return {
        label: Part(
            amount=show_minor(amount_minor),
            percentage=show_percentage(amount_minor, worth.invested_minor),
        )
        for label, amount_minor in amounts.items()
    }


def _top(position: ProjectPosition) -> TopInvestment:
    return TopInvestment(
        project_id=position.project_id,
        project_name=position.project_name,
        amount=show_minor(position.worth.invested_minor),
        return_=show_minor(position.worth.returned_minor),
        **_values(position.worth),
    )


def _performance(found: Performance) -> PortfolioPerformance:
    first = found.points[0].worth if found.points else Worth()
    last = found.points[-1].worth if found.points else Worth()
    return PortfolioPerformance(
        currency=found.currency,
        period=found.period,
        granularity=found.granularity,
        data_points=[_point(point) for point in found.points],
        summary=PerformanceSummary(
            starting_value=show_minor(first.value_minor),
            ending_value=show_minor(last.value_minor),
            total_return=show_minor(found.returned_minor),
            return_percentage=show_percentage(found.returned_minor, last.invested_minor),
            annualized_return=_shown_rate(found.annualized),
            time_weighted_return=_shown_rate(found.time_weighted),
            money_weighted_return=_shown_rate(found.money_weighted),
        ),
    )


def _point(point: Point) -> DataPoint:
    worth = point.worth
    return DataPoint(
        date=point.day.isoformat(),
        total_invested=show_minor(worth.invested_minor),
        portfolio_value=show_minor(worth.value_minor),
        return_=show_minor(worth.returned_minor),
        return_percentage=show_percentage(worth.returned_minor, worth.invested_minor),
    )
