"""Investing, and what came of it."""

from decimal import Decimal
from typing import Annotated, Any, Literal

from litestar import get, post
from litestar.di import NamedDependency
from litestar.handlers import BaseRouteHandler
from litestar.params import FromPath, FromQuery, JSONBody
from msgspec import Meta, Struct

from cloud.errors import BadRequest
from cloud.identity.principal import Principal
from cloud.identity.scope_guard import needs
from cloud.identity.scopes import Scope
from cloud.investments.model import (
    InvestmentFilter,
    InvestmentReturn,
    InvestmentStatus,
    InvestmentView,
    InvestmentWish,
    Placement,
)
from cloud.investments.service import Investments
from cloud.kit.cursors import Cursors, PageCursor
from cloud.kit.documented import raises
from cloud.kit.envelope import Data, Listed
from cloud.kit.http import Number
from cloud.kit.idempotency import Once
from cloud.kit.paging import LIMIT_DEFAULT, PageLimit
from cloud.kyc.errors import KycRequired
from cloud.projects.errors import InvestmentUnavailable, NoSuchProject
from cloud.projects.model import FIAT_DECIMALS, ProjectId, show_minor
from shared.clock import rfc3339
from shared.money import BadAmount, parse_amount, round_decimal, show_amount

Currency = Annotated[str, Meta(pattern="^[A-Z]{3}$", description="ISO 4217.")]
PaymentMethod = Literal["stripe"]
Source = Annotated[str, Meta(pattern="^pm_[A-Za-z0-9_]{1,80}$")]


class NewInvestment(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    project_id: ProjectId
    amount: Annotated[Number, Meta(description="What goes into the project; the fee of 2 % comes on top.")]
    currency: Annotated[Currency | None, Meta(description="The project's; absent: the same.")] = None
    payment_method: PaymentMethod = "stripe"
    payment_source: Annotated[
        Source | None, Meta(description="Tried at once; absent: paid on the hosted page.")
    ] = None


class NextAction(Struct, frozen=True, kw_only=True):
    type: Literal["complete_payment"] = "complete_payment"
    redirect_url: str | None


class CreatedInvestment(Struct, frozen=True, kw_only=True):
    id: str
    project_id: str
    project_name: str
    amount: Decimal
    currency: str
    platform_fee: Decimal
    total_charged: Decimal
    ownership_tokens: Decimal
    status: InvestmentStatus
    payment_intent_id: str | None
    """None while the payment provider does not answer; the investment shows it later."""
    payment_client_secret: str | None
    decline_code: str | None
    """Of the source that was tried; None where it was not declined."""
    expires_at: str
    """When the room is given to others, unless it is paid."""
    next_action: NextAction | None
    """None where nothing is left to do."""


class InvestmentRow(Struct, frozen=True, kw_only=True):
    id: str
    user_id: str
    project_id: str
    project_name: str
    amount: Decimal
    currency: str
    platform_fee: Decimal
    payment_method: str
    status: InvestmentStatus
    ownership_tokens: Decimal
    invested_at: str
    blockchain_tx_hash: str | None
    current_value: Decimal
    return_to_date: Decimal
    return_percentage: Decimal


class Performance(Struct, frozen=True, kw_only=True):
    current_value: Decimal
    return_to_date: Decimal
    return_percentage: Decimal
    distributions_received: Decimal
    distribution_count: int


class ReturnRow(Struct, frozen=True, kw_only=True):
    id: str
    amount: Decimal
    distribution_date: str
    claimed: bool
    claimed_at: str | None


class InvestmentDetail(Struct, frozen=True, kw_only=True):
    id: str
    user_id: str
    project_id: str
    project_name: str
    amount: Decimal
    currency: str
    platform_fee: Decimal
    payment_method: str
    payment_id: str | None
    """The provider's; None until it has answered."""
    status: InvestmentStatus
    failure_reason: str | None
    refund_status: str | None
    ownership_tokens: Decimal
    invested_at: str
    blockchain_tx_hash: str | None
    performance: Performance
    distributions: list[ReturnRow]


@post(
    "/v1/investments",
    status_code=201,
    opt=needs(Scope.MAKE_INVESTMENTS) | raises(KycRequired, NoSuchProject, InvestmentUnavailable),
)
async def create_investment(
    data: JSONBody[NewInvestment],
    principal: NamedDependency[Principal],
    investments: NamedDependency[Investments],
    once: NamedDependency[Once],
) -> Data[CreatedInvestment]:
    """Reserve room for half an hour and ask for the payment; ownership begins when it succeeds."""
    try:
        amount_minor = parse_amount(data.amount, decimals=FIAT_DECIMALS, field="amount")
    except BadAmount as error:
        raise BadRequest(str(error)) from None
    wish = InvestmentWish(
        project_id=data.project_id,
        amount_minor=amount_minor,
        currency=data.currency,
        payment_method=data.payment_method,
        payment_source=data.payment_source,
    )
    return Data(data=_created(await investments.invest(principal.person, wish, once)))


@get("/v1/investments", status_code=200, opt=needs(Scope.READ_PORTFOLIO))
async def list_investments(
    principal: NamedDependency[Principal],
    investments: NamedDependency[Investments],
    cursors: NamedDependency[Cursors],
    project_id: FromQuery[str | None] = None,
    status: FromQuery[InvestmentStatus | None] = None,
    limit: PageLimit = LIMIT_DEFAULT,
    cursor: PageCursor = None,
) -> Listed[InvestmentRow]:
    """The caller's, newest first."""
    filters = {"user": principal.person.id, "project_id": project_id, "status": status}
    asked = cursors.asked("investments", filters, cursor)
    found = await investments.page(
        principal.person,
        InvestmentFilter(project_id=project_id, status=status),
        after=asked.after,
        limit=limit,
    )
    page = asked.page(
        found, limit=limit, keys=lambda view: (view.investment.created_at_us, view.investment.id)
    )
    return page.shown(_row)


@get("/v1/investments/{investment_id:str}", status_code=200, opt=needs(Scope.READ_PORTFOLIO))
async def get_investment(
    investment_id: FromPath[str],
    principal: NamedDependency[Principal],
    investments: NamedDependency[Investments],
) -> Data[InvestmentDetail]:
    """One of the caller's."""
    return Data(data=_detail(await investments.get(principal.person, investment_id)))


ROUTES: list[BaseRouteHandler] = [create_investment, list_investments, get_investment]


def show_percentage(part_minor: int, whole_minor: int) -> Decimal:
    """Half-even to one decimal; 0 of nothing."""
    if not whole_minor:
        return Decimal(0)
    return round_decimal(Decimal(100 * part_minor) / whole_minor, 1)


def _created(placement: Placement) -> CreatedInvestment:
    made = placement.investment
    is_open = made.status is InvestmentStatus.PENDING
    return CreatedInvestment(
        id=made.id,
        project_id=made.project_id,
        project_name=placement.project_name,
        amount=show_minor(made.amount_minor),
        currency=made.currency,
        platform_fee=show_minor(made.fee_minor),
        total_charged=show_minor(made.charged_minor),
        ownership_tokens=show_amount(made.tokens),
        status=made.status,
        payment_intent_id=placement.intent_id,
        payment_client_secret=placement.client_secret,
        decline_code=placement.decline_code,
        expires_at=rfc3339(made.room_until_us),
        next_action=NextAction(redirect_url=placement.redirect_url) if is_open else None,
    )


def _shared(view: InvestmentView) -> dict[str, Any]:
    one = view.investment
    return {
        "id": one.id,
        "user_id": one.user_id,
        "project_id": one.project_id,
        "project_name": view.project_name,
        "amount": show_minor(one.amount_minor),
        "currency": one.currency,
        "platform_fee": show_minor(one.fee_minor),
        "payment_method": one.payment_method,
        "status": one.status,
        "ownership_tokens": show_amount(one.tokens),
        "invested_at": rfc3339(one.completed_at_us or one.created_at_us),
        "blockchain_tx_hash": None,  # the private book is not in the log whose head is anchored
    }


def _returns(view: InvestmentView) -> dict[str, Any]:
    amount_minor, back_minor = view.investment.amount_minor, view.received.amount_minor
    return {
        "current_value": show_minor(amount_minor + back_minor),
        "return_to_date": show_minor(back_minor),
        "return_percentage": show_percentage(back_minor, amount_minor),
    }


def _row(view: InvestmentView) -> InvestmentRow:
    return InvestmentRow(**_shared(view), **_returns(view))


def _detail(view: InvestmentView) -> InvestmentDetail:
    performance = Performance(
        **_returns(view),
        distributions_received=show_minor(view.received.amount_minor),
        distribution_count=view.received.count,
    )
    return InvestmentDetail(
        **_shared(view),
        payment_id=view.intent_id,
        failure_reason=view.investment.failure,
        refund_status=view.investment.refund,
        performance=performance,
        distributions=[_return(row) for row in view.returns],
    )


def _return(row: InvestmentReturn) -> ReturnRow:
    return ReturnRow(
        id=row.distribution_id,
        amount=show_minor(row.amount_minor),
        distribution_date=row.distribution_date,
        claimed=row.claimed_at_us is not None,
        claimed_at=None if row.claimed_at_us is None else rfc3339(row.claimed_at_us),
    )
