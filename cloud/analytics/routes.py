"""The dashboard, and one's own trades."""

from collections.abc import Mapping
from typing import Any

from litestar import get
from litestar.di import NamedDependency
from litestar.handlers import BaseRouteHandler

from cloud.analytics.service import Analytics
from cloud.identity.model import Person
from cloud.kit.paging import LIMIT_DEFAULT, PageLimit, PageNumber, page_facts
from cloud.ledger.books import Books
from cloud.market.model import Trade, show_lots, show_price_ticks
from cloud.market.service import Market
from cloud.market.settlement import value
from shared.clock import rfc3339
from shared.money import show_amount


@get("/api/v1/analytics/dashboard", status_code=200)
async def dashboard(analytics: NamedDependency[Analytics]) -> dict[str, Any]:
    """Public market statistics; energy in kWh."""
    found = await analytics.dashboard()
    return {
        "total_users": found.users,
        "total_iot_devices": found.devices,
        "total_network_nodes": found.network_nodes,
        "total_energy_traded": show_lots(found.traded_lots),
        "active_orders": found.open_orders,
    }


@get("/api/v1/analytics/transactions", status_code=200)
async def transactions(
    person: NamedDependency[Person],
    market: NamedDependency[Market],
    books: NamedDependency[Books],
    page: PageNumber = 1,
    limit: PageLimit = LIMIT_DEFAULT,
) -> dict[str, Any]:
    """What the person sold (donor) or bought (recipient), newest first."""
    found = await market.trades_of(person, page=page, limit=limit)
    entries = [trade.burn_entry_id for trade in found.trades if trade.burn_entry_id is not None]
    hashes = await books.tx_hashes(entries)
    return {
        "transactions": [_shown(trade, person.account, hashes) for trade in found.trades],
        **page_facts(found.total, page, limit),
    }


def _shown(trade: Trade, account: str, hashes: Mapping[int, str]) -> dict[str, Any]:
    sold = trade.seller == account
    return {
        "id": trade.id,
        "type": "sell" if sold else "buy",
        "role": "donor" if sold else "recipient",
        "order_id": trade.sell_order_id if sold else trade.buy_order_id,
        "counterparty": trade.buyer if sold else trade.seller,
        "kwh_amount": show_lots(trade.lots),
        "token_price": show_price_ticks(trade.price_ticks),
        "total": show_amount(value(trade.lots, trade.price_ticks)),
        "status": trade.status,
        "tx_hash": None if trade.burn_entry_id is None else hashes.get(trade.burn_entry_id),
        "created_at": rfc3339(trade.created_at_us),
        "completed_at": None if trade.completed_at_us is None else rfc3339(trade.completed_at_us),
    }


ROUTES: list[BaseRouteHandler] = [dashboard, transactions]
