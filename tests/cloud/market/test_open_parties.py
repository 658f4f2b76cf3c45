"""Who stands behind supply and demand: whoever's order counts for the price, once for each side."""

import pytest

from cloud.market.model import OpenParty, Side
from cloud.market.service import Market


@pytest.fixture
def market(store, clock, events, ledger) -> Market:
    return Market(store, clock, events, ledger, None)


async def put_order(store, order_id, account, side, *, lots=10, lots_open=10, status="Created"):
    async with store.write() as tx:
        await tx.execute(
            "INSERT INTO orders (id, account, side, cover, lots, lots_open, price_ticks, status,"
            " created_at_us) VALUES (:id, :account, :side, 'covered', :lots, :lots_open, 1, :status, 0)",
            {
                "id": order_id,
                "account": account,
                "side": side,
                "lots": lots,
                "lots_open": lots_open,
                "status": status,
            },
        )


async def open_parties(store, market):
    async with store.read() as tx:
        return list(await market.open_parties(tx))


async def test_a_party_counts_once_for_each_side(store, market):
    await put_order(store, "a", "acct_1", "sell")
    await put_order(store, "b", "acct_1", "sell")
    await put_order(store, "c", "acct_1", "buy")
    await put_order(store, "d", "acct_2", "buy")

    assert await open_parties(store, market) == [
        OpenParty(side=Side.BUY, account="acct_1", owner_person_id=None),
        OpenParty(side=Side.BUY, account="acct_2", owner_person_id=None),
        OpenParty(side=Side.SELL, account="acct_1", owner_person_id=None),
    ]


async def test_small_and_closed_orders_make_no_party(store, market):
    await put_order(store, "small", "acct_1", "sell", lots=9, lots_open=9)
    await put_order(store, "nearly filled", "acct_2", "buy", lots=100, lots_open=9)
    await put_order(store, "gone", "acct_3", "buy", status="Cancelled")

    assert await open_parties(store, market) == []
