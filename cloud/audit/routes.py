"""The export, for anyone."""

from typing import Annotated

from litestar import get
from litestar.di import NamedDependency
from litestar.handlers import BaseRouteHandler
from litestar.params import QueryParameter
from litestar.response import Stream

from cloud.audit.service import Export

INDEX_MAX = 2**63 - 1
MEDIA_TYPE = "application/x-ndjson"

After = Annotated[
    int | None,
    QueryParameter(
        ge=0, le=INDEX_MAX, description="Index of the last leaf that the caller has; absent: none."
    ),
]


@get("/api/v1/ledger/export", status_code=200, media_type=MEDIA_TYPE, tags=["ledger"])
async def export(ledger_export: NamedDependency[Export], after: After = None) -> Stream:
    """Every public entry and every price as JSON Lines, which `lumengrid ledger verify` checks."""
    pieces = await ledger_export.open(after)
    return Stream(
        pieces,
        media_type=MEDIA_TYPE,
        headers={
            "Content-Disposition": 'attachment; filename="ledger.jsonl"',
            "Cache-Control": "no-store",
            "X-Accel-Buffering": "no",
        },
    )


ROUTES: list[BaseRouteHandler] = [export]
