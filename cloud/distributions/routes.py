"""What projects pay out: declared by operators, seen and claimed by holders."""

from datetime import date
from decimal import Decimal
from typing import Annotated, Literal

from litestar import get, post
from litestar.di import NamedDependency
from litestar.handlers import BaseRouteHandler
from litestar.params import FromPath, FromQuery, JSONBody
from msgspec import Meta, Struct

from cloud.distributions.calendar import day_of, expected_transfer
from cloud.distributions.errors import AlreadyDeclared, NobodyHolds
from cloud.distributions.model import Declaration, Distribution, ShareFilter, ShareView
from cloud.distributions.service import Distributions
from cloud.errors import BadRequest, InvalidFields
from cloud.identity.principal import Principal
from cloud.identity.scope_guard import needs
from cloud.identity.scopes import Scope
from cloud.kit.cursors import Cursors, PageCursor
from cloud.kit.documented import raises
from cloud.kit.envelope import Data, Listed
from cloud.kit.http import Number
from cloud.kit.idempotency import Once
from cloud.kit.paging import LIMIT_DEFAULT, PageLimit
from cloud.projects.errors import NoSuchProject
from cloud.projects.model import FIAT_DECIMALS, show_minor
from shared.clock import rfc3339
from shared.money import BadAmount, parse_amount

PaymentMethod = Literal["bank_transfer"]


class NewDistribution(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    year: Annotated[int, Meta(ge=2000, le=9998)]
    quarter: Annotated[int, Meta(ge=1, le=4)]
    record_date: Annotated[
        str, Meta(pattern=r"^\d{4}-\d{2}-\d{2}$", description="Who holds at its end (UTC) gets a share.")
    ]
    total_amount: Annotated[Number, Meta(description="In the project's currency.")]


class DeclaredDistribution(Struct, frozen=True, kw_only=True):
    id: str
    project_id: str
    year: int
    quarter: int
    record_date: str
    distribution_date: str
    total_amount: Decimal
    currency: str
    distribution_type: Literal["quarterly"]
    holder_count: int


class DistributionRow(Struct, frozen=True, kw_only=True):
    id: str
    project_id: str
    project_name: str
    distribution_date: str
    record_date: str
    total_amount_project: Decimal
    user_amount: Decimal
    currency: str
    distribution_type: Literal["quarterly"]
    claimed: bool
    claimed_at: str | None
    payment_method: str | None
    payment_reference: str | None


class NewClaim(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    payment_method: PaymentMethod = "bank_transfer"


class ClaimedDistribution(Struct, frozen=True, kw_only=True):
    id: str
    amount: Decimal
    currency: str
    claimed: bool
    claimed_at: str
    expected_transfer_date: str
    """Two business days on."""
    payment_reference: str


@post(
    "/v1/projects/{project_id:str}/distributions",
    status_code=201,
    opt=needs(Scope.ADMIN) | raises(NoSuchProject, AlreadyDeclared, NobodyHolds),
)
async def declare_distribution(
    project_id: FromPath[str],
    data: JSONBody[NewDistribution],
    distributions: NamedDependency[Distributions],
    once: NamedDependency[Once],
) -> Data[DeclaredDistribution]:
    """Split a quarter's money among those who held ownership tokens at the end of the record date."""
    declared = Declaration(
        project_id=project_id,
        year=data.year,
        quarter=data.quarter,
        record_date=_day(data.record_date),
        total_minor=_total(data.total_amount),
    )
    return Data(data=_declared(await distributions.declare(declared, once)))


@get("/v1/distributions", status_code=200, opt=needs(Scope.READ_RETURNS))
async def list_distributions(
    principal: NamedDependency[Principal],
    distributions: NamedDependency[Distributions],
    cursors: NamedDependency[Cursors],
    project_id: FromQuery[str | None] = None,
    claimed: FromQuery[bool | None] = None,
    limit: PageLimit = LIMIT_DEFAULT,
    cursor: PageCursor = None,
) -> Listed[DistributionRow]:
    """The caller's shares, newest first."""
    filters = {"user": principal.person.id, "project_id": project_id, "claimed": claimed}
    asked = cursors.asked("distributions", filters, cursor)
    found = await distributions.page(
        principal.person,
        ShareFilter(project_id=project_id, is_claimed=claimed),
        after=asked.after,
        limit=limit,
    )
    page = asked.page(
        found, limit=limit, keys=lambda view: (view.distribution.declared_at_us, view.distribution.id)
    )
    return page.shown(_row)


@post("/v1/distributions/{distribution_id:str}/claim", status_code=200, opt=needs(Scope.CLAIM_RETURNS))
async def claim_distribution(
    distribution_id: FromPath[str],
    data: JSONBody[NewClaim],
    principal: NamedDependency[Principal],
    distributions: NamedDependency[Distributions],
    once: NamedDependency[Once],
) -> Data[ClaimedDistribution]:
    """Have the caller's share paid out, once; a repeat gets the same answer."""
    view = await distributions.claim(principal.person, distribution_id, data.payment_method, once)
    return Data(data=_claimed(view))


ROUTES: list[BaseRouteHandler] = [declare_distribution, list_distributions, claim_distribution]


def _day(text: str) -> str:
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError:
        raise InvalidFields({"record_date": ["Must be a day such as 2025-09-30"]}) from None


def _total(amount: Decimal) -> int:
    try:
        total_minor = parse_amount(amount, decimals=FIAT_DECIMALS, field="total_amount")
    except BadAmount as error:
        raise BadRequest(str(error)) from None
    if total_minor <= 0:
        raise InvalidFields({"total_amount": ["Must be above 0"]})
    return total_minor


def _declared(made: Distribution) -> DeclaredDistribution:
    return DeclaredDistribution(
        id=made.id,
        project_id=made.project_id,
        year=made.year,
        quarter=made.quarter,
        record_date=made.record_date,
        distribution_date=made.distribution_date,
        total_amount=show_minor(made.total_minor),
        currency=made.currency,
        distribution_type="quarterly",
        holder_count=made.holder_count,
    )


def _row(view: ShareView) -> DistributionRow:
    made, share = view.distribution, view.share
    return DistributionRow(
        id=made.id,
        project_id=made.project_id,
        project_name=view.project_name,
        distribution_date=made.distribution_date,
        record_date=made.record_date,
        total_amount_project=show_minor(made.total_minor),
        user_amount=show_minor(share.amount_minor),
        currency=made.currency,
        distribution_type="quarterly",
        claimed=share.is_claimed,
        claimed_at=None if share.claimed_at_us is None else rfc3339(share.claimed_at_us),
        payment_method=share.payment_method,
        payment_reference=view.payment_reference,
    )


def _claimed(view: ShareView) -> ClaimedDistribution:
    share, reference = view.share, view.payment_reference
    assert share.claimed_at_us is not None  # noqa: S101  the service claimed it
    assert reference is not None  # noqa: S101  as above
    return ClaimedDistribution(
        id=share.distribution_id,
        amount=show_minor(share.amount_minor),
        currency=view.distribution.currency,
        claimed=True,
        claimed_at=rfc3339(share.claimed_at_us),
        expected_transfer_date=expected_transfer(day_of(share.claimed_at_us)).isoformat(),
        payment_reference=reference,
    )
