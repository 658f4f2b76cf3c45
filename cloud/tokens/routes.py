"""Token supply, from the same balances as the ledger's own totals."""

from typing import Any

from litestar import get
from litestar.di import NamedDependency
from litestar.handlers import BaseRouteHandler

from cloud.ledger.books import Books
from shared.money import show_amount


@get("/api/v1/tokens/supply", status_code=200, tags=["tokens"])
async def supply(books: NamedDependency[Books]) -> dict[str, Any]:
    found = await books.supply()
    return {
        "total_minted": show_amount(found.minted),
        "total_burned": show_amount(found.burned),
        "circulating_supply": show_amount(found.circulating),
        "total_mint_events": found.mints,
        "token_name": "LT (Los Técnicos Energy Token)",
        "ratio": "1 kWh = 1000 LT",
    }


ROUTES: list[BaseRouteHandler] = [supply]
