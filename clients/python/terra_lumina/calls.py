"""Every request of the document as a value; the clients send them."""

import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal, InvalidOperation
from typing import Any, Generic, Literal, TypedDict, TypeVar

from msgspec import Struct

from terra_lumina import models

T = TypeVar("T")
Amount = Decimal | int | float | str
"""Money as it is written: 500, 500.00, "500.00"."""

_ID = re.compile(r"[A-Za-z0-9_-]{1,200}")


@dataclass(frozen=True, kw_only=True)
class Call(Generic[T]):
    """One request, and what its answer is read into."""

    method: str
    path: str
    into: type[T]
    """Of what stands under `data`; in a list, of each of its elements."""
    query: Mapping[str, str] = field(default_factory=dict)
    body: object | None = None
    idempotency_key: str | None = None
    is_repeatable: bool = True
    """Whether acting twice is acting once."""
    cursor_name: str = "cursor"
    """Of the parameter that asks for the next page."""


class ProjectFilters(TypedDict, total=False):
    technology: Literal["solar", "wind", "hydro", "storage", "nuclear"]
    country: str
    """US, UK, DE, …"""
    stage: Literal["planning", "construction", "operating"]
    min_return: float
    """Percent a year."""
    max_risk: Literal["low", "medium", "high"]


class ProjectListing(ProjectFilters, total=False):
    search: str
    """Words of name and description."""
    sort: Literal["newest", "funded", "rating", "return"]
    limit: int
    """Projects a page; all pages are walked through whatever it is."""


class InvestmentListing(TypedDict, total=False):
    project_id: str
    status: Literal["pending", "completed", "failed"]
    limit: int


class DistributionListing(TypedDict, total=False):
    project_id: str
    claimed: bool
    limit: int


class NewInvestment(Struct, frozen=True, kw_only=True, omit_defaults=True):
    project_id: str
    amount: Decimal
    payment_method: str
    currency: str | None = None
    payment_source: str | None = None


def new_key() -> str:
    return str(uuid.uuid4())


def _id(text: str) -> str:
    """As a part of a path.

    Raises:
        ValueError: it cannot be an id, and would lead elsewhere.
    """
    if not _ID.fullmatch(text):
        raise ValueError(f"not an id: {text!r}")
    return text


def amount_of(amount: Amount) -> Decimal:
    """Exactly what is written, also of a float.

    Raises:
        ValueError: not a finite number.
    """
    try:
        value = Decimal(str(amount))
    except InvalidOperation:
        value = Decimal("NaN")
    if not value.is_finite() or isinstance(amount, bool):
        raise ValueError(f"amount: not a number: {amount!r}")
    return Decimal(f"{value:f}")


def _query(sent: Mapping[str, Any]) -> dict[str, str]:
    def text(value: Any) -> str:
        return str(value).lower() if isinstance(value, bool) else str(value)

    return {name: text(value) for name, value in sent.items() if value is not None}


def _get(path: str, into: type[T], **query: Any) -> Call[T]:
    return Call(method="GET", path=path, into=into, query=_query(query))


def page_of(call: Call[T], cursor: str | None) -> Call[T]:
    """The call for the page behind the cursor."""
    return call if cursor is None else replace(call, query={**call.query, call.cursor_name: cursor})


def list_projects(listing: ProjectListing) -> Call[models.ListedProject]:
    return _get("/projects", models.ListedProject, **listing)


def search_projects(
    words: str, filters: ProjectFilters | None, limit: int | None
) -> Call[models.ListedProject]:
    named = {f"filters[{name}]": value for name, value in (filters or {}).items()}
    return _get("/projects/search", models.ListedProject, q=words, limit=limit, **named)


def get_project(project_id: str) -> Call[models.Project]:
    return _get(f"/projects/{_id(project_id)}", models.Project)


def list_updates(project_id: str, limit: int | None) -> Call[models.ProjectUpdate]:
    return _get(f"/projects/{_id(project_id)}/updates", models.ProjectUpdate, limit=limit)


def list_investments(listing: InvestmentListing) -> Call[models.ListedInvestment]:
    return _get("/investments", models.ListedInvestment, **listing)


def get_investment(investment_id: str) -> Call[models.Investment]:
    return _get(f"/investments/{_id(investment_id)}", models.Investment)


def create_investment(
    project_id: str,
    amount: Amount,
    currency: str | None,
    payment_method: str,
    payment_source: str | None,
    idempotency_key: str | None,
) -> Call[models.NewInvestment]:
    body = NewInvestment(
        project_id=project_id,
        amount=amount_of(amount),
        currency=currency,
        payment_method=payment_method,
        payment_source=payment_source,
    )
    return Call(
        method="POST",
        path="/investments",
        into=models.NewInvestment,
        body=body,
        idempotency_key=idempotency_key or new_key(),
    )


def get_portfolio() -> Call[models.Portfolio]:
    return _get("/portfolio", models.Portfolio)


def get_performance(period: str | None, granularity: str | None) -> Call[models.PortfolioPerformance]:
    return _get("/portfolio/performance", models.PortfolioPerformance, period=period, granularity=granularity)


def list_distributions(listing: DistributionListing) -> Call[models.Distribution]:
    return _get("/distributions", models.Distribution, **listing)


def claim_distribution(
    distribution_id: str, payment_method: str, idempotency_key: str | None
) -> Call[models.Claim]:
    return Call(
        method="POST",
        path=f"/distributions/{_id(distribution_id)}/claim",
        into=models.Claim,
        body={"payment_method": payment_method},
        idempotency_key=idempotency_key or new_key(),
    )


def get_user() -> Call[models.User]:
    return _get("/user/me", models.User)


def update_user(name: str | None, preferences: Mapping[str, Any] | None) -> Call[models.ChangedUser]:
    sent = {"name": name, "preferences": preferences}
    body = {key: value for key, value in sent.items() if value is not None}
    return Call(method="PATCH", path="/user/me", into=models.ChangedUser, body=body)


def get_kyc() -> Call[models.KycStatus]:
    return _get("/user/me/kyc", models.KycStatus)


def start_kyc(return_url: str, provider: str) -> Call[models.KycSession]:
    body = {"provider": provider, "return_url": return_url}
    return Call(
        method="POST",
        path="/user/me/kyc",
        into=models.KycSession,
        body=body,
        idempotency_key=new_key(),
        is_repeatable=False,
    )


def list_events(after: str | None, limit: int | None) -> Call[models.Event]:
    return replace(_get("/events", models.Event, after=after, limit=limit), cursor_name="after")
