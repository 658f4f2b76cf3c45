"""What was flagged, and why."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from litestar import get
from litestar.di import NamedDependency
from litestar.handlers import BaseRouteHandler
from litestar.params import FromPath, QueryParameter

from cloud.finance.anomalies.evidence import Evidence
from cloud.finance.anomalies.explanation import Manner, explain, recommendations
from cloud.finance.anomalies.service import Anomalies
from cloud.finance.currencies import decimals_of
from cloud.finance.transactions.model import Transaction
from cloud.identity.model import Person
from shared.clock import rfc3339
from shared.money import round_decimal, show_amount

LIMIT_DEFAULT = 50
LIMIT_MAX = 1_000
OFFSET_MAX = 1_000_000_000

Limit = Annotated[int, QueryParameter(ge=1, le=LIMIT_MAX, description="Rows at most.")]
Offset = Annotated[int, QueryParameter(ge=0, le=OFFSET_MAX, description="Rows to skip.")]
Unconfirmed = Annotated[bool, QueryParameter(description="Only those nobody decided on.")]


@get("/api/v1/anomalies/flagged", status_code=200)
async def flagged(
    person: NamedDependency[Person],
    anomalies: NamedDependency[Anomalies],
    limit: Limit = LIMIT_DEFAULT,
    offset: Offset = 0,
    unconfirmed_only: Unconfirmed = True,
) -> dict[str, Any]:
    """What asks for a look, the newest first."""
    found = await anomalies.flagged(person, unconfirmed_only=unconfirmed_only, limit=limit, offset=offset)
    return {
        "flagged_transactions": [_shown(row, evidence) for row, evidence in found.rows],
        "total": found.total,
        "pending_review": found.pending,
    }


@get("/api/v1/anomalies/{transaction_id:int}/explain", status_code=200)
async def explanation(
    person: NamedDependency[Person], anomalies: NamedDependency[Anomalies], transaction_id: FromPath[int]
) -> dict[str, Any]:
    """In words, with amounts as the person's country writes them."""
    found = await anomalies.explained(person, transaction_id)
    profile = found.profile
    manner = Manner(profile.locale, profile.currency, ZoneInfo(profile.timezone))
    return {
        "transaction_id": transaction_id,
        "explanation": explain(
            found.transaction, found.evidence, manner, forest_installed=found.forest_installed
        ),
        "recommendations": recommendations(found.transaction, found.evidence, manner),
    }


def _shown(row: Transaction, evidence: Evidence) -> dict[str, Any]:
    return {
        "id": row.transaction_id,
        "amount": show_amount(row.amount_minor, decimals=decimals_of(row.currency)),
        "merchant": row.merchant_name_raw,
        "category": row.category,
        "date": rfc3339(row.at_us),
        "anomaly_score": _rounded(row.anomaly_score, 2),
        "anomaly_reason": row.anomaly_reason,
        "evidence": _shown_evidence(evidence, row.currency),
        "requires_action": row.confirmed is None,
    }


def _shown_evidence(evidence: Evidence, currency: str) -> Mapping[str, Any]:
    """The average and deviation are those of one purchase, from which z is computed."""
    places = decimals_of(currency)
    return {
        "avg_monthly_spend_in_category": _money(evidence.mean_minor, places),
        "std_deviation": _money(evidence.deviation_minor, places),
        "z_score": _rounded(evidence.z, 2),
        "isolation_forest_score": _rounded(evidence.decision, 4),
        "similar_transactions": list(evidence.similar),
    }


def _money(minor: float | None, places: int) -> Decimal | None:
    return None if minor is None else round_decimal(Decimal(repr(minor)).scaleb(-places), places)


def _rounded(value: float | None, places: int) -> Decimal | None:
    return None if value is None else round_decimal(value, places)


ROUTES: list[BaseRouteHandler] = [flagged, explanation]
