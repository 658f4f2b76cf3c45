"""Taking apart what was merged."""

from typing import Any

from litestar import post
from litestar.di import NamedDependency
from litestar.handlers import BaseRouteHandler
from litestar.params import FromPath

from cloud.finance.duplicates.service import Duplicates
from cloud.identity.model import Person


@post("/api/v1/transactions/{transaction_id:int}/unmerge", status_code=200)
async def unmerge(
    person: NamedDependency[Person], duplicates: NamedDependency[Duplicates], transaction_id: FromPath[int]
) -> dict[str, Any]:
    """Let a transaction that was taken for another's copy stand for itself again, for good."""
    row = await duplicates.unmerge(person, transaction_id)
    return {
        "transaction_id": row.transaction_id,
        "flagged": row.flagged,
        "message": "Transaction stands for itself again",
    }


ROUTES: list[BaseRouteHandler] = [unmerge]
