"""Projects in the document's shapes, with what it forgot: currency, risk, the price of a token."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from functools import lru_cache

from msgspec import Raw, Struct

from cloud.kit.http import encode_json
from cloud.projects.description_check import CAPACITY_FACTOR, GENERATION
from cloud.projects.figures import capacity_factor, payback_years, percentage
from cloud.projects.model import (
    Attachment,
    Document,
    Impact,
    Location,
    Project,
    ProjectUpdate,
    RatingBreakdown,
    Risk,
    Stage,
    Technology,
    Validation,
    minor,
    show_minor,
)
from cloud.projects.storage import ProjectRow
from shared.clock import rfc3339
from shared.money import TOKEN_DECIMALS, TOKEN_UNITS, round_half_even, show_amount


class ListedFinancial(Struct, frozen=True, kw_only=True):
    """Money of a project in a list."""

    currency: str
    target_amount: Decimal
    raised_amount: Decimal
    funding_percentage: Decimal
    min_investment: Decimal
    investor_count: int
    expected_return_annual: Decimal
    total_return: Decimal
    payback_period_years: int
    funding_deadline: str


class ListedImpact(Struct, frozen=True, kw_only=True):
    co2_avoided_tons_annual: int
    homes_powered: int
    jobs_created: int


class ListedProject(Struct, frozen=True, kw_only=True):
    """A project in a list."""

    id: str
    name: str
    description: str
    technology: Technology
    capacity_mw: Decimal
    location: Location
    stage: Stage
    risk: Risk
    financial: ListedFinancial
    impact: ListedImpact
    rating: Decimal | None
    """None: not rated."""
    created_at: str


class Financial(Struct, frozen=True, kw_only=True):
    currency: str
    target_amount: Decimal
    raised_amount: Decimal
    available_amount: Decimal
    """What can still be invested."""
    funding_percentage: Decimal
    min_investment: Decimal
    max_investment: Decimal
    investor_count: int
    expected_return_annual: Decimal
    expected_return_total: Decimal
    payback_period_years: int
    exit_timeline_years: int
    funding_deadline: str
    accepts_investments: bool
    total_cost: Decimal
    token_supply: int
    token_price: Decimal


class ShownDocument(Struct, frozen=True, kw_only=True):
    id: str
    type: str
    name: str
    url: str
    size_bytes: int
    sha256: str
    uploaded_at: str


class ShownProject(Struct, frozen=True, kw_only=True):
    """A project with everything about it."""

    id: str
    name: str
    description: str
    technology: Technology
    capacity_mw: Decimal
    location: Location
    stage: Stage
    risk: Risk
    construction_progress: int | None
    expected_cod: str | None
    financial: Financial
    technical: Mapping[str, str | int | float]
    impact: Impact
    documents: list[ShownDocument]
    third_party_validation: Sequence[Validation]
    rating: Decimal | None
    rating_breakdown: RatingBreakdown | None
    created_at: str
    updated_at: str


class ShownUpdate(Struct, frozen=True, kw_only=True):
    id: str
    project_id: str
    title: str
    content: str
    type: str
    published_at: str
    attachments: Sequence[Attachment]


LISTED_KEPT = 4_096
"""Projects as lists show them; one is some 1 KB, and its row as much again."""


@lru_cache(maxsize=LISTED_KEPT)
def listed_json(row: ProjectRow) -> Raw:
    """A `ListedProject` as JSON, made once for each state of its row: lists show the same few many times."""
    return Raw(encode_json(listed(row.project())))


def listed(project: Project) -> ListedProject:
    described = project.described
    money = financial(project)
    impact = described.impact
    return ListedProject(
        id=project.id,
        name=described.name,
        description=described.description,
        technology=described.technology,
        capacity_mw=described.capacity_mw,
        location=described.location,
        stage=described.stage,
        risk=project.risk,
        financial=ListedFinancial(
            currency=money.currency,
            target_amount=money.target_amount,
            raised_amount=money.raised_amount,
            funding_percentage=money.funding_percentage,
            min_investment=money.min_investment,
            investor_count=money.investor_count,
            expected_return_annual=money.expected_return_annual,
            total_return=money.expected_return_total,
            payback_period_years=money.payback_period_years,
            funding_deadline=money.funding_deadline,
        ),
        impact=ListedImpact(
            co2_avoided_tons_annual=impact.co2_avoided_tons_annual,
            homes_powered=impact.homes_powered,
            jobs_created=impact.jobs_construction + impact.jobs_operations,
        ),
        rating=_rating(described.rating_breakdown),
        created_at=rfc3339(project.created_at_us),
    )


def shown(project: Project, documents: Sequence[Document], base_url: str) -> ShownProject:
    described = project.described
    return ShownProject(
        id=project.id,
        name=described.name,
        description=described.description,
        technology=described.technology,
        capacity_mw=described.capacity_mw,
        location=described.location,
        stage=described.stage,
        risk=project.risk,
        construction_progress=described.construction_progress,
        expected_cod=described.expected_cod,
        financial=financial(project),
        technical=_technical(project),
        impact=described.impact,
        documents=[shown_document(document, base_url) for document in documents],
        third_party_validation=described.third_party_validation,
        rating=_rating(described.rating_breakdown),
        rating_breakdown=described.rating_breakdown,
        created_at=rfc3339(project.created_at_us),
        updated_at=rfc3339(project.updated_at_us),
    )


def financial(project: Project) -> Financial:
    terms, room = project.described.financial, project.room
    return_bp = project.described.return_bp
    return Financial(
        currency=terms.currency,
        target_amount=show_minor(room.target_minor),
        raised_amount=show_minor(room.raised_minor),
        available_amount=show_minor(room.left_minor),
        funding_percentage=percentage(room.funded),
        min_investment=show_minor(project.min_investment_minor),
        max_investment=show_minor(project.max_investment_minor),
        investor_count=project.investor_count,
        expected_return_annual=show_amount(return_bp, decimals=2),
        expected_return_total=show_amount(return_bp * terms.exit_timeline_years, decimals=2),
        payback_period_years=payback_years(return_bp),
        exit_timeline_years=terms.exit_timeline_years,
        funding_deadline=rfc3339(project.deadline_us),
        accepts_investments=project.described.accepts_investments,
        total_cost=show_minor(minor(terms.total_cost)),
        token_supply=terms.token_supply,
        token_price=show_amount(round_half_even(project.token_price * TOKEN_UNITS), decimals=TOKEN_DECIMALS),
    )


def shown_document(document: Document, base_url: str) -> ShownDocument:
    return ShownDocument(
        id=document.id,
        type=document.type,
        name=document.name,
        url=f"{base_url}/v1/projects/{document.project_id}/documents/{document.id}",
        size_bytes=document.size_bytes,
        sha256=document.sha256,
        uploaded_at=rfc3339(document.uploaded_at_us),
    )


def shown_update(update: ProjectUpdate) -> ShownUpdate:
    return ShownUpdate(
        id=update.id,
        project_id=update.project_id,
        title=update.title,
        content=update.content,
        type=update.type,
        published_at=rfc3339(update.published_at_us),
        attachments=update.attachments,
    )


def _technical(project: Project) -> dict[str, str | int | float]:
    """As described, with the capacity factor behind what it follows from."""
    result: dict[str, str | int | float] = {}
    for name, value in project.described.technical.items():
        result[name] = value
        if name == GENERATION:
            result[CAPACITY_FACTOR] = float(capacity_factor(int(value), project.described.capacity_mw))
    return result


def _rating(ratings: RatingBreakdown | None) -> Decimal | None:
    return None if ratings is None else ratings.mean
